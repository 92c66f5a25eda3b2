//! The inputs of `Calls`, as words.

use std::time::{Duration, Instant};

use livebus_core::Cause;
use livebus_core::calls::{
    AssignmentId, CallId, Correlation, Event, Identity, Refusal, Reply, Request, Sent,
};

use crate::scenario_files::Problem;
use crate::scenario_files::words::{duration, failure, number, one_of};

/// The client of every scenario.
pub(super) const IDENTITY: Identity = Identity {
    instance: 7,
    epoch: 5,
};

/// An input of `Calls`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input {
    /// A call: its number, its deadline since the beginning, its bytes, whether it is idempotent.
    Called(CallId, Duration, u32, bool),
    /// Any other event.
    Event(Event),
    /// The time alone.
    Time,
}

/// All kinds of inputs. A kind of a stale input begins with `stale`.
pub(super) const KINDS: &[&str] = &[
    "assignment failed",
    "assignment ok",
    "bus not ready",
    "bus ready",
    "called",
    "cancel",
    "replies lost",
    "replies reachable",
    "replies unreachable",
    "reply done",
    "reply refused",
    "send acknowledged",
    "send not sent",
    "send unknown",
    "shutdown",
    "stale assignment ok",
    "stale called",
    "stale cancel",
    "stale replies lost",
    "stale send acknowledged",
    "timeout",
];

impl Input {
    /// Returns the event of this input, with instants since `began`; `None` when it is the time alone.
    pub(super) fn event(self, began: Instant) -> Option<Event> {
        match self {
            Self::Called(call, deadline, bytes, is_idempotent) => Some(Event::Called {
                call,
                request: Request {
                    deadline: began + deadline,
                    bytes,
                    is_idempotent,
                },
            }),
            Self::Event(event) => Some(event),
            Self::Time => None,
        }
    }

    /// Returns its kind.
    pub(super) const fn kind(self) -> &'static str {
        let event = match self {
            Self::Called(..) => return "called",
            Self::Time => return "timeout",
            Self::Event(event) => event,
        };
        match event {
            Event::Called { .. } => "called",
            Event::SendAnswered { result, .. } => match result {
                Sent::Acknowledged => "send acknowledged",
                Sent::NotSent(_) => "send not sent",
                Sent::Unknown(_) => "send unknown",
            },
            Event::ReplyFetched { reply, .. } => match reply {
                Reply::Done => "reply done",
                Reply::Refused { .. } => "reply refused",
            },
            Event::Cancelled { .. } => "cancel",
            Event::BusReady => "bus ready",
            Event::BusNotReady(_) => "bus not ready",
            Event::RepliesAssigned { result: Ok(()), .. } => "assignment ok",
            Event::RepliesAssigned { result: Err(_), .. } => "assignment failed",
            Event::RepliesLost(_) => "replies lost",
            Event::RepliesUnreachable(_) => "replies unreachable",
            Event::RepliesReachable => "replies reachable",
            Event::Shutdown => "shutdown",
        }
    }
}

/// Parses an input.
pub(super) fn input(text: &str) -> Result<Input, Problem> {
    let event = match text {
        "timeout" => return Ok(Input::Time),
        "bus ready" => Event::BusReady,
        "replies reachable" => Event::RepliesReachable,
        "shutdown" => Event::Shutdown,
        _ => return other(text),
    };
    Ok(Input::Event(event))
}

