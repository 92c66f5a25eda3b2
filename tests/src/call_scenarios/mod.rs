//! Scenarios of `Calls`: text files below `tests/scenarios/calls/`, one script each, with expected results that a command rewrites.
//!
//! A file has two parts, as those of the [dispatcher](crate::dispatch_scenarios) have: the script, a line of four dashes, and the expected
//! results. The client is instance 7 in epoch 5.
//!
//! | line | meaning |
//! |---|---|
//! | the first | the sentence, which no other scenario has |
//! | `rules: 12, 13` | the rules of `docs/calls-rules.md` that it shows |
//! | `fault: TEXT` | for the reader: the fault of the VOLTHA library that it is about |
//! | `settings: NAME` | `plain` (the default) or `defaults` |
//! | `setting FIELD: VALUE` | one field of the settings, such as `limits.calls`; times are milliseconds |
//! | `assignments: ANSWERS`, `sends: ANSWERS` | the answers, one after the other; the last one repeats. By default `never` |
//! | `at TIME WHAT`, `every TIME from TIME, N times: WHAT`, `until TIME` | as for the dispatcher |
//!
//! ANSWERS are `ok after 10, then Unreachable after 10, then never`; a send that fails did not leave.
//!
//! WHAT is an input, `as of TIME: INPUT` with an instant that is not the clock's, `blocked for TIME` (the runner does not wake up for its
//! timer), `read bounds`, `read in flight` or `read deadline`. INPUT is one of these; the expected results repeat it as it is written:
//!
//! - `bus ready`, `bus not ready Unreachable`, `shutdown`, `timeout`;
//! - `called #1 until 500`, with ` of 20 bytes` (else 1 byte), with ` idempotent`;
//! - `send #1/2 acknowledged`, `send #1/2 not sent Unreachable`, `send #1/2 unknown Timeout`: call 1, attempt 2;
//! - `reply #1 done`, `reply #1 refused TooLate`, `reply #1 refused TooLate perhaps begun`; `reply #1 of 8/5 done`: instance 8, epoch 5;
//! - `cancel #1`;
//! - `assignment #1 ok`, `assignment #1 failed NoLeader`;
//! - `replies lost Unreachable`, `replies unreachable NoLeader`, `replies reachable`.
//!
//! At one instant inputs come first, in the order of the lines, then answers, then the timer.

use std::io;
use std::path::Path;

use livebus_core::calls::Action;

use crate::scenario_files::{ParseError, ScenarioFile, in_runs, parse_error, read_all, root};

mod driver;
mod inputs;
mod results;
mod script;
mod settings;

/// All kinds of inputs of `Calls`, as [`CallScenario::inputs`] returns them.
pub const INPUT_KINDS: &[&str] = inputs::KINDS;

/// One scenario of `Calls`.
#[derive(Debug, Clone)]
pub struct CallScenario {
    /// The situation and the outcome, as a sentence.
    pub sentence: String,
    /// The rules of `docs/calls-rules.md` that it shows.
    pub rules: Vec<u32>,
    file: ScenarioFile,
    actual: Vec<String>,
    actions: Vec<Action>,
    inputs: Vec<String>,
}

/// Every scenario of `Calls`, in the order of the file names.
///
/// # Errors
///
/// The first invalid file: where, what is wrong, and the remedy.
pub fn call_scenarios() -> Result<Vec<CallScenario>, ParseError> {
    read_all(&root().join("calls"), CallScenario::parse)
}

impl CallScenario {
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
            actions: run.actions,
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

    /// All actions of the core.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The kinds of all inputs of the core, such as `send acknowledged`, or `stale send acknowledged`.
    #[must_use]
    pub fn inputs(&self) -> &[String] {
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
