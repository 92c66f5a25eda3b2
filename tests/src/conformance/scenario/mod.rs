//! Scenarios: one story a file, below `tests/scenarios/`, with golden answers that a command rewrites.
//!
//! A file has two parts, and a line of four dashes between them. Above stands the script: a sentence that says what is true,
//! and what differs from a bus that does at once what it is asked, under [`plain`](super::plain) settings. Below stands what
//! the core is told and does, in order, each with its millisecond. Blank lines and lines that begin with `#` say nothing.
//!
//! | line | what it says |
//! |---|---|
//! | the first | the sentence; the name of the file is the same with hyphens |
//! | `core only: REASON` | no runner can play it |
//! | `settings: NAME` | `plain` (if nothing is said), `defaults`, `fast` or `as in VOLTHA` |
//! | `setting FIELD: VALUE` | one that differs; times are milliseconds, a back-off is `500 to 30000, jitter 20` |
//! | `start: ANSWERS` | what the starts are answered, one after the other; the last answer stands for all that follow |
//! | `liveness: ANSWERS`, `stop: ANSWERS` | the same of liveness messages and of the stop |
//! | `handler "NAME", required: ANSWERS` | a handler, `required` or `optional`, and what its registrations are answered |
//! | `at TIME WHAT` | what happens by itself, in the order of time |
//! | `each TIME from TIME, N times: WHAT` | the same, N times |
//! | `until TIME` | when the story ends |
//!
//! ANSWERS are `ok after 10, then Unreachable after 10, then panics after 10, then never`; without `after` at once; with
//! `, lies 100` the loop gets to run only so much later, while the answer lies in its inbox.
//!
//! WHAT is `traffic`, `suspicion CLASS`, `client lost CLASS`, `former client lost CLASS` (the one before the newest),
//! `shutdown`, `handle dropped`, `blocked for TIME` (neither the loop nor an operation gets to run), `look` (somebody asks
//! whether the service is ready), or `start again` (a second supervision, after the first has ended).
//!
//! In a story for the core alone it is also `input: INPUT`, or `input as of TIME: INPUT` with an instant that is not the clock's.
//! INPUT is `start #1 answered ok` (or `liveness`, `registration`, `stop`; or a failure in place of `ok`), `traffic`,
//! `traffic seen at TIME`, `suspicion CLASS`, `client #1 lost CLASS`, `shutdown` or `time`. Golden answers use the same words.

use std::path::{Path, PathBuf};
use std::{fs, io};

use livebus_core::Action;
use livebus_runner::Entry;

use super::environment::Environment;
use super::input_record::{InputRecord, input_records};
use super::reference_driver::drive;
use super::step::Step;
use crate::recordings::slug;

mod diff;
mod golden;
mod mistake;
mod script;
mod settings;
mod words;

pub use mistake::{Mistake, Wrong};

/// Set to 1, it has the test of the scenarios write down what the core does, in place of the golden answers that are there.
pub const REWRITE: &str = "LIVEBUS_REWRITE_SCENARIOS";

/// What stands between the script and the golden answers.
const LINE: &str = "----";

/// One story.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What is true, as a sentence.
    pub sentence: String,
    /// Where.
    pub environment: Environment,
    /// Why no runner can play it, if none can.
    pub core_only: Option<String>,
    path: PathBuf,
    script: String,
    golden: Vec<String>,
    seen: Vec<String>,
    input_records: Vec<InputRecord>,
    actions: Vec<Action>,
}

/// The scenario of a whole life: short enough to be lived a thousand times at once.
///
/// # Errors
///
/// What is wrong in its file.
pub fn life() -> Result<Scenario, Mistake> {
    let sentence = "a whole life, from a start that fails to a shutdown in order";
    let path = folder().join("life").join(slug(sentence));
    Scenario::read(&path.with_extension("txt"))
}

/// Every scenario, in the order of their files' names.
///
/// # Errors
///
/// The first file that is none: where, what is wrong, and the remedy.
pub fn scenarios() -> Result<Vec<Scenario>, Mistake> {
    paths()
        .map_err(|error| {
            mistake(
                &folder(),
                0,
                Wrong::new(error.to_string(), "make it readable"),
            )
        })?
        .iter()
        .map(|path| Scenario::read(path))
        .collect()
}

impl Scenario {
    /// Reads the scenario of one file, and drives the core through it.
    ///
    /// # Errors
    ///
    /// What is wrong in it.
    pub fn read(path: &Path) -> Result<Self, Mistake> {
        let text = fs::read_to_string(path)
            .map_err(|error| mistake(path, 0, Wrong::new(error.to_string(), "make it a text")))?;
        Self::parse(path, &text)
    }

    /// Takes `text` for the file at `path`, and drives the core through it.
    ///
    /// # Errors
    ///
    /// What is wrong in it.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Mistake> {
        let (script, golden) = match text.split_once(&format!("\n{LINE}\n")) {
            Some((script, golden)) => (format!("{script}\n"), golden),
            None => (format!("{}\n\n", text.trim_end()), ""),
        };
        let read = script::read(&script).map_err(|(line, wrong)| mistake(path, line, wrong))?;
        let steps = drive(&read.environment).map_err(|invalid| {
            let line = read.line_at(invalid.at);
            mistake(path, line, invalid.wrong)
        })?;
        Ok(Self {
            path: path.to_owned(),
            script,
            golden: golden.lines().map(str::to_owned).collect(),
            seen: golden::golden(&read.environment, &steps),
            input_records: input_records(&read.environment, &steps),
            actions: actions(&steps),
            sentence: read.title,
            environment: read.environment,
            core_only: read.core_only,
        })
    }

    /// What it is about: the folder of its file.
    #[must_use]
    pub fn theme(&self) -> String {
        let folder = self.path.parent().and_then(Path::file_name);
        let folder = folder.unwrap_or_default();
        folder.to_string_lossy().into_owned()
    }

    /// All that the core is told in it.
    #[must_use]
    pub fn input_records(&self) -> &[InputRecord] {
        &self.input_records
    }

    /// All that the core does in it.
    #[must_use]
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Whether the core does what the file says, and the file is called what it says.
    ///
    /// # Errors
    ///
    /// Where the two differ.
    pub fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        if self
            .path
            .file_stem()
            .is_none_or(|stem| *stem != *slug(&self.sentence))
        {
            return Err(format!("{path}: call it {}.txt", slug(&self.sentence)));
        }
        match diff::diff(&self.golden, &self.seen) {
            None => Ok(()),
            Some(diff) => Err(format!(
                "{path}: golden answers (-) and what is seen (+) differ:\n{diff}\
                 If that is meant: {REWRITE}=1 cargo test -p livebus-tests --test scenarios"
            )),
        }
    }

    /// Writes down what is seen in place of the golden answers.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn rewrite(&self) -> io::Result<()> {
        let golden = self.seen.join("\n");
        fs::write(&self.path, format!("{}{LINE}\n{golden}\n", self.script))
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

fn mistake(path: &Path, line: usize, wrong: Wrong) -> Mistake {
    let path = path.to_owned();
    Mistake { path, line, wrong }
}
