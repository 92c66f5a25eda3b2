//! A trace: the inputs and actions of a supervisor, as text that can be compared byte for byte.

use std::fmt::{self, Write as _};
use std::time::Instant;

use livebus_core::{Action, ClientId, Event, Failure, Report};
use livebus_readiness::StatusChange;
use livebus_runner::Entry;

use crate::scenario_files::words::millis;

/// One step of a trace: the stimulus, what it led to, and the state after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTrace {
    /// The stimulus, and when it came.
    pub heading: String,
    /// The results of the readiness reads, of this step or while the executor was blocked.
    pub readiness_reads: Vec<String>,
    /// The inputs and the actions of the supervisor, in order.
    pub entries: Vec<String>,
    /// The changes that were published to subscribers.
    pub published: Vec<String>,
    /// The state after the step.
    pub state: String,
}

impl StepTrace {
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let indented = [&self.readiness_reads, &self.entries, &self.published];
        std::iter::once(self.heading.clone())
            .chain(
                indented
                    .into_iter()
                    .flatten()
                    .map(|line| format!("  {line}")),
            )
            .chain(std::iter::once(format!("  {}", self.state)))
    }
}

/// The state after a step.
pub(super) struct State {
    pub(super) report: Report,
    pub(super) ready: bool,
    pub(super) heartbeat: HeartbeatDeadline,
    pub(super) in_flight: Vec<String>,
    pub(super) discarded: Vec<ClientId>,
    pub(super) ended: bool,
}

/// The deadline of the loop's heartbeat.
pub(super) enum HeartbeatDeadline {
    /// There is no handle that could return it.
    NoHandle,
    /// None: the loop wakes only when something happens.
    None,
    /// The loop wakes at this instant at the latest.
    At(Instant),
}

impl HeartbeatDeadline {
    /// Returns what the handle returns, while there is one.
    pub(super) const fn new(has_handle: bool, next: Option<Instant>) -> Self {
        match (has_handle, next) {
            (false, _) => Self::NoHandle,
            (true, None) => Self::None,
            (true, Some(at)) => Self::At(at),
        }
    }
}

/// Formats instants as milliseconds since the beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    pub(super) began: Instant,
}

impl Writer {
    pub(super) fn at(self, at: Instant) -> String {
        match at.checked_duration_since(self.began) {
            Some(elapsed) => millis(elapsed),
            None => "before the beginning".to_owned(),
        }
    }

    pub(super) fn entry(self, at: Instant, entry: &Entry) -> String {
        let at = self.at(at);
        match entry {
            Entry::Event(event) => format!("input at {at}: {}", self.event(event)),
            Entry::Timeout => format!("input at {at}: time"),
            Entry::Action(action) => format!("action at {at}: {}", self.action(action)),
        }
    }

    pub(super) fn published(self, change: &StatusChange) -> String {
        let StatusChange { from, report, at } = change;
        let at = self.at(*at);
        format!("published at {at}: from {from} to {}", self.report(report))
    }

    pub(super) fn readiness_read(self, at: Instant, ready: bool) -> String {
        let ready = if ready { "ready" } else { "not ready" };
        format!("readiness read at {}: {ready}", self.at(at))
    }

    pub(super) fn state(self, state: &State) -> String {
        let numbers: Vec<u64> = state.discarded.iter().map(|id| id.number()).collect();
        let mut text = format!(
            "state: {}; ready: {}",
            self.report(&state.report),
            state.ready
        );
        let heartbeat = match state.heartbeat {
            HeartbeatDeadline::NoHandle => "no handle".to_owned(),
            HeartbeatDeadline::None => "no heartbeat deadline".to_owned(),
            HeartbeatDeadline::At(at) => format!("heartbeat deadline {}", self.at(at)),
        };
        let _infallible = write!(
            text,
            "; {heartbeat}; in flight: [{}]; discarded: {numbers:?}; ended: {}",
            state.in_flight.join(", "),
            state.ended
        );
        text
    }

