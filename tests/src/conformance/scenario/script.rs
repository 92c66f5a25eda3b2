//! The upper part of a scenario's file: the sentence, the world, and for whom it is.

use std::collections::BTreeSet;
use std::time::Duration;

use livebus_core::Handler;

use super::mistake::Wrong;
use super::settings;
use super::words::{answers, duration, number, occurrence};
use crate::conformance::environment::{Answer, Environment, Occurrence, plain};

/// What stands above the golden answers.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) title: String,
    pub(super) core_only: Option<String>,
    pub(super) environment: Environment,
    /// The line of each happening, from 1.
    occurrences: Vec<usize>,
}

/// Reads a script, line by line.
pub(super) fn read(text: &str) -> Result<Script, (usize, Wrong)> {
    let mut reader = Reader::default();
    let mut newest = 1;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        reader.line(number, line).map_err(|wrong| (number, wrong))?;
        newest = number;
    }
    reader
        .finish()
        .map_err(|(line, wrong)| (line.unwrap_or(newest), wrong))
}

impl Script {
    /// The line that says what happens at `at` or last before it; the first where nothing did.
    pub(super) fn line_at(&self, at: Duration) -> usize {
        let lines = self.environment.occurrences.iter().zip(&self.occurrences);
        let before = lines.take_while(|((happens, _), _)| *happens <= at);
        before.last().map_or(1, |(_, line)| *line)
    }
}

struct Reader {
    title: Option<String>,
    core_only: Option<String>,
    environment: Environment,
    occurrences: Vec<usize>,
    /// What may be said but once, and was.
    said: BTreeSet<String>,
    /// Which line set which setting.
    settings: Vec<(String, usize)>,
    direct_input: Option<usize>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            title: None,
            core_only: None,
            environment: Environment::new(plain()),
            occurrences: Vec::new(),
            said: BTreeSet::new(),
            settings: Vec::new(),
            direct_input: None,
        }
    }
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Wrong> {
        if self.title.is_none() {
            self.title = Some(line.to_owned());
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("at ") {
            let (at, what) = rest.split_once(' ').unwrap_or((rest, ""));
            return self.occurs(number, duration(at)?, occurrence(what)?);
        }
        if let Some(rest) = line.strip_prefix("each ") {
            return self.each(number, rest);
        }
        if let Some(until) = line.strip_prefix("until ") {
            self.once("until")?;
            self.environment.until = duration(until)?;
            return Ok(());
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| no_such(line))?;
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
            _ => return Err(no_such(line)),
        }
        Ok(())
    }

    fn once(&mut self, name: &str) -> Result<(), Wrong> {
        if self.said.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Wrong::new(
            format!("\"{name}\" was said before"),
            "leave one of the two lines out",
        ))
    }

    fn base(&mut self, name: &str) -> Result<(), Wrong> {
        if !self.settings.is_empty() {
            return Err(Wrong::new(
                "this replaces the settings above it",
                "put it before the first setting",
            ));
        }
        self.environment.settings = Environment::new(settings::base(name)?).settings;
        Ok(())
    }

    /// `"orders", required`.
    fn handler(&mut self, text: &str, answers: Vec<Answer>) -> Result<(), Wrong> {
        let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        let handler = match quoted {
            Some((name, ", required")) => Handler::required(name),
            Some((name, ", optional")) => Handler::optional(name),
            Some(_) | None => {
                return Err(Wrong::new(
                    format!("{text} is no handler"),
                    "write its name in quotes, and whether it is required or optional",
                ));
            }
        };
        self.environment.handlers.push((handler, answers));
        Ok(())
    }

    /// `1000 from 500, 20 times: traffic`.
    fn each(&mut self, line: usize, text: &str) -> Result<(), Wrong> {
        let parts = || {
            let (every, rest) = text.split_once(" from ")?;
            let (from, rest) = rest.split_once(", ")?;
            let (times, what) = rest.split_once(" times: ")?;
            Some((every, from, times, what))
        };
        let (every, from, times, what) = parts().ok_or_else(|| {
            Wrong::new(
                format!("\"each {text}\" is not clear"),
                "write \"each 1000 from 500, 20 times: traffic\"",
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

    fn occurs(&mut self, line: usize, at: Duration, occurrence: Occurrence) -> Result<(), Wrong> {
        if self
            .environment
            .occurrences
            .last()
            .is_some_and(|(last, _)| *last > at)
        {
            return Err(Wrong::new(
                "this happens before what is told above it",
                "tell what happens in the order of time",
            ));
        }
        if matches!(occurrence, Occurrence::DirectInput(_)) {
            self.direct_input.get_or_insert(line);
        }
        self.environment.occurrences.push((at, occurrence));
        self.occurrences.push(line);
        Ok(())
    }

    fn finish(self) -> Result<Script, (Option<usize>, Wrong)> {
        let title = self.title.ok_or_else(|| {
            let wrong = Wrong::new(
                "nothing is said",
                "begin with a sentence that says what is true",
            );
            (Some(1), wrong)
        })?;
        if self.environment.until == Duration::ZERO {
            let wrong = Wrong::new("the story has no end", "say when it ends: \"until 5000\"");
            return Err((None, wrong));
        }
        let last = self.environment.occurrences.last();
        if last.is_some_and(|(at, _)| *at > self.environment.until) {
            let wrong = Wrong::new(
                "the last of this happens after the end",
                "end the story later",
            );
            return Err((None, wrong));
        }
        if let (Some(line), None) = (self.direct_input, &self.core_only) {
            let wrong = Wrong::new(
                "no runner can be made to tell this",
                "say \"core only:\" and the reason, above",
            );
            return Err((Some(line), wrong));
        }
        if self.core_only.is_some() && self.direct_input.is_none() {
            let wrong = Wrong::new(
                "a runner can play this",
                "leave \"core only:\" out, or tell what no runner would",
            );
            return Err((None, wrong));
        }
        if let Err(error) = self.environment.config() {
            let lines = self.settings.iter().rev();
            let mut lines = lines.filter(|(name, _)| name == error.field);
            let line = lines.next().map_or(1, |(_, line)| *line);
            let wrong = Wrong::new(format!("{} = {}", error.field, error.value), error.remedy);
            return Err((Some(line), wrong));
        }
        Ok(Script {
            title,
            core_only: self.core_only,
            environment: self.environment,
            occurrences: self.occurrences,
        })
    }
}

fn no_such(line: &str) -> Wrong {
    Wrong::new(
        format!("\"{line}\" says nothing"),
        "begin a line with settings:, setting NAME:, core only:, handler \"NAME\", required:, start:, liveness:, stop:, at, \
         each, until, or # for a comment",
    )
}
