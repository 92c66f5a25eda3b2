//! A trace: what a supervisor was told and did, as text that can be compared byte for byte.

use std::fmt::{self, Write as _};
use std::time::{Duration, Instant};

use livebus_core::{Action, ClientId, Event, Failure, Report};
use livebus_readiness::StatusChange;
use livebus_runner::Entry;

use super::step::Stimulus;

/// One step of a trace: what came, what it led to, and how things stand then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTrace {
    /// What came, and when.
    pub heading: String,
    /// What whoever asked while the executor was blocked, or when the step was just that, was told.
    pub readiness_reads: Vec<String>,
    /// What went into the supervisor and what came out, in order.
    pub entries: Vec<String>,
    /// What subscribers were told.
    pub published: Vec<String>,
    /// How things stand.
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

/// How things stand after a step.
pub(super) struct State {
    pub(super) report: Report,
    pub(super) ready: bool,
    pub(super) heartbeat: HeartbeatDeadline,
    pub(super) under_way: Vec<String>,
    pub(super) discarded: Vec<ClientId>,
    pub(super) ended: bool,
}

/// What the heartbeat promises.
pub(super) enum HeartbeatDeadline {
    /// There is no handle to ask.
    NoHandle,
    /// To be back when something happens.
    Event,
    /// To be back then.
    At(Instant),
}

impl HeartbeatDeadline {
    /// What a handle says, while there is one.
    pub(super) const fn new(has_handle: bool, next: Option<Instant>) -> Self {
        match (has_handle, next) {
            (false, _) => Self::NoHandle,
            (true, None) => Self::Event,
            (true, Some(at)) => Self::At(at),
        }
    }
}

/// Writes instants as milliseconds since the beginning.
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
            Entry::Event(event) => format!("told at {at}: {}", self.event(event)),
            Entry::Timeout => format!("told at {at}: time passed"),
            Entry::Action(action) => format!("does at {at}: {}", self.action(action)),
        }
    }

    pub(super) fn published(self, change: &StatusChange) -> String {
        let StatusChange { from, report, at } = change;
        let at = self.at(*at);
        format!("published at {at}: from {from} to {}", self.report(report))
    }

    pub(super) fn look(self, at: Instant, ready: bool) -> String {
        let ready = if ready { "ready" } else { "not ready" };
        format!("{} look: {ready}", self.at(at))
    }

    pub(super) fn state(self, state: &State) -> String {
        let numbers: Vec<u64> = state.discarded.iter().map(|id| id.number()).collect();
        let mut text = format!(
            "then: {}; ready: {}",
            self.report(&state.report),
            state.ready
        );
        let heartbeat = match state.heartbeat {
            HeartbeatDeadline::NoHandle => "no handle".to_owned(),
            HeartbeatDeadline::Event => "promises none".to_owned(),
            HeartbeatDeadline::At(at) => format!("promises {}", self.at(at)),
        };
        let _infallible = write!(
            text,
            "; {heartbeat}; under way: [{}]; discarded: {numbers:?}; ended: {}",
            state.under_way.join(", "),
            state.ended
        );
        text
    }

    fn event(self, event: &Event) -> String {
        match event {
            Event::StartAnswered { id, result } => {
                format!("start #{} {}", id.number(), Shown(result))
            }
            Event::LivenessAnswered { id, result } => {
                format!("liveness #{} {}", id.number(), Shown(result))
            }
            Event::RegistrationAnswered { id, result } => {
                format!("registration #{} {}", id.number(), Shown(result))
            }
            Event::StopAnswered { id, result } => {
                format!("stop #{} {}", id.number(), Shown(result))
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
            self.maybe(*evidence),
            self.maybe(*lease),
        )
    }

    fn maybe(self, at: Option<Instant>) -> String {
        at.map_or("none".to_owned(), |at| self.at(at))
    }
}

/// Whole milliseconds as such, everything else to the nanosecond.
pub(super) fn millis(elapsed: Duration) -> String {
    let (millis, nanos) = (elapsed.as_millis(), elapsed.as_nanos() % 1_000_000);
    if nanos == 0 {
        millis.to_string()
    } else {
        format!("{millis}.{nanos:06}")
    }
}

/// How a step is headed.
pub(super) fn heading(now: Duration, stimulus: &Stimulus) -> String {
    format!("at {}: {stimulus}", millis(now))
}

struct Shown<'a>(&'a Result<(), Failure>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Ok(()) => f.write_str("succeeded"),
            Err(failure) => write!(f, "failed: {failure}"),
        }
    }
}

/// Where two traces part, with what led there; nothing when they are the same to the byte.
pub(super) fn first_difference(expected: &[StepTrace], actual: &[StepTrace]) -> Option<String> {
    const BEFORE: usize = 12;
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
    let from = same.saturating_sub(BEFORE);
    let nothing = "(nothing)".to_owned();
    let mut text = "the traces part here:\n".to_owned();
    for line in &expected[from..same] {
        let _infallible = writeln!(text, "  {line}");
    }
    let expected = expected.get(same).unwrap_or(&nothing);
    let actual = actual.get(same).unwrap_or(&nothing);
    let _infallible = write!(
        text,
        "- {expected}\n+ {actual}\n(- by driver, + by the runner)"
    );
    Some(text)
}
