//! One step of a scenario: the stimulus, its instant, and the expected trace.

use std::fmt;
use std::time::{Duration, Instant};

use livebus_core::{ClientId, Failure};
use livebus_readiness::StatusChange;
use livebus_runner::Entry;

use super::environment::{DirectInput, Outcome};
use super::trace::StepTrace;
use crate::scenario_files::words::millis;

/// A stimulus that reaches a supervision while its loop waits, and what the reference driver recorded for it.
#[derive(Debug, Clone)]
pub struct Step {
    /// The instant at which the loop runs, since the beginning.
    pub now: Duration,
    /// The stimulus.
    pub stimulus: Stimulus,
    /// The expected trace.
    pub trace: StepTrace,
    /// The instant at which the environment began.
    pub(super) began: Instant,
    /// The instants at which the readiness was read, and the results.
    pub(super) readiness_reads: Vec<(Instant, bool)>,
    /// The inputs and the actions of the supervisor.
    pub(super) entries: Vec<(Instant, Entry)>,
    /// The changes that were published to subscribers.
    pub(super) published: Vec<StatusChange>,
    /// The operations in flight after the step.
    pub(super) in_flight: Vec<String>,
    /// Whether the supervision has ended after the step.
    pub(super) ended: bool,
}

/// What reaches a supervision while its loop waits.
#[derive(Debug, Clone)]
pub enum Stimulus {
    /// The supervision is started.
    Start,
    /// Something happens outside of the loop.
    Trigger(Trigger),
    /// An operation ends on its own.
    Answer {
        /// The name of the operation.
        operation: String,
        /// How it ends.
        outcome: Outcome,
        /// When it ends; the loop runs at the step's instant, which may be later.
        at: Duration,
    },
    /// The deadline of the loop is due.
    Timer,
    /// All of this happens while the executor is blocked, until the step's instant.
    Blocked(Vec<(Duration, Trigger)>),
    /// The core receives this directly: it cannot be played to a runner.
    DirectInput(DirectInput),
}

/// Something that happens outside of the loop.
#[derive(Debug, Clone, Copy)]
pub enum Trigger {
    /// Evidence from ordinary traffic.
    Live,
    /// A suspicion.
    Suspicion(Failure),
    /// The client of this start is lost.
    Lost(ClientId, Failure),
    /// The service requests the shutdown.
    Shutdown,
    /// The service drops its handle.
    Drop,
    /// The readiness of the service is read.
    ReadReadiness,
}

impl fmt::Display for Stimulus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start of the supervision"),
            Self::Trigger(trigger) => trigger.fmt(f),
            Self::Answer {
                operation,
                outcome,
                at,
            } => {
                let at = millis(*at);
                match outcome {
                    Outcome::Returns(Ok(())) => write!(f, "{operation} succeeded at {at}"),
                    Outcome::Returns(Err(failure)) => {
                        write!(f, "{operation} failed at {at}: {failure}")
                    }
                    Outcome::Panics => write!(f, "{operation} panicked at {at}"),
                }
            }
            Self::Timer => f.write_str("deadline"),
            Self::Blocked(triggers) => {
                f.write_str("blocked until now")?;
                triggers
                    .iter()
                    .try_for_each(|(at, trigger)| write!(f, ", {trigger} at {}", millis(*at)))
            }
            Self::DirectInput(direct) => write!(f, "direct input {:?}", direct.input),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("traffic"),
            Self::Suspicion(failure) => write!(f, "suspicion ({failure})"),
            Self::Lost(client, failure) => {
                write!(f, "client #{} lost ({failure})", client.number())
            }
            Self::Shutdown => f.write_str("shutdown"),
            Self::Drop => f.write_str("handle dropped"),
            Self::ReadReadiness => f.write_str("readiness read"),
        }
    }
}

/// Returns the heading of a step.
pub(super) fn heading(now: Duration, stimulus: &Stimulus) -> String {
    format!("at {}: {stimulus}", millis(now))
}
