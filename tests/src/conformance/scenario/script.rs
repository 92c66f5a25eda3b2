//! Parses the script of a scenario file of the supervisor.

use std::time::Duration;

use livebus_core::Handler;

use super::settings;
use super::words::{answers, occurrence};
use crate::conformance::environment::{Answer, Environment, Occurrence, plain};
use crate::scenario_files::Problem;
use crate::scenario_files::reader::{self, Words};

/// The first part of a scenario file.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) sentence: String,
    pub(super) core_only: Option<String>,
    pub(super) environment: Environment,
    /// The line of each step, from 1.
    occurrences: Vec<usize>,
}

/// Reads a script, line by line.
pub(super) fn read(text: &str) -> Result<Script, (usize, Problem)> {
    let words = Supervision {
        core_only: None,
        environment: Environment::new(plain()),
    };
    reader::read(text, words, finish)
}

impl Script {
    /// Returns the line of the last step at or before `at`; 1 if there is none.
    pub(super) fn line_at(&self, at: Duration) -> usize {
        let lines = self.environment.occurrences.iter().zip(&self.occurrences);
        let before = lines.take_while(|((happens, _), _)| *happens <= at);
        before.last().map_or(1, |(_, line)| *line)
    }
}

/// What the lines of a script say about a supervision.
struct Supervision {
    core_only: Option<String>,
    environment: Environment,
}

impl Words for Supervision {
    type Occurrence = Occurrence;

    const LINES: &'static str = "settings:, setting NAME:, core only:, handler \"NAME\", required:, start:, liveness:, stop:, \
                                 at, every, until, or # for a comment";

    fn occurrence(&self, text: &str) -> Result<Occurrence, Problem> {
        occurrence(text)
    }

    fn may_repeat(&self, name: &str) -> bool {
        name.starts_with("handler ")
    }

    fn setting(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        settings::set(&mut self.environment.settings, name, value)
    }

    fn base(&mut self, name: &str) -> Result<(), Problem> {
        self.environment.settings = Environment::new(settings::base(name)?).settings;
        Ok(())
    }

    fn line(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        if let Some(handler) = name.strip_prefix("handler ") {
            self.handler(handler, answers(value)?)?;
            return Ok(true);
        }
        match name {
            "core only" => self.core_only = Some(value.to_owned()),
            "start" => self.environment.starts = answers(value)?,
            "liveness" => self.environment.liveness = answers(value)?,
            "stop" => self.environment.stops = answers(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Supervision {
    /// Parses `"orders", required`.
    fn handler(&mut self, text: &str, answers: Vec<Answer>) -> Result<(), Problem> {
        let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let handler = match quoted {
            Some((name, ", required")) => Handler::required(name),
            Some((name, ", optional")) => Handler::optional(name),
            Some(_) | None => {
                return Err(Problem::new(
                    format!("invalid handler {text}"),
                    "write its name in quotes, then required or optional",
                ));
            }
        };
        self.environment.handlers.push((handler, answers));
        Ok(())
    }
}

fn finish(
    words: Supervision,
    mut read: reader::Script<Occurrence>,
) -> Result<Script, (Option<usize>, Problem)> {
    let Supervision {
        core_only,
        mut environment,
    } = words;
    environment.until = read.until;
    environment.occurrences = std::mem::take(&mut read.occurrences);
    let occurrences = environment.occurrences.iter().zip(&read.lines);
    let mut inputs = occurrences.filter(|((_, it), _)| matches!(it, Occurrence::DirectInput(_)));
    let first_input = inputs.next().map(|(_, line)| *line);
    if let (Some(line), None) = (first_input, &core_only) {
        let problem = Problem::new(
            "no runner can deliver this input",
            "add \"core only:\" and the reason above it",
        );
        return Err((Some(line), problem));
    }
    if core_only.is_some() && first_input.is_none() {
        let problem = Problem::new(
            "a runner can play this",
            "remove \"core only:\", or add an input that no runner delivers",
        );
        return Err((None, problem));
    }
    if let Err(error) = environment.config() {
        return Err(read.config_error(&error));
    }
    Ok(Script {
        sentence: read.sentence,
        core_only,
        environment,
        occurrences: read.lines,
    })
}
