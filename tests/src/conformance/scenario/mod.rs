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

use std::path::{Path, PathBuf};
use std::{fs, io};

use livebus_core::Action;
use livebus_runner::Entry;

use super::environment::Environment;
use super::input_record::{InputRecord, input_records};
use super::reference_driver::drive;
use super::step::Step;

mod diff;
mod error;
mod results;
mod script;
mod settings;
mod words;

pub use error::{ParseError, Problem};

/// Set to 1, it makes the test of the scenarios replace the expected results by what the core does.
pub const REWRITE: &str = "LIVEBUS_REWRITE_SCENARIOS";

/// What separates the script from the expected results.
const SEPARATOR: &str = "----";

/// One scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The situation and the outcome, as a sentence.
    pub sentence: String,
    /// The script that the bus and the environment follow.
    pub environment: Environment,
    /// Why no runner can play it, if none can.
    pub core_only: Option<String>,
    path: PathBuf,
    script: String,
    expected: Vec<String>,
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
    Scenario::read(&folder().join("lifecycle/01-full-lifecycle.txt"))
}

/// Every scenario, in the order of the file names.
///
/// # Errors
///
/// The first invalid file: where, what is wrong, and the remedy.
pub fn scenarios() -> Result<Vec<Scenario>, ParseError> {
    paths()
        .map_err(|error| {
            parse_error(
                &folder(),
                0,
                Problem::new(error.to_string(), "make it readable"),
            )
        })?
        .iter()
        .map(|path| Scenario::read(path))
        .collect()
}

impl Scenario {
    /// Reads the scenario at `path`, and runs its script on the core.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, ParseError> {
        let text = fs::read_to_string(path).map_err(|error| {
            let problem = Problem::new(error.to_string(), "make it a readable text file");
            parse_error(path, 0, problem)
        })?;
        Self::parse(path, &text)
    }

    /// Parses `text` as the file at `path`, and runs its script on the core.
    ///
    /// # Errors
    ///
    /// When the text is invalid.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ParseError> {
        let (script, expected) = match text.split_once(&format!("\n{SEPARATOR}\n")) {
            Some((script, expected)) => (format!("{script}\n"), expected),
            None => (format!("{}\n\n", text.trim_end()), ""),
        };
        let read =
            script::read(&script).map_err(|(line, problem)| parse_error(path, line, problem))?;
        let steps = drive(&read.environment).map_err(|invalid| {
            let line = read.line_at(invalid.at);
            parse_error(path, line, invalid.problem)
        })?;
        Ok(Self {
            path: path.to_owned(),
            script,
            expected: expected.lines().map(str::to_owned).collect(),
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
        &self.path
    }

    /// Its theme: the name of the folder of its file.
    #[must_use]
    pub fn theme(&self) -> String {
        let folder = self.path.parent().and_then(Path::file_name);
        let folder = folder.unwrap_or_default();
        folder.to_string_lossy().into_owned()
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
        match diff::diff(&self.expected, &self.actual) {
            None => Ok(()),
            Some(diff) => Err(format!(
                "{}: the expected results (-) and the actual ones (+) differ:\n{diff}\
                 If that is intended: {REWRITE}=1 cargo test -p livebus-tests --test scenarios",
                self.path.display()
            )),
        }
    }

    /// Writes what the core does in place of the expected results.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn rewrite(&self) -> io::Result<()> {
        let actual = self.actual.join("\n");
        fs::write(
            &self.path,
            format!("{}{SEPARATOR}\n{actual}\n", self.script),
        )
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

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The files of all scenarios: one folder for each theme.
fn paths() -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for theme in fs::read_dir(folder())? {
        let theme = theme?.path();
        if !theme.is_dir() {
            continue;
        }
        for file in fs::read_dir(theme)? {
            let path = file?.path();
            paths.extend((path.extension().is_some_and(|it| it == "txt")).then_some(path));
        }
    }
    paths.sort();
    Ok(paths)
}

fn parse_error(path: &Path, line: usize, problem: Problem) -> ParseError {
    let path = path.to_owned();
    ParseError {
        path,
        line,
        problem,
    }
}
