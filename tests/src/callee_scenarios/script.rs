//! Parses the script of a scenario of `Callee`.

use std::time::Duration;

use livebus_core::calls::{
    Arrival, CallId, CalleeConfig, CalleeSettings, Correlation, Identity, RequestId,
};
use livebus_core::dispatch::{Generation, PartitionId};

use crate::scenario_files::Problem;
use crate::scenario_files::reader::{self, Words};
use crate::scenario_files::words::{duration, number};

/// The partition of every scenario.
pub(super) const PARTITION: PartitionId = PartitionId(0);

/// The first part of a scenario file.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) sentence: String,
    pub(super) rules: Vec<u32>,
    pub(super) config: CalleeConfig,
    pub(super) occurrences: Vec<(Duration, Occurrence)>,
    pub(super) until: Duration,
}

/// Something that happens at an instant.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    /// As it is written.
    pub(super) text: String,
    pub(super) input: Input,
}

/// An input of `Callee`, or a query.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    Assigned(Generation),
    Ended(Generation),
    Fetched(RequestId, Arrival),
    Cancel(Generation, Correlation),
    Begin(RequestId),
    Committed(Generation, i64),
    Ran { id: RequestId, is_replied: bool },
    ReadHeld,
}

/// All kinds of inputs.
pub(super) const KINDS: &[&str] = &[
    "assigned",
    "begin",
    "cancel",
    "committed",
    "ended",
    "fetched",
    "ran",
    "ran without a reply",
];

impl Input {
    /// Returns its kind; `None` for a query.
    pub(super) const fn kind(self) -> Option<&'static str> {
        Some(match self {
            Self::Assigned(_) => "assigned",
            Self::Ended(_) => "ended",
            Self::Fetched(..) => "fetched",
            Self::Cancel(..) => "cancel",
            Self::Begin(_) => "begin",
            Self::Committed(..) => "committed",
            Self::Ran {
                is_replied: true, ..
            } => "ran",
            Self::Ran {
                is_replied: false, ..
            } => "ran without a reply",
            Self::ReadHeld => return None,
        })
    }
}

/// Reads a script, line by line.
pub(super) fn read(text: &str) -> Result<Script, (usize, Problem)> {
    let words = Lines {
        rules: Vec::new(),
        settings: plain(),
    };
    reader::read(text, words, finish)
}

/// Settings that are easy to count with: no tolerance, two old replies, and two records that an earlier owner may have begun.
fn plain() -> CalleeSettings {
    CalleeSettings {
        tolerance: Duration::ZERO,
        old_replies: 2,
        at_most_once: false,
        max_duplicates: 2,
    }
}

/// What the lines of a script say about `Callee`.
struct Lines {
    rules: Vec<u32>,
    settings: CalleeSettings,
}

impl Words for Lines {
    type Occurrence = Occurrence;

    const LINES: &'static str =
        "rules:, settings:, setting NAME:, at, every, until, or # for a comment";

    fn occurrence(&self, text: &str) -> Result<Occurrence, Problem> {
        Ok(Occurrence {
            text: text.to_owned(),
            input: input(text)?,
        })
    }

    fn may_repeat(&self, _: &str) -> bool {
        false
    }

    fn setting(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let CalleeSettings {
            tolerance,
            old_replies,
            at_most_once,
            max_duplicates,
        } = &mut self.settings;
        match name {
            "tolerance" => *tolerance = duration(value)?,
            "old_replies" => *old_replies = number(value)?,
            "at_most_once" => *at_most_once = value == "true",
            "max_duplicates" => *max_duplicates = number(value)?,
            _ => {
                return Err(Problem::new(
                    format!("unknown setting \"{name}\""),
                    "write the name of a field of calls::CalleeSettings",
                ));
            }
        }
        Ok(())
    }

    fn base(&mut self, name: &str) -> Result<(), Problem> {
        self.settings = match name {
            "plain" => plain(),
            "defaults" => CalleeSettings::default(),
            _ => {
                return Err(Problem::new(
                    format!("unknown settings \"{name}\""),
                    "write plain or defaults",
                ));
            }
        };
        Ok(())
    }

    fn line(&mut self, name: &str, value: &str) -> Result<bool, Problem> {
        if name != "rules" {
            return Ok(false);
        }
        let rules: Result<_, _> = value.split(", ").map(number).collect();
        self.rules = rules?;
        Ok(true)
    }
}

fn finish(
    words: Lines,
    read: reader::Script<Occurrence>,
) -> Result<Script, (Option<usize>, Problem)> {
    let config = CalleeConfig::new(words.settings).map_err(|error| read.config_error(&error))?;
    if words.rules.is_empty() {
        let problem = Problem::new(
            "it names no rule",
            "add the rules of docs/calls-rules.md that it shows: \"rules: 31, 32\"",
        );
        return Err((None, problem));
    }
    Ok(Script {
        sentence: read.sentence,
        rules: words.rules,
        config,
        occurrences: read.occurrences,
        until: read.until,
    })
}

/// Parses an input.
fn input(text: &str) -> Result<Input, Problem> {
    let words: Vec<&str> = text.split(' ').collect();
    Ok(match words[..] {
        ["assigned", "in", generation] => Input::Assigned(of(generation)?),
        ["ended", "in", generation] => Input::Ended(of(generation)?),
        [
            "fetched",
            offset,
            "in",
            generation,
            "call",
            call,
            "for",
            time,
            ref rest @ ..,
        ] => {
            let (age, key) = match *rest {
                [] => ("0", None),
                ["aged", age] => (age, None),
                ["key", key] => ("0", Some(key)),
                ["aged", age, "key", key] => (age, Some(key)),
                _ => return Err(unknown(text)),
            };
            let arrival = Arrival {
                correlation: correlation(call)?,
                key: key.map(number).transpose()?,
                time: duration(time)?,
                age: duration(age)?,
            };
            Input::Fetched(id(offset, generation)?, arrival)
        }
        ["cancel", "of", "call", call, "in", generation] => {
            Input::Cancel(of(generation)?, correlation(call)?)
        }
        ["begin", offset, "in", generation] => Input::Begin(id(offset, generation)?),
        ["committed", position, "in", generation] => {
            Input::Committed(of(generation)?, number(position)?)
        }
        ["ran", offset, "in", generation] => Input::Ran {
            id: id(offset, generation)?,
            is_replied: true,
        },
        ["ran", offset, "in", generation, "without", "a", "reply"] => Input::Ran {
            id: id(offset, generation)?,
            is_replied: false,
        },
        ["read", "held"] => Input::ReadHeld,
        _ => return Err(unknown(text)),
    })
}

fn of(generation: &str) -> Result<Generation, Problem> {
    number(generation).map(Generation)
}

fn id(offset: &str, generation: &str) -> Result<RequestId, Problem> {
    Ok(RequestId {
        partition: PARTITION,
        generation: of(generation)?,
        offset: number(offset)?,
    })
}

fn correlation(call: &str) -> Result<Correlation, Problem> {
    let from = Identity {
        instance: 7,
        epoch: 5,
    };
    let call = CallId(number(call)?);
    Ok(Correlation { from, call })
}

fn unknown(text: &str) -> Problem {
    Problem::new(
        format!("unknown input \"{text}\""),
        "write \"fetched 5 in 1 call 3 for 1000\", \"begin 5 in 1\", or another input of tests/src/callee_scenarios/mod.rs",
    )
}
