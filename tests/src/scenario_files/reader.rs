//! Reads a script, line by line: what is the same in every scenario.

use std::collections::BTreeSet;
use std::time::Duration;

use livebus_core::ConfigError;

use super::error::Problem;
use super::words::{duration, number};

/// What a script has beside the lines that every script has.
pub(crate) trait Words {
    /// Something that happens at an instant.
    type Occurrence: Clone;

    /// What the lines can begin with, for the error of an unknown line.
    const LINES: &'static str;

    /// Parses what comes after `at 5000`.
    fn occurrence(&self, text: &str) -> Result<Self::Occurrence, Problem>;

    /// Returns whether several lines may have this name.
    fn may_repeat(&self, name: &str) -> bool;

    /// Takes the value of one setting.
    fn setting(&mut self, name: &str, value: &str) -> Result<(), Problem>;

    /// Takes the name of the settings that the others change.
    fn base(&mut self, name: &str) -> Result<(), Problem>;

    /// Takes any other line `NAME: VALUE`. Returns whether there is such a line.
    fn line(&mut self, name: &str, value: &str) -> Result<bool, Problem>;
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Script<O> {
    pub(crate) sentence: String,
    /// In the order of time.
    pub(crate) occurrences: Vec<(Duration, O)>,
    /// The line of each of them, from 1.
    pub(crate) lines: Vec<usize>,
    pub(crate) until: Duration,
    /// The line of each setting.
    settings: Vec<(String, usize)>,
}

/// The line of an error, if it is about one line, and what is wrong there.
type ErrorAt = (Option<usize>, Problem);

/// Reads a script. `finish` makes the result of it, or says what is wrong with the whole.
///
/// # Errors
///
/// The line, and what is wrong there. An error of the whole is at the last line.
pub(crate) fn read<W: Words, T>(
    text: &str,
    mut words: W,
    finish: impl FnOnce(W, Script<W::Occurrence>) -> Result<T, ErrorAt>,
) -> Result<T, (usize, Problem)> {
    let mut reader = Reader::<W::Occurrence>::default();
    let mut newest = 1;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        reader
            .line(&mut words, number, line)
            .map_err(|problem| (number, problem))?;
        newest = number;
    }
    reader
        .finish()
        .and_then(|script| finish(words, script))
        .map_err(|(line, problem)| (line.unwrap_or(newest), problem))
}

impl<O> Script<O> {
    /// Returns the error of settings that contradict each other, at the line of the last one that is named.
    pub(crate) fn config_error(&self, error: &ConfigError) -> ErrorAt {
        let lines = self.settings.iter().rev();
        let mut lines = lines.filter(|(name, _)| name == error.field);
        let line = lines.next().map_or(1, |(_, line)| *line);
        let problem = Problem::new(
            format!("{} = {}", error.field, error.value),
            error.remedy.clone(),
        );
        (Some(line), problem)
    }
}

struct Reader<O> {
    sentence: Option<String>,
    occurrences: Vec<(Duration, O)>,
    lines: Vec<usize>,
    until: Duration,
    /// The names seen, of those that may occur once.
    names: BTreeSet<String>,
    settings: Vec<(String, usize)>,
}

impl<O> Default for Reader<O> {
    fn default() -> Self {
        Self {
            sentence: None,
            occurrences: Vec::new(),
            lines: Vec::new(),
            until: Duration::ZERO,
            names: BTreeSet::new(),
            settings: Vec::new(),
        }
    }
}

impl<O: Clone> Reader<O> {
    fn line<W: Words<Occurrence = O>>(
        &mut self,
        words: &mut W,
        number: usize,
        line: &str,
    ) -> Result<(), Problem> {
        if self.sentence.is_none() {
            self.sentence = Some(line.to_owned());
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix("at ") {
            let (at, what) = rest.split_once(' ').unwrap_or((rest, ""));
            return self.occurs(number, duration(at)?, words.occurrence(what)?);
        }
        if let Some(rest) = line.strip_prefix("every ") {
            return self.every(words, number, rest);
        }
        if let Some(until) = line.strip_prefix("until ") {
            self.once("until")?;
            self.until = duration(until)?;
            return Ok(());
        }
        let (name, value) = line.split_once(": ").ok_or_else(|| unknown::<W>(line))?;
        if !words.may_repeat(name) {
            self.once(name)?;
        }
        if let Some(setting) = name.strip_prefix("setting ") {
            self.settings.push((setting.to_owned(), number));
            return words.setting(setting, value);
        }
        if name == "settings" {
            return self.base(words, value);
        }
        if words.line(name, value)? {
            Ok(())
        } else {
            Err(unknown::<W>(line))
        }
    }

    fn once(&mut self, name: &str) -> Result<(), Problem> {
        if self.names.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Problem::new(
            format!("duplicate \"{name}\""),
            "remove one of the two lines",
        ))
    }

    fn base<W: Words>(&mut self, words: &mut W, name: &str) -> Result<(), Problem> {
        if !self.settings.is_empty() {
            return Err(Problem::new(
                "this replaces the settings above it",
                "move it before the first setting",
            ));
        }
        words.base(name)
    }

    /// Parses `1000 from 500, 20 times: traffic`.
    fn every<W: Words<Occurrence = O>>(
        &mut self,
        words: &W,
        line: usize,
        text: &str,
    ) -> Result<(), Problem> {
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
        let occurrence = words.occurrence(what)?;
        for _ in 0..number::<u32>(times)? {
            self.occurs(line, at, occurrence.clone())?;
            at += every;
        }
        Ok(())
    }

    fn occurs(&mut self, line: usize, at: Duration, occurrence: O) -> Result<(), Problem> {
        if self.occurrences.last().is_some_and(|(last, _)| *last > at) {
            return Err(Problem::new(
                "this is earlier than the step above it",
                "put the steps in the order of time",
            ));
        }
        self.occurrences.push((at, occurrence));
        self.lines.push(line);
        Ok(())
    }

    fn finish(self) -> Result<Script<O>, ErrorAt> {
        let sentence = self.sentence.ok_or_else(|| {
            let problem = Problem::new(
                "the file is empty",
                "begin with a sentence that states situation and outcome",
            );
            (Some(1), problem)
        })?;
        if self.until == Duration::ZERO {
            let problem = Problem::new("there is no end", "add its instant: \"until 5000\"");
            return Err((None, problem));
        }
        let last = self.occurrences.last();
        if last.is_some_and(|(at, _)| *at > self.until) {
            let problem = Problem::new("the last step is after the end", "end the scenario later");
            return Err((None, problem));
        }
        Ok(Script {
            sentence,
            occurrences: self.occurrences,
            lines: self.lines,
            until: self.until,
            settings: self.settings,
        })
    }
}

fn unknown<W: Words>(line: &str) -> Problem {
    Problem::new(
        format!("unknown line \"{line}\""),
        format!("begin a line with {}", W::LINES),
    )
}
