//! Scenarios of the dispatcher: text files below `tests/scenarios/dispatch/`, one script each, with expected results that a command
//! rewrites.
//!
//! A file has two parts, separated by a line of four dashes. The first part is the script: a sentence that states situation and
//! outcome, the rules that it shows, and the inputs. The second part has the expected results: the inputs and actions of the core, each
//! with its millisecond, and what was counted. Blank lines and lines that begin with `#` are ignored in the script.
//!
//! | line | meaning |
//! |---|---|
//! | the first | the sentence, which no other scenario has |
//! | `rules: 12, 13` | the rules of `docs/dispatch-rules.md` that it shows; or `peer: NAME` with the fault of another project |
//! | `settings: NAME` | `plain` (the default) or `defaults` |
//! | `setting FIELD: VALUE` | one field of the settings, such as `limits.runs`; times are milliseconds |
//! | `commits: ANSWERS`, `dead letters: ANSWERS` | the answers, one after the other; the last one repeats. By default `never` |
//! | `at TIME WHAT` | an input at that instant; lines are in the order of time |
//! | `every TIME from TIME, N times: WHAT` | the same, N times |
//! | `until TIME` | when the scenario ends |
//!
//! ANSWERS are `ok after 10, then Unreachable after 10, then never`; without `after` at once. They stand for all positions of a commit. A policy is
//! `2 retries, 500 to 30000, jitter 20, then skip`, or `stop`, or `dead letter`.
//!
//! WHAT is an input, `as of TIME: INPUT` with an instant that is not the clock's, `blocked for TIME` (the runner does not wake up for its
//! timer), `read bounds`, `read room` or `read deadline`. INPUT is one of these; the expected results repeat it as it is written:
//!
//! - `bus usable`, `bus not usable`, `client lost`, `shutdown`, `timeout`;
//! - `assigned 0/1 at committed 5`, or `at resolved 5`; with `, done 7 9`: partition 0 in generation 1;
//! - `fetched 0/1: 5, 6 key a, 7 key b 100 bytes, 9 print 3, 10 to 19`;
//! - `removed 0/1: 5 to 8`, `revoked 0/1`, `lost 0/1`;
//! - `run #1 done`, `run #1 failed Permanent`, `run #1 cancelled`, `run #1 returned`, `run #1 pending`; but for the first with
//!   `after 2 records` where the first ones are done;
//! - `commit #1 acknowledged`, `commit #1 acknowledged for 0 2` (the positions of these partitions alone), `commit #1 failed`;
//! - `dead letter #1 answered ok`, `dead letter #1 answered Timeout`.
//!
//! At one instant inputs come first, in the order of the lines, then answers, then the timer.
//!
//! A file is `dispatch/THEME/NN-A-FEW-WORDS.txt`. The numbers of a theme are 01, 02 and so on; the words are two to five.

use std::io;
use std::path::Path;

use livebus_core::dispatch::Action;

use crate::scenario_files::{ParseError, ScenarioFile, in_runs, parse_error, read_all, root};

mod driver;
mod inputs;
mod results;
mod script;
mod settings;

/// All kinds of inputs of a dispatcher, as [`DispatchScenario::inputs`] returns them.
pub const INPUT_KINDS: &[&str] = inputs::Input::KINDS;

/// One scenario of the dispatcher.
#[derive(Debug, Clone)]
pub struct DispatchScenario {
    /// The situation and the outcome, as a sentence.
    pub sentence: String,
    /// The rules of `docs/dispatch-rules.md` that it shows.
    pub rules: Vec<u32>,
    file: ScenarioFile,
    actual: Vec<String>,
    actions: Vec<Action>,
    inputs: Vec<&'static str>,
}

/// Every scenario of the dispatcher, in the order of the file names.
///
/// # Errors
///
/// The first invalid file: where, what is wrong, and the remedy.
pub fn dispatch_scenarios() -> Result<Vec<DispatchScenario>, ParseError> {
    read_all(&root().join("dispatch"), DispatchScenario::parse)
}

impl DispatchScenario {
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

    /// The kinds of all inputs of the core, such as `run failed`, or `stale run failed`.
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
