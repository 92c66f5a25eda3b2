//! The programs of the consumers: this one, Java with the jars that Maven fetches, and the one that Go builds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::target_folder;

use crate::Task;
use crate::rows::{LIVEBUS, Row};

/// The folders of the sources, with what they need.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");

#[derive(Debug)]
pub(crate) struct Programs {
    this: PathBuf,
    /// Where the jars are; `None` if they cannot be had.
    jars: Option<PathBuf>,
    franz_go: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
}

impl Programs {
    /// Fetches and builds what is not there.
    pub(crate) fn build() -> anyhow::Result<Self> {
        let folder = target_folder().join("peers");
        fs::create_dir_all(&folder)?;
        let found = |name: &str, built: anyhow::Result<PathBuf>| match built {
            Ok(path) => Some(path),
            Err(error) => {
                eprintln!("without {name}: {error:#}");
                None
            }
        };
        Ok(Self {
            this: env::current_exe()?,
            jars: found("the Parallel Consumer", jars(&folder)),
            franz_go: found("franz-go", franz_go(&folder)),
        })
    }

    /// Returns the consumers of a row.
    pub(crate) fn consumers(&self, row: Row) -> Vec<&'static str> {
        let own: &[&str] = match row {
            Row::Throughput => &["bare", "bare-with-commits", "at-least-once", LIVEBUS],
            Row::Keys => &["naive-loop", LIVEBUS],
            Row::Slow => &["bare-with-commits", LIVEBUS],
        };
        let java: &[&str] = match row {
            Row::Throughput | Row::Slow => &["java-client", "parallel-consumer"],
            Row::Keys => &["parallel-consumer"],
        };
        let java = if self.jars.is_some() { java } else { &[] };
        let go: &[&str] = if self.franz_go.is_some() {
            &["franz-go"]
        } else {
            &[]
        };
        [own, java, go].concat()
    }

    pub(crate) fn command(&self, task: &Task) -> Command {
        let common = [
            task.servers.clone(),
            task.topic.clone(),
            task.group.clone(),
            task.row.topic().to_owned(),
            task.records.to_string(),
            task.calls.to_string(),
        ];
        match (task.name.as_str(), &self.jars, &self.franz_go) {
            ("java-client" | "parallel-consumer", Some(jars), _) => {
                let source = Path::new(SOURCES).join("parallel-consumer/Peer.java");
                let class_path = format!("{}/*", jars.display());
                let java = ["-cp".to_owned(), class_path, source.display().to_string()];
                let arguments = java.into_iter().chain([task.name.clone()]).chain(common);
                Command {
                    program: PathBuf::from("java"),
                    arguments: arguments.collect(),
                }
            }
            ("franz-go", _, Some(program)) => Command {
                program: program.clone(),
                arguments: common.to_vec(),
            },
            (name, _, _) => {
                let own = ["consume".to_owned(), name.to_owned()];
                Command {
                    program: self.this.clone(),
                    arguments: own.into_iter().chain(common).collect(),
                }
            }
        }
    }
}

/// Fetches the jars with Maven, unless that was done before.
fn jars(folder: &Path) -> anyhow::Result<PathBuf> {
    let jars = folder.join("parallel-consumer-0.5.3.2");
    if !jars.is_dir() {
        let unfinished = tempfile::TempDir::new_in(folder)?;
        let mut maven = process::Command::new("mvn");
        maven
            .args(["-q", "-B", "-f"])
            .arg(format!("{SOURCES}/parallel-consumer/pom.xml"))
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", unfinished.path().display()));
        run(&mut maven)?;
        fs::rename(unfinished.keep(), &jars)?;
    }
    Ok(jars)
}

fn franz_go(folder: &Path) -> anyhow::Result<PathBuf> {
    let program = folder.join("franz-go");
    let mut go = process::Command::new("go");
    go.args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(format!("{SOURCES}/franz-go"));
    run(&mut go)?;
    Ok(program)
}

fn run(command: &mut process::Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
