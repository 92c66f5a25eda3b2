//! The lines of the recording of a supervisor.

mod decode;
mod encode;
mod header;
pub(crate) mod settings;

use std::borrow::Cow;
use std::io;
use std::time::Instant;

use livebus_core::{Action, Config, Event, HandlerId, Status, Supervisor};
use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::header::Header;
use crate::line::{Content, Damage, Line};
use crate::machine::{OwnedEntry, Recorded};
use livebus_runner::Entry;

/// The bytes that a handler in registration, and the action that requests it, take in a snapshot.
const MAX_HANDLER_STATE_BYTES: usize = 128;

impl Recorded for Supervisor {
    type Config = Config;
    type OwnedEvent = Event;

    const NAME: &'static str = "supervisor";
    const MAX_LINE_BYTES: usize = 1_048_576;

    fn make(config: &Config, began: Instant) -> Self {
        Self::new(config.clone(), began)
    }

    fn state(&self, epoch: Instant) -> Vec<u64> {
        self.snapshot(epoch)
    }

    fn with_state(config: &Config, epoch: Instant, state: &[u64]) -> Option<Self> {
        Self::restore(config.clone(), epoch, state)
    }

    fn event(owned: &Event) -> Event {
        *owned
    }

    fn is_last(action: &Action) -> bool {
        matches!(action, Action::SetStatus(report) if report.status == Status::Stopped)
    }

    fn records_in(_: &OwnedEntry<Self>) -> usize {
        0
    }

    fn remember(_: &mut Config, _: &Event) {}

    fn max_first_line(length: usize, config: &Config) -> usize {
        length * 2 + config.handlers().len() * MAX_HANDLER_STATE_BYTES
    }
}

impl Format for Supervisor {
    fn encode_header(header: &Header<Self>, into: &mut Vec<u8>) -> io::Result<()> {
        header::encode(header, into)
    }

    fn decode_header(object: &[u8]) -> Result<Header<Self>, Damage> {
        header::decode(object)
    }

    fn encode_line(line: &Line<Self>, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *into, &Wire::from_line(line, epoch))?;
        into.push(b'\n');
        Ok(())
    }

    fn decode_line(object: &[u8], epoch: Epoch) -> Result<Line<Self>, Damage> {
        serde_json::from_slice::<Wire<'_>>(object)?.into_line(epoch)
    }

    fn check_line(config: &Config, line: &Line<Self>) -> Result<(), Damage> {
        let handlers = config.handlers().len();
        match handler(line) {
            Some(handler) if handler.index() >= handlers => {
                Err(Damage::new("`handler` is not below the number of handlers"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Returns the handler of a line, if it has one.
fn handler(line: &Line<Supervisor>) -> Option<HandlerId> {
    let Content::Entry(Entry::Action(action)) = line.content else {
        return None;
    };
    match action {
        Action::RegisterHandler { handler, .. } => Some(handler),
        Action::SetStatus(report) => report.cause.handler(),
        Action::Start { .. }
        | Action::SendLiveness { .. }
        | Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::Renew { .. }
        | Action::Stop { .. } => None,
    }
}

/// A line as JSON. It has the fields of all kinds of lines, and each kind has some of them.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wire<'a> {
    ns: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    end: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<usize>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<u64>,
}

#[cfg(test)]
mod tests;
