//! Parses the script of a scenario of `Calls`.

use std::time::Duration;

use livebus_core::Failure;
use livebus_core::calls::{Config, Settings};

use super::inputs::{Input, input};
use super::settings;
use crate::scenario_files::Problem;
use crate::scenario_files::reader::{self, Words};
use crate::scenario_files::words::{duration, number, one_of, result_of};

/// The first part of a scenario file.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) sentence: String,
    pub(super) rules: Vec<u32>,
    pub(super) config: Config,
    pub(super) assignments: Vec<Answer>,
    pub(super) sends: Vec<Answer>,
    pub(super) occurrences: Vec<(Duration, Occurrence)>,
    pub(super) until: Duration,
}

/// The result of an assignment or a send, and how long it takes; `None` if there is no answer.
pub(super) type Answer = Option<(Duration, Result<(), Failure>)>;

/// Something that happens at an instant.
#[derive(Debug, Clone)]
pub(super) enum Occurrence {
    Input {
        /// As it is written.
        text: String,
        /// The instant of the input, since the beginning; by default the instant at which it is delivered.
        as_of: Option<Duration>,
        input: Input,
    },
    /// No timer fires for this long.
    Blocked(Duration),
    Read(Query),
}

/// What can be read of `Calls`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Query {
    Bounds,
    InFlight,
    Deadline,
}

/// Reads a script, line by line.
pub(super) fn read(text: &str) -> Result<Script, (usize, Problem)> {
    let words = Lines {
        rules: Vec::new(),
        settings: settings::plain(),
        assignments: vec![None],
        sends: vec![None],
    };
    reader::read(text, words, finish)
}

/// What the lines of a script say about `Calls`.
struct Lines {
    rules: Vec<u32>,
    settings: Settings,
    assignments: Vec<Answer>,
    sends: Vec<Answer>,
}

impl Words for Lines {
    type Occurrence = Occurrence;

    const LINES: &'static str = "rules:, fault:, settings:, setting NAME:, assignments:, sends:, at, every, until, or # for a comment";

    fn occurrence(&self, text: &str) -> Result<Occurrence, Problem> {
        if let Some(long) = text.strip_prefix("blocked for ") {
            return Ok(Occurrence::Blocked(duration(long)?));
        }
        if let Some(query) = text.strip_prefix("read ") {
            let queries = [
                ("bounds", Query::Bounds),
                ("in flight", Query::InFlight),
                ("deadline", Query::Deadline),
            ];
            return one_of(query, &queries).map(Occurrence::Read);
        }
        let (as_of, input_text) = match text.strip_prefix("as of ") {
            Some(rest) => {
                let (as_of, rest) = rest.split_once(": ").ok_or_else(|| {
                    Problem::new("there is no input", "write \"as of 3000: timeout\"")
                })?;
                (Some(duration(as_of)?), rest)
            }
            None => (None, text),
        };
        Ok(Occurrence::Input {
            text: text.to_owned(),
            as_of,
            input: input(input_text)?,
        })
    }

    fn may_repeat(&self, name: &str) -> bool {
        name == "fault"
    }

    fn setting(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        settings::set(&mut self.settings, name, value)
    }

    fn base(&mut self, name: &str) -> Result<(), Problem> {
        self.settings = settings::base(name)?;
        Ok(())
    }

    fn line(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        match name {
            "rules" => {
                let rules: Result<_, _> = value.split(", ").map(number).collect();
                self.rules = rules?;
            }
            // For the reader.
            "fault" => {}
            "assignments" => self.assignments = answers(value)?,
            "sends" => self.sends = answers(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Parses `ok after 10, then Unreachable after 10, then never`.
fn answers(text: &str) -> Result<Vec<Answer>, Problem> {
    let answer = |text: &str| {
        if text == "never" {
            return Ok(None);
        }
        let (result, takes) = text.split_once(" after ").unwrap_or((text, "0"));
        Ok(Some((duration(takes)?, result_of(result)?)))
    };
    text.split(", then ").map(answer).collect()
}

fn finish(
    words: Lines,
    read: reader::Script<Occurrence>,
) -> Result<Script, (Option<usize>, Problem)> {
    let config = Config::new(words.settings).map_err(|error| read.config_error(&error))?;
    if words.rules.is_empty() {
        let problem = Problem::new(
            "it names no rule",
            "add the rules of docs/calls-rules.md that it shows: \"rules: 12, 13\"",
        );
        return Err((None, problem));
    }
    Ok(Script {
        sentence: read.sentence,
        rules: words.rules,
        config,
        assignments: words.assignments,
        sends: words.sends,
        occurrences: read.occurrences,
        until: read.until,
    })
}
