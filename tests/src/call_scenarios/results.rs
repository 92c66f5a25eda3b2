//! Writes the results of a scenario of `Calls`: its actions and its queries, as words.

use std::time::Instant;

use livebus_core::calls::{Action, Calls, Counters, Execution, Health, NotSent, Outcome, Unknown};

use super::script::Query;
use crate::scenario_files::words::millis;

/// Writes instants as milliseconds since the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) began: Instant,
}

impl Words {
    pub(super) fn action(self, action: &Action) -> String {
        match action {
            Action::AssignReplies {
                id,
                attempt,
                deadline,
            } => {
                let (id, at) = (id.number(), self.at(*deadline));
                format!("assign replies #{id}, attempt {attempt}; deadline {at}")
            }
            Action::Send {
                correlation,
                attempt,
                deadline,
            } => {
                let (from, call) = (correlation.from, correlation.call.0);
                let (instance, epoch, at) = (from.instance, from.epoch, self.at(*deadline));
                format!("send #{call}/{attempt} of {instance}/{epoch}; until {at}")
            }
            Action::SendCancel { correlation } => format!("cancel record #{}", correlation.call.0),
            Action::End { call, outcome } => {
                let executed = match outcome.execution() {
                    Execution::Done => "executed",
                    Execution::Never => "never executed",
                    Execution::Maybe => "maybe executed",
                };
                format!("end #{}: {}; {executed}", call.0, text(*outcome))
            }
            Action::SetHealth(health) => match health {
                Health::Starting => "health Starting".to_owned(),
                Health::Working => "health Working".to_owned(),
                Health::RepliesFailed(failure) => format!("health RepliesFailed, {failure}"),
            },
            Action::Stopped => "stopped".to_owned(),
        }
    }

    pub(super) fn query(self, calls: &Calls, query: Query) -> String {
        match query {
            Query::Bounds => format!(
                "bounds: shutdown {}",
                millis(calls.config().shutdown_bound())
            ),
            Query::InFlight => format!(
                "in flight: {} calls, {} bytes",
                calls.in_flight(),
                calls.bytes_in_flight()
            ),
            Query::Deadline => {
                let at = calls.poll_timeout().map(|at| self.at(at));
                format!("deadline: {}", at.unwrap_or_else(|| "none".to_owned()))
            }
        }
    }

    fn at(self, at: Instant) -> String {
        millis(at.saturating_duration_since(self.began))
    }
}

fn text(outcome: Outcome) -> String {
    match outcome {
        Outcome::Replied => "Replied".to_owned(),
        Outcome::Refused(refusal) => format!("Refused, {refusal:?}"),
        Outcome::NotSent(reason) => match reason {
            NotSent::Bus(cause) => format!("NotSent, bus: {cause}"),
            NotSent::Replies(failure) => format!("NotSent, replies: {failure}"),
            NotSent::Send(failure) => format!("NotSent, send: {failure}"),
            NotSent::Deadline => "NotSent, Deadline".to_owned(),
            NotSent::TooLarge => "NotSent, TooLarge".to_owned(),
            NotSent::Overloaded { retry_after } => {
                format!("NotSent, Overloaded, again after {}", millis(retry_after))
            }
            NotSent::ShuttingDown => "NotSent, ShuttingDown".to_owned(),
        },
        Outcome::SentUnknown(Unknown::Send(failure)) => format!("SentUnknown, send: {failure}"),
        Outcome::SentUnknown(Unknown::Refused(refusal)) => {
            format!("SentUnknown, refused: {refusal:?}")
        }
        Outcome::Expired => "Expired".to_owned(),
        Outcome::Cancelled => "Cancelled".to_owned(),
        Outcome::ShuttingDown => "ShuttingDown".to_owned(),
    }
}

/// Returns what was counted at least once.
pub(super) fn counted(counters: &Counters) -> String {
    let all = [
        ("called", counters.called),
        ("replied", counters.replied),
        ("refused", counters.refused),
        ("not sent", counters.not_sent),
        ("sent and unknown", counters.sent_unknown),
        ("expired", counters.expired),
        ("cancelled", counters.cancelled),
        ("shutting down", counters.shutting_down),
        ("sends", counters.sends),
        ("retries", counters.retries),
        ("cancel records", counters.cancels),
        ("foreign replies", counters.foreign_replies),
        ("former replies", counters.former_replies),
        ("late replies", counters.late_replies),
        ("duplicate replies", counters.duplicate_replies),
        ("stale", counters.stale),
    ];
    let some = all.iter().filter(|(_, count)| *count > 0);
    let some: Vec<String> = some
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    if some.is_empty() {
        "counted: nothing".to_owned()
    } else {
        format!("counted: {}", some.join(", "))
    }
}
