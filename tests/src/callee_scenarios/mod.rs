//! Scenarios of `Callee`: text files below `tests/scenarios/callee/`, one script each, with expected results that a command rewrites.
//!
//! A file has two parts, as those of the [dispatcher](crate::dispatch_scenarios) have: the script, a line of four dashes, and the expected
//! results. The calls are those of instance 7 in epoch 5, the partition is the first one of its handler.
//!
//! | line | meaning |
//! |---|---|
//! | the first | the sentence, which no other scenario has |
//! | `rules: 31, 32` | the rules of `docs/calls-rules.md` that it shows |
//! | `settings: NAME` | `plain` (the default) or `defaults` |
//! | `setting FIELD: VALUE` | one field of the settings, such as `old_replies`; times are milliseconds |
//! | `at TIME WHAT`, `every TIME from TIME, N times: WHAT`, `until TIME` | as for the dispatcher |
//!
//! WHAT is one of these; the expected results repeat it as it is written. `in 1` names the generation of the assignment:
//!
//! - `assigned in 1`, `ended in 1`;
//! - `fetched 5 in 1 call 3 for 1000`: offset 5, call 3, with 1,000 ms; with ` aged 200` (else 0) and then ` key 7`;
//! - `cancel of call 3 in 1`;
//! - `begin 5 in 1`, `committed 6 in 1`, `ran 5 in 1`, `ran 5 in 1 without a reply`;
//! - `read held`.

use std::io;
use std::path::Path;

use livebus_core::calls::Decision;

use crate::scenario_files::{ParseError, ScenarioFile, in_runs, parse_error, read_all, root};

mod driver;
mod script;

/// All kinds of inputs of `Callee`, as [`CalleeScenario::inputs`] returns them.
pub const INPUT_KINDS: &[&str] = script::KINDS;

/// One scenario of `Callee`.
#[derive(Debug, Clone)]
pub struct CalleeScenario {
    /// The situation and the outcome, as a sentence.
    pub sentence: String,
    /// The rules of `docs/calls-rules.md` that it shows.
    pub rules: Vec<u32>,
    file: ScenarioFile,
    actual: Vec<String>,
    decisions: Vec<Decision>,
    inputs: Vec<&'static str>,
}

/// Every scenario of `Callee`, in the order of the file names.
///
/// # Errors
///
/// The first invalid file: where, what is wrong, and the remedy.
pub fn callee_scenarios() -> Result<Vec<CalleeScenario>, ParseError> {
    read_all(&root().join("callee"), CalleeScenario::parse)
}

impl CalleeScenario {
    /// Parses `text` as the file at `path`, and runs its script on the core.
    ///
    /// # Errors
    ///
    /// When the text is invalid.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ParseError> {
        let file = ScenarioFile::parse(path, text);
        let read = script::read(&file.script)
            .map_err(|(line, problem)| parse_error(path, line, problem))?;
        let run = driver::drive(&read);
        Ok(Self {
            file,
            actual: in_runs(&run.lines),
            decisions: run.decisions,
            inputs: run.inputs,
            sentence: read.sentence,
            rules: read.rules,
        })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Its theme: the name of the folder of its file.
    #[must_use]
    pub fn theme(&self) -> String {
        self.file.theme()
    }

    /// All decisions of the core.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The kinds of all inputs of the core, such as `begin`.
    #[must_use]
    pub fn inputs(&self) -> &[&'static str] {
        &self.inputs
    }

    /// Compares what the core does with the expected results.
    ///
    /// # Errors
    ///
    /// Where the two differ.
    pub fn check(&self) -> Result<(), String> {
        self.file.check(&self.actual)
    }

    /// Writes what the core does in place of the expected results.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn rewrite(&self) -> io::Result<()> {
        self.file.rewrite(&self.actual)
    }
}
