//! The programs of the pairs: this one, and those that Go builds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::{KafkaVersion, target_folder};

use crate::Task;
use crate::services::{BARE, LIVEBUS_ON_ASYNC_STD, LIVEBUS_ON_TOKIO};

/// The folders of the sources.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

/// The pairs that Go builds: their names, their folders, and their packages there.
const GO: [(&str, &str, &str); 2] = [
    ("franz-go", "franz-go-calls", "."),
    (VOLTHA, "voltha-inter-container", "./calls"),
];

/// The original library of VOLTHA, which does not work with Kafka 4.
pub(crate) const VOLTHA: &str = "voltha-lib-go";

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
    pub(crate) fn build(kafka: KafkaVersion) -> anyhow::Result<Self> {
        let folder = target_folder().join("peers/calls");
        fs::create_dir_all(&folder)?;
        let mut go = Vec::new();
        for (name, source, package) in GO {
            if name == VOLTHA && kafka != KafkaVersion::BeforeKafka4 {
                eprintln!("without {name}: it needs --before-kafka-4");
                continue;
            }
            let program = folder.join(name);
            match build_with_go(&program, source, package) {
                Ok(()) => go.push((name, program)),
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

fn build_with_go(program: &Path, source: &str, package: &str) -> anyhow::Result<()> {
    let output = process::Command::new("go")
        .args(["build", "-o"])
        .arg(program)
        .arg(package)
        .current_dir(format!("{SOURCES}/{source}"))
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
    Ok(())
}