    fn event(self, event: &Event) -> String {
        match event {
            Event::StartAnswered { id, result } => {
                format!("start #{} {}", id.number(), ResultText(result))
            }
            Event::LivenessAnswered { id, result } => {
                format!("liveness #{} {}", id.number(), ResultText(result))
            }
            Event::RegistrationAnswered { id, result } => {
                format!("registration #{} {}", id.number(), ResultText(result))
            }
            Event::HandlerHealth { id, result } => {
                format!("handler #{} {}", id.number(), ResultText(result))
            }
            Event::StopAnswered { id, result } => {
                format!("stop #{} {}", id.number(), ResultText(result))
            }
            Event::Live { at } => format!("live at {}", self.at(*at)),
            Event::Suspicion(failure) => format!("suspicion of {failure}"),
            Event::ClientLost { client, failure } => {
                format!("client #{} lost: {failure}", client.number())
            }
            Event::Shutdown => "shutdown".to_owned(),
        }
    }

    fn action(self, action: &Action) -> String {
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => {
                let (id, deadline) = (id.number(), self.at(*deadline));
                format!("start #{id}, attempt {attempt}, by {deadline}")
            }
            Action::SendLiveness { id, deadline } => {
                format!("liveness #{} by {}", id.number(), self.at(*deadline))
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => {
                let (id, handler, deadline) = (id.number(), handler.index(), self.at(*deadline));
                format!("register #{id} handler {handler}, attempt {attempt}, by {deadline}")
            }
            Action::DiscardClient { client } => format!("discard client #{}", client.number()),
            Action::DiscardRegistration { registration } => {
                format!("discard registration #{}", registration.number())
            }
            Action::SetStatus(report) => format!("set {}", self.report(report)),
            Action::Renew { evidence, lease } => {
                let (evidence, lease) = (self.at(*evidence), self.at(*lease));
                format!("renew evidence {evidence}, lease {lease}")
            }
            Action::Stop { id, deadline } => {
                format!("stop #{} by {}", id.number(), self.at(*deadline))
            }
        }
    }

    fn report(self, report: &Report) -> String {
        let Report {
            status,
            cause,
            warning,
            since,
            evidence,
            lease,
            attempt,
        } = report;
        format!(
            "{status} ({cause}), warning {}, since {}, evidence {}, lease {}, attempt {attempt}",
            warning.map_or("none".to_owned(), |failure| failure.to_string()),
            self.at(*since),
            self.at_or_none(*evidence),
            self.at_or_none(*lease),
        )
    }

    fn at_or_none(self, at: Option<Instant>) -> String {
        at.map_or("none".to_owned(), |at| self.at(at))
    }
}

struct ResultText<'a>(&'a Result<(), Failure>);

impl fmt::Display for ResultText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("succeeded"),
            Err(failure) => write!(f, "failed: {failure}"),
        }
    }
}

/// Returns the first difference of two traces with the lines before it; `None` when they are equal byte for byte.
pub(super) fn first_difference(expected: &[StepTrace], actual: &[StepTrace]) -> Option<String> {
    const LINES_BEFORE: usize = 12;
    let lines = |traces: &[StepTrace]| traces.iter().flat_map(StepTrace::lines).collect::<Vec<_>>();
    let (expected, actual) = (lines(expected), lines(actual));
    if expected == actual {
        return None;
    }
    let same = expected
        .iter()
        .zip(&actual)
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(LINES_BEFORE);
    let nothing = "(nothing)".to_owned();
    let mut text = "the traces differ here:\n".to_owned();
    for line in &expected[from..same] {
        let _infallible = writeln!(text, "  {line}");
    }
    let expected = expected.get(same).unwrap_or(&nothing);
    let actual = actual.get(same).unwrap_or(&nothing);
    let _infallible = write!(
        text,
        "- {expected}\n+ {actual}\n(- reference driver, + runner)"
    );
    Some(text)
}