fn other(text: &str) -> Result<Input, Problem> {
    if let Some((call, rest)) = numbered(text, "called #") {
        return called(text, call, rest);
    }
    let event = if let Some(class) = text.strip_prefix("bus not ready ") {
        Event::BusNotReady(Cause::LivenessFailed(failure(class)?))
    } else if let Some(class) = text.strip_prefix("replies lost ") {
        Event::RepliesLost(failure(class)?)
    } else if let Some(class) = text.strip_prefix("replies unreachable ") {
        Event::RepliesUnreachable(failure(class)?)
    } else if let Some(call) = text.strip_prefix("cancel #") {
        Event::Cancelled {
            call: CallId(number(call)?),
        }
    } else if let Some((id, rest)) = numbered(text, "assignment #") {
        let id = AssignmentId::from_number(number(id)?);
        let result = match rest.strip_prefix("failed ") {
            Some(class) => Err(failure(class)?),
            None if rest == "ok" => Ok(()),
            None => return Err(unknown(text)),
        };
        Event::RepliesAssigned { id, result }
    } else if let Some((of, rest)) = numbered(text, "send #") {
        let (call, attempt) = of.split_once('/').ok_or_else(|| unknown(text))?;
        Event::SendAnswered {
            call: CallId(number(call)?),
            attempt: number(attempt)?,
            result: sent(rest).ok_or_else(|| unknown(text))??,
        }
    } else if let Some((call, rest)) = numbered(text, "reply #") {
        let (from, rest) = match rest.strip_prefix("of ").and_then(|it| it.split_once(' ')) {
            Some((from, rest)) => (identity(text, from)?, rest),
            None => (IDENTITY, rest),
        };
        let call = CallId(number(call)?);
        Event::ReplyFetched {
            to: Correlation { from, call },
            reply: reply(rest).ok_or_else(|| unknown(text))??,
        }
    } else {
        return Err(unknown(text));
    };
    Ok(Input::Event(event))
}

fn numbered<'a>(text: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(prefix)?.split_once(' ')
}

/// Parses `until 500 of 20 bytes idempotent`.
fn called(text: &str, call: &str, rest: &str) -> Result<Input, Problem> {
    let problem = || {
        Problem::new(
            format!("invalid call \"{text}\""),
            "write \"called #1 until 500\", with \" of 20 bytes\", with \" idempotent\"",
        )
    };
    let (rest, is_idempotent) = match rest.strip_suffix(" idempotent") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let rest = rest.strip_prefix("until ").ok_or_else(problem)?;
    let (deadline, bytes) = match rest.split_once(" of ") {
        Some((deadline, bytes)) => (deadline, bytes.strip_suffix(" bytes").ok_or_else(problem)?),
        None => (rest, "1"),
    };
    let call = CallId(number(call)?);
    Ok(Input::Called(
        call,
        duration(deadline)?,
        number(bytes)?,
        is_idempotent,
    ))
}

fn sent(text: &str) -> Option<Result<Sent, Problem>> {
    if text == "acknowledged" {
        return Some(Ok(Sent::Acknowledged));
    }
    let not_sent = text.strip_prefix("not sent ");
    let not_sent = not_sent.map(|class| failure(class).map(Sent::NotSent));
    let unknown = text.strip_prefix("unknown ");
    not_sent.or_else(|| unknown.map(|class| failure(class).map(Sent::Unknown)))
}

fn reply(text: &str) -> Option<Result<Reply, Problem>> {
    if text == "done" {
        return Some(Ok(Reply::Done));
    }
    let text = text.strip_prefix("refused ")?;
    let (text, never_began) = match text.strip_suffix(" perhaps begun") {
        Some(text) => (text, false),
        None => (text, true),
    };
    let refusals = [
        ("TooLate", Refusal::TooLate),
        ("Unsupported", Refusal::Unsupported),
        ("Overloaded", Refusal::Overloaded),
        ("Unavailable", Refusal::Unavailable),
    ];
    let refused = |refusal| Reply::Refused {
        refusal,
        never_began,
    };
    Some(one_of(text, &refusals).map(refused))
}

fn identity(text: &str, from: &str) -> Result<Identity, Problem> {
    let (instance, epoch) = from.split_once('/').ok_or_else(|| unknown(text))?;
    Ok(Identity {
        instance: number(instance)?,
        epoch: number(epoch)?,
    })
}

fn unknown(text: &str) -> Problem {
    Problem::new(
        format!("unknown input \"{text}\""),
        "write \"called #1 until 500\", \"send #1/1 acknowledged\", \"reply #1 done\", or another one of call_scenarios",
    )
}
