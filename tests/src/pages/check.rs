//! Runs the blocks of a page, and reports on each.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::console::commands;
use super::page::{Block, Marker, Page};
use super::project::{Project, build};
use super::session::Session;
use crate::apache_kafka::{KafkaNode, NodeOptions, availability};
use crate::is_enabled;

/// The port of the Kafka broker that a block may need.
const KAFKA_PORT: u16 = 9092;

/// The maximum time for the start of that broker.
const KAFKA_START_LIMIT: Duration = Duration::from_mins(1);

/// Runs and builds the blocks of pages.
#[derive(Debug)]
pub struct Checker {
    clone: PathBuf,
    packages: PathBuf,
    newest: bool,
    environment: Vec<(OsString, Option<OsString>)>,
    kafka: Option<KafkaNode>,
}

/// The outcome of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its commands succeeded with the expected output.
    Ran,
    /// It built.
    Built,
    /// `.ci/run` runs its commands.
    RunByCi,
    /// It was not run, for this reason.
    NotRun(String),
    /// What is wrong with it.
    Failed(String),
}

/// The outcomes of the blocks of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The page's path.
    pub page: String,
    /// The number of blocks of the page, counted by its fences.
    pub fences: usize,
    /// The line of each block that was found, and its outcome.
    pub outcomes: Vec<(usize, Outcome)>,
}

impl Checker {
    /// Creates a checker whose commands run in `clone`, and whose packages are written to `packages`. All of them build into
    /// `target`, which must not be the folder of another work tree: cargo would confuse their files.
    ///
    /// Packages use the versions of the clone's `Cargo.lock`, so that a new release of a dependency breaks no check; with
    /// `newest` they use those that cargo finds without that file.
    ///
    /// # Errors
    ///
    /// When `PATH` cannot be read.
    pub fn new(clone: &Path, packages: &Path, target: &Path, newest: bool) -> anyhow::Result<Self> {
        Ok(Self {
            clone: clone.to_owned(),
            packages: packages.to_owned(),
            newest,
            environment: environment(target, &packages.join("installed"))?,
            kafka: None,
        })
    }

    /// Runs and builds the blocks of a page, in order, and calls `done` with the line and the outcome of each.
    pub fn check(&mut self, page: &Page, mut done: impl FnMut(usize, &Outcome)) -> Report {
        let mut report = Report {
            page: page.path.clone(),
            fences: page.fences,
            outcomes: Vec::new(),
        };
        for (index, block) in page.blocks.iter().enumerate() {
            let outcome = self.outcome(page, index);
            let outcome = outcome.unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
            done(block.line, &outcome);
            report.outcomes.push((block.line, outcome));
        }
        report
    }

    fn outcome(&mut self, page: &Page, index: usize) -> anyhow::Result<Outcome> {
        let block = &page.blocks[index];
        match &block.marker {
            Some(Marker::NotRun(reason)) => return Ok(Outcome::NotRun(reason.clone())),
            Some(Marker::RunByCi) => return self.run_by_ci(block),
            Some(Marker::NeedsKafka) => {
                if let Err(reason) = availability()
                    && !is_enabled("LIVEBUS_REQUIRE_KAFKA")
                {
                    return Ok(Outcome::NotRun(format!("it needs Kafka: {reason}")));
                }
                self.start_kafka()?;
            }
            None => {}
        }
        match block.language.as_str() {
            "console" => self.run(block),
            "rust" => {
                let manifest = manifest_above(page, index)
                    .context("no `toml` block above it names its dependencies")?;
                self.build(&manifest.text, &block.text)
            }
            // It is built with the `rust` blocks below it.
            "toml" if has_source_below(page, index) => Ok(Outcome::Built),
            "toml" => self.build(&block.text, ""),
            other => Ok(Outcome::Failed(format!(
                "a `{other}` block is neither run nor built: write <!-- not run: REASON --> above it"
            ))),
        }
    }

