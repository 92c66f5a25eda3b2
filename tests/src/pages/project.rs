//! A package made of a manifest and a source of a page.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::session::tail;

/// A package of a page: a manifest, and one source file.
#[derive(Debug)]
pub(super) struct Project {
    manifest: String,
    source: String,
}

impl Project {
    /// Creates the package of a `toml` block and a `rust` block. A manifest without `[package]` gets the one of `cargo new`.
    pub(super) fn new(manifest: &str, source: &str) -> Self {
        let manifest = if manifest.contains("[package]") {
            manifest.to_owned()
        } else {
            format!(
                "[package]\nname = \"my-service\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n{manifest}"
            )
        };
        Self {
            manifest,
            source: source.to_owned(),
        }
    }

    /// Writes it into a folder with its name below `folder`, and replaces an earlier package of that name. With `lock`, that file
    /// becomes its first `Cargo.lock`.
    ///
    /// # Errors
    ///
    /// When it has no name, or cannot be written.
    pub(super) fn write(&self, folder: &Path, lock: Option<&Path>) -> anyhow::Result<PathBuf> {
        let name = self.name().context("the manifest names no package")?;
        let package = folder.join(name);
        if package.exists() {
            fs::remove_dir_all(&package)?;
        }
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("Cargo.toml"), &self.manifest)?;
        let file = if self.source.contains("fn main(") {
            "src/main.rs"
        } else {
            "src/lib.rs"
        };
        fs::write(package.join(file), &self.source)?;
        if let Some(lock) = lock.filter(|lock| lock.exists()) {
            fs::copy(lock, package.join("Cargo.lock"))?;
        }
        Ok(package)
    }

    fn name(&self) -> Option<&str> {
        let (_, package) = self.manifest.split_once("[package]")?;
        let (_, after) = package.split_once("name = \"")?;
        after.split('"').next()
    }
}

/// Builds the package in `folder`, with these environment variables set (`None`: unset).
///
/// # Errors
///
/// When it does not build, or builds with a warning.
pub(super) fn build(
    folder: &Path,
    environment: &[(OsString, Option<OsString>)],
) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .args(["build", "--quiet"])
        .current_dir(folder)
        .stdin(Stdio::null());
    for (name, value) in environment {
        match value {
            Some(value) => cargo.env(name, value),
            None => cargo.env_remove(name),
        };
    }
    let output = cargo.output().context("cannot run cargo")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && !text.lines().any(|line| line.starts_with("warning")),
        "it does not build, or builds with warnings:\n{}",
        tail(&text)
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Project;

    #[test]
    fn manifest_without_a_package_gets_that_of_cargo_new() {
        let project = Project::new("[dependencies]\n", "");
        assert_eq!(project.name(), Some("my-service"));
        let whole = "[package]\nname = \"other\"\n\n[dependencies]\n";
        assert_eq!(Project::new(whole, "").name(), Some("other"));
    }
}
