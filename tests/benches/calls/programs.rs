//! The programs of the pairs: this one, and those that Go builds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::target_folder;

use crate::Task;
use crate::services::{BARE, LIVEBUS_ON_ASYNC_STD, LIVEBUS_ON_TOKIO};

/// The folders of the sources.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// The names of the pairs that Go builds, which are those of their folders.
const GO: [&str; 1] = ["franz-go-calls"];

#[derive(Debug)]
pub(crate) struct Programs {
    this: PathBuf,
    /// Those that could be built, with their names.
    go: Vec<(&'static str, PathBuf)>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Programs {
    /// Builds what is not there.
    pub(crate) fn build() -> anyhow::Result<Self> {
        let folder = target_folder().join("peers");
        fs::create_dir_all(&folder)?;
        let mut go = Vec::new();
        for name in GO {
            match build_with_go(&folder, name) {
                Ok(path) => go.push((name, path)),
                Err(error) => eprintln!("without {name}: {error:#}"),
            }
        }
        Ok(Self {
            this: env::current_exe()?,
            go,
        })
    }

    /// Returns the names of the pairs.
    pub(crate) fn pairs(&self) -> Vec<&'static str> {
        let go = self.go.iter().map(|(name, _)| *name);
        [BARE, LIVEBUS_ON_TOKIO, LIVEBUS_ON_ASYNC_STD]
            .into_iter()
            .chain(go)
            .collect()
    }

    pub(crate) fn command(&self, task: &Task) -> Command {
        let common = [
            task.role.name().to_owned(),
            task.servers.clone(),
            task.requests.clone(),
            task.replies.clone(),
            task.bytes.to_string(),
        ];
        let loads = task.loads.iter().map(ToString::to_string);
        let common = common.into_iter().chain(loads);
        if let Some((_, program)) = self.go.iter().find(|(name, _)| *name == task.pair) {
            return Command {
                program: program.clone(),
                arguments: common.collect(),
            };
        }
        let own = ["serve".to_owned(), task.pair.clone()];
        Command {
            program: self.this.clone(),
            arguments: own.into_iter().chain(common).collect(),
        }
    }
}

fn build_with_go(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let program = folder.join(name);
    let output = process::Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(format!("{SOURCES}/{name}"))
        .stdin(Stdio::null())
        .output()
        .context("cannot run go")?;
    ensure!(
        output.status.success(),
        "go failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(program)
}