    fn run(&self, block: &Block) -> anyhow::Result<Outcome> {
        let mut session = Session::start(&self.clone, &self.environment)?;
        for command in commands(&block.text)? {
            session.run(&command)?;
        }
        session.end()?;
        Ok(Outcome::Ran)
    }

    fn build(&self, manifest: &str, source: &str) -> anyhow::Result<Outcome> {
        let lock = (!self.newest).then(|| self.clone.join("Cargo.lock"));
        let package = Project::new(manifest, source).write(&self.packages, lock.as_deref())?;
        build(&package, &self.environment)?;
        Ok(Outcome::Built)
    }

    fn run_by_ci(&self, block: &Block) -> anyhow::Result<Outcome> {
        let script = fs::read_to_string(self.clone.join(".ci/run"))?;
        for command in commands(&block.text)? {
            let is_run = script.lines().any(|line| {
                let rest = line.trim().strip_prefix(&command.text);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" 2>&1 |"))
            });
            ensure!(is_run, "`.ci/run` does not run `{}`", command.text);
        }
        Ok(Outcome::RunByCi)
    }

    fn start_kafka(&mut self) -> anyhow::Result<()> {
        if self.kafka.is_none() {
            let mut node = KafkaNode::new(&NodeOptions {
                port: Some(KAFKA_PORT),
                ..NodeOptions::default()
            })?;
            node.start()?;
            node.wait_until_it_answers(KAFKA_START_LIMIT)?;
            self.kafka = Some(node);
        }
        Ok(())
    }
}

fn manifest_above(page: &Page, index: usize) -> Option<&Block> {
    let mut above = page.blocks[..index].iter().rev();
    above.find(|block| block.language == "toml" && block.marker.is_none())
}

fn has_source_below(page: &Page, index: usize) -> bool {
    page.blocks[index + 1..]
        .iter()
        .filter(|block| block.marker.is_none())
        .take_while(|block| block.language != "toml")
        .any(|block| block.language == "rust")
}

/// Returns the environment of a user who has just cloned the repository, except for one target folder, which saves building
/// everything again.
fn environment(
    target: &Path,
    installed: &Path,
) -> anyhow::Result<Vec<(OsString, Option<OsString>)>> {
    let inherited = env::var_os("PATH").context("there is no PATH")?;
    let paths = [installed.join("bin")].into_iter();
    let path = env::join_paths(paths.chain(env::split_paths(&inherited)))?;
    let set = [
        ("CARGO_TARGET_DIR", target.as_os_str().to_owned()),
        ("CARGO_INSTALL_ROOT", installed.as_os_str().to_owned()),
        ("CARGO_TERM_COLOR", "never".into()),
        ("NO_COLOR", "1".into()),
        ("PATH", path),
    ];
    // The variables that `cargo run` sets for this program, and those that change the behavior of livebus.
    let unset = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        ["CARGO_PKG_", "CARGO_MANIFEST_", "LIVEBUS_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    });
    Ok(unset
        .map(|name| (name, None))
        .chain(set.map(|(name, value)| (name.into(), Some(value))))
        .collect())
}

impl Report {
    /// Returns the failures of the page.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = self
            .outcomes
            .iter()
            .filter_map(|(line, outcome)| match outcome {
                Outcome::Failed(reason) => Some(format!("{}:{line}: {reason}", self.page)),
                Outcome::Ran | Outcome::Built | Outcome::RunByCi | Outcome::NotRun(_) => None,
            })
            .collect();
        if self.fences != self.outcomes.len() {
            failures.push(format!(
                "{}: {} blocks by its fences, but {} were found",
                self.page,
                self.fences,
                self.outcomes.len()
            ));
        }
        failures
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ran => f.write_str("ran"),
            Self::Built => f.write_str("built"),
            Self::RunByCi => f.write_str("run by .ci/run"),
            Self::NotRun(reason) => write!(f, "not run: {reason}"),
            Self::Failed(_) => f.write_str("FAILED"),
        }
    }
}
