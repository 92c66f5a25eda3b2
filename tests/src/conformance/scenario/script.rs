//! Parses the script of a scenario file.

use std::collections::BTreeSet;
use std::time::Duration;

use livebus_core::Handler;

use super::error::Problem;
use super::settings;
use super::words::{answers, duration, number, occurrence};
use crate::conformance::environment::{Answer, Environment, Occurrence, plain};

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
    let mut reader = Reader::default();
    let mut newest = 1;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        reader
            .line(number, line)
            .map_err(|problem| (number, problem))?;
        newest = number;
    }
    reader
        .finish()
        .map_err(|(line, problem)| (line.unwrap_or(newest), problem))
}

impl Script {
    /// Returns the line of the last step at or before `at`; 1 if there is none.
    pub(super) fn line_at(&self, at: Duration) -> usize {
        let lines = self.environment.occurrences.iter().zip(&self.occurrences);
        let before = lines.take_while(|((happens, _), _)| *happens <= at);
        before.last().map_or(1, |(_, line)| *line)
    }
}

struct Reader {
    sentence: Option<String>,
    core_only: Option<String>,
    environment: Environment,
    occurrences: Vec<usize>,
    /// The keys seen, of those that may occur once.
    keys: BTreeSet<String>,
    /// The line of each setting.
    settings: Vec<(String, usize)>,
    /// The line of the first input.
    first_input: Option<usize>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            sentence: None,
            core_only: None,
            environment: Environment::new(plain()),
            occurrences: Vec::new(),
            keys: BTreeSet::new(),
            settings: Vec::new(),
            first_input: None,
        }
    }
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Problem> {
        if self.sentence.is_none() {
            self.sentence = Some(line.to_owned());
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("at ") {
            let (at, what) = rest.split_once(' ').unwrap_or((rest, ""));
            return self.occurs(number, duration(at)?, occurrence(what)?);
        }
        if let Some(rest) = line.strip_prefix("every ") {
            return self.every(number, rest);
        }
        if let Some(until) = line.strip_prefix("until ") {
            self.once("until")?;
            self.environment.until = duration(until)?;
            return Ok(());
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| unknown(line))?;
        if let Some(handler) = name.strip_prefix("handler ") {
            return self.handler(handler, answers(value)?);
        }
        self.once(name)?;
        if let Some(setting) = name.strip_prefix("setting ") {
            self.settings.push((setting.to_owned(), number));
            return settings::set(&mut self.environment.settings, setting, value);
        }
        match name {
            "core only" => self.core_only = Some(value.to_owned()),
            "settings" => self.base(value)?,
            "start" => self.environment.starts = answers(value)?,
            "liveness" => self.environment.liveness = answers(value)?,
            "stop" => self.environment.stops = answers(value)?,
            _ => return Err(unknown(line)),
        }
        Ok(())
    }

    fn once(&mut self, name: &str) -> Result<(), Problem> {
        if self.keys.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Problem::new(
            format!("duplicate \"{name}\""),
            "remove one of the two lines",
        ))
    }

    fn base(&mut self, name: &str) -> Result<(), Problem> {
        if !self.settings.is_empty() {
            return Err(Problem::new(
                "this replaces the settings above it",
                "move it before the first setting",
            ));
        }
        self.environment.settings = Environment::new(settings::base(name)?).settings;
        Ok(())
    }

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

    /// Parses `1000 from 500, 20 times: traffic`.
    fn every(&mut self, line: usize, text: &str) -> Result<(), Problem> {
        let parts = || {
            let (every, rest) = text.split_once(" from ")?;
            let (from, rest) = rest.split_once(", ")?;
            let (times, what) = rest.split_once(" times: ")?;
            Some((every, from, times, what))
        };
        let (every, from, times, what) = parts().ok_or_else(|| {
            Problem::new(
                format!("invalid repetition \"every {text}\""),
                "write \"every 1000 from 500, 20 times: traffic\"",
            )
        })?;
        let (every, mut at) = (duration(every)?, duration(from)?);
        let occurrence = occurrence(what)?;
        for _ in 0..number::<u32>(times)? {
            self.occurs(line, at, occurrence)?;
            at += every;
        }
        Ok(())
    }

    fn occurs(&mut self, line: usize, at: Duration, occurrence: Occurrence) -> Result<(), Problem> {
        if self
            .environment
            .occurrences
            .last()
            .is_some_and(|(last, _)| *last > at)
        {
            return Err(Problem::new(
                "this is earlier than the step above it",
                "put the steps in the order of time",
            ));
        }
        if matches!(occurrence, Occurrence::DirectInput(_)) {
            self.first_input.get_or_insert(line);
        }
        self.environment.occurrences.push((at, occurrence));
        self.occurrences.push(line);
        Ok(())
    }

    fn finish(self) -> Result<Script, (Option<usize>, Problem)> {
        let sentence = self.sentence.ok_or_else(|| {
            let problem = Problem::new(
                "the file is empty",
                "begin with a sentence that states situation and outcome",
            );
            (Some(1), problem)
        })?;
        if self.environment.until == Duration::ZERO {
            let problem = Problem::new("there is no end", "add its instant: \"until 5000\"");
            return Err((None, problem));
        }
        let last = self.environment.occurrences.last();
        if last.is_some_and(|(at, _)| *at > self.environment.until) {
            let problem = Problem::new("the last step is after the end", "end the scenario later");
            return Err((None, problem));
        }
        if let (Some(line), None) = (self.first_input, &self.core_only) {
            let problem = Problem::new(
                "no runner can deliver this input",
                "add \"core only:\" and the reason above it",
            );
            return Err((Some(line), problem));
        }
        if self.core_only.is_some() && self.first_input.is_none() {
            let problem = Problem::new(
                "a runner can play this",
                "remove \"core only:\", or add an input that no runner delivers",
            );
            return Err((None, problem));
        }
        if let Err(error) = self.environment.config() {
            let lines = self.settings.iter().rev();
            let mut lines = lines.filter(|(name, _)| name == error.field);
            let line = lines.next().map_or(1, |(_, line)| *line);
            let problem = Problem::new(format!("{} = {}", error.field, error.value), error.remedy);
            return Err((Some(line), problem));
        }
        Ok(Script {
            sentence,
            core_only: self.core_only,
            environment: self.environment,
            occurrences: self.occurrences,
        })
    }
}

fn unknown(line: &str) -> Problem {
    Problem::new(
        format!("unknown line \"{line}\""),
        "begin a line with settings:, setting NAME:, core only:, handler \"NAME\", required:, start:, liveness:, stop:, at, \
         every, until, or # for a comment",
    )
}
