//! A fresh clone of the working commit.

use std::collections::hash_map::DefaultHasher;
use std::env;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::REPORTS;

/// A folder outside of every workspace, with a clone of one repository in `livebus/`.
///
/// Its path is the same each time, so that cargo replaces what it built for the clone before. It is locked while this value
/// lives.
#[derive(Debug)]
pub struct Checkout {
    folder: PathBuf,
    _locked: File,
}

impl Checkout {
    /// Clones the commit that is checked out in `repository`. Waits while another process checks the same repository.
    ///
    /// # Errors
    ///
    /// When git or the file system fails.
    pub fn new(repository: &Path) -> anyhow::Result<Self> {
        let repository = repository.canonicalize()?;
        let mut hasher = DefaultHasher::new();
        repository.hash(&mut hasher);
        let folder = env::temp_dir().join(format!("livebus-pages-{:016x}", hasher.finish()));
        fs::create_dir_all(&folder)?;
        let locked = File::create(folder.join("lock"))?;
        locked.lock()?;

        let checkout = Self {
            folder,
            _locked: locked,
        };
        checkout.empty(|_| true)?;
        let commit = git(&repository, &["rev-parse", "HEAD"])?;
        let from = repository.display().to_string();
        let to = checkout.clone_path().display().to_string();
        git(
            &checkout.folder,
            &["clone", "--quiet", "--no-checkout", &from, &to],
        )?;
        git(
            &checkout.clone_path(),
            &["checkout", "--quiet", "--detach", commit.trim()],
        )?;
        Ok(checkout)
    }

    /// Returns whether `repository` has uncommitted changes, which a clone does not have.
    ///
    /// # Errors
    ///
    /// When git fails.
    pub fn is_behind(repository: &Path) -> anyhow::Result<bool> {
        Ok(!git(repository, &["status", "--porcelain"])?.is_empty())
    }

    /// Returns the path of the clone.
    #[must_use]
    pub fn clone_path(&self) -> PathBuf {
        self.folder.join("livebus")
    }

    /// Returns the folder that contains the clone. Packages beside the clone are outside of the workspace.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the paths of all Markdown files of the commit, except those that report ([`REPORTS`]).
    ///
    /// # Errors
    ///
    /// When git fails.
    pub fn pages(&self) -> anyhow::Result<Vec<String>> {
        let files = git(&self.clone_path(), &["ls-files", "*.md"])?;
        let pages = files.lines().filter(|page| !REPORTS.contains(page));
        Ok(pages.map(str::to_owned).collect())
    }

    /// Removes everything that is not in the commit: in the clone and beside it.
    ///
    /// # Errors
    ///
    /// When git or the file system fails.
    pub fn clean(&self) -> anyhow::Result<()> {
        git(&self.clone_path(), &["reset", "--quiet", "--hard"])?;
        git(&self.clone_path(), &["clean", "-ffdxq"])?;
        self.empty(|path| path != self.clone_path())
    }

    /// Removes the folders that are `unwanted`.
    fn empty(&self, unwanted: impl Fn(&Path) -> bool) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() && unwanted(&path) {
                fs::remove_dir_all(&path)
                    .with_context(|| format!("cannot remove {}", path.display()))?;
            }
        }
        Ok(())
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        // The next checkout removes what is left.
        let _ = self.empty(|_| true);
    }
}

/// Runs `git` in `folder` and returns its output.
fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .output()
        .context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git {} failed:\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
