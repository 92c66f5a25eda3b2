//! Scenarios: text files below `tests/scenarios/`, one script each, with expected results that a command rewrites.
//!
//! A file has two parts, separated by a line of four dashes. The first part is the script: a sentence that states situation and
//! outcome, and what differs from a bus that answers every operation at once, under [`plain`](super::plain) settings. The
//! second part has the expected results: the inputs and actions of the core, each with its millisecond, in the order of its
//! steps. At one wake all inputs stand before all actions. Blank lines and lines that begin with `#` are ignored in the script.
//!
//! | line | meaning |
//! |---|---|
//! | the first | the sentence, which no other scenario has |
//! | `core only: REASON` | no runner can play it |
//! | `settings: NAME` | `plain` (the default), `defaults`, `fast` or `as in VOLTHA` |
//! | `setting FIELD: VALUE` | one field of the settings; times are milliseconds, a back-off is `500 to 30000, jitter 20` |
//! | `start: ANSWERS` | the answers of the starts, one after the other; the last one repeats |
//! | `liveness: ANSWERS`, `stop: ANSWERS` | the same for liveness messages and for the stop |
//! | `handler "NAME", required: ANSWERS` | a handler, `required` or `optional`, and the answers of its registrations |
//! | `at TIME WHAT` | something that happens at that instant; lines are in the order of time |
//! | `every TIME from TIME, N times: WHAT` | the same, N times |
//! | `until TIME` | when the scenario ends |
//!
//! ANSWERS are `ok after 10, then Unreachable after 10, then panics after 10, then never`; without `after` at once; with
//! `, delayed 100` the answer is in the inbox, and the loop takes it 100 ms later.
//!
//! WHAT is `traffic`, `suspicion CLASS`, `client lost CLASS`, `previous client lost CLASS` (the one before the current),
//! `shutdown`, `handle dropped`, `blocked for TIME` (neither the loop nor an operation can run), `read readiness` (a reader
//! queries whether the service is ready), or `start again` (a second supervision, after the first has ended).
//!
//! In a scenario for the core alone it is also `input: INPUT`, or `input as of TIME: INPUT` with an instant that is not the
//! clock's. INPUT is `start #1 answered ok` (or `liveness`, `registration`, `stop`; or a failure in place of `ok`), `traffic`,
//! `traffic seen at TIME`, `suspicion CLASS`, `client #1 lost CLASS`, `shutdown` or `timeout`. The expected results use the same
//! words.
//!
//! A file is `THEME/NN-A-FEW-WORDS.txt`. The numbers of a theme are 01, 02 and so on; the words are two to five.

use std::io;
use std::path::Path;

use livebus_core::Action;
use livebus_runner::Entry;

use super::environment::Environment;
use super::input_record::{InputRecord, input_records};
use super::reference_driver::drive;
use super::step::Step;
use crate::scenario_files::{ParseError, ScenarioFile, parse_error, read_all, read_one, root};

mod results;
mod script;
mod settings;
mod words;

/// One scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The situation and the outcome, as a sentence.
    pub sentence: String,
    /// The script that the bus and the environment follow.
    pub environment: Environment,
    /// Why no runner can play it, if none can.
    pub core_only: Option<String>,
    file: ScenarioFile,
    actual: Vec<String>,
    input_records: Vec<InputRecord>,
    actions: Vec<Action>,
}

/// The scenario of a full lifecycle, short enough for a thousand supervisors at once.
///
/// # Errors
///
/// When its file is missing or invalid.
pub fn lifecycle() -> Result<Scenario, ParseError> {
    Scenario::read(&root().join("lifecycle/01-full-lifecycle.txt"))
}

/// Every scenario, in the order of the file names.
///
/// # Errors
///
/// The first invalid file: where, what is wrong, and the remedy.
pub fn scenarios() -> Result<Vec<Scenario>, ParseError> {
    read_all(&root(), Scenario::parse)
}

impl Scenario {
    /// Reads the scenario at `path`, and runs its script on the core.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, ParseError> {
        read_one(path, Self::parse)
    }

    /// Parses `text` as the file at `path`, and runs its script on the core.
    ///
    /// # Errors
    ///
    /// When the text is invalid.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ParseError> {
        let file = ScenarioFile::parse(path, text);
        let read = script::read(&file.script)
            .map_err(|(line, problem)| parse_error(path, line, problem))?;
        let steps = drive(&read.environment).map_err(|invalid| {
            let line = read.line_at(invalid.at);
            parse_error(path, line, invalid.problem)
        })?;
        Ok(Self {
            file,
            actual: results::results(&read.environment, &steps),
            input_records: input_records(&read.environment, &steps),
            actions: actions(&steps),
            sentence: read.sentence,
            environment: read.environment,
            core_only: read.core_only,
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

    /// All inputs of the core, with the phases before and after.
    #[must_use]
    pub fn input_records(&self) -> &[InputRecord] {
        &self.input_records
    }

    /// All actions of the core.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
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

fn actions(steps: &[Step]) -> Vec<Action> {
    let entries = steps.iter().flat_map(|step| &step.entries);
    let actions = entries.filter_map(|(_, entry)| match entry {
        Entry::Action(action) => Some(*action),
        Entry::Event(_) | Entry::Timeout => None,
    });
    actions.collect()
}
