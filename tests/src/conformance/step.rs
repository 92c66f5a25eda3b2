//! One step of a story: what comes, when, and what is expected of it.

use std::fmt;
use std::time::{Duration, Instant};

use livebus_core::{ClientId, Failure};
use livebus_readiness::StatusChange;
use livebus_runner::Entry;

use super::environment::{DirectInput, Outcome};
use super::trace::{StepTrace, millis};

/// One thing that comes to a supervision while its loop waits, and what the core, driven by hand, makes of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// What the clock says when the loop gets to run, since the beginning.
    pub now: Duration,
    /// What comes.
    pub stimulus: Stimulus,
    /// What it leads to.
    pub trace: StepTrace,
    /// When the world began.
    pub(super) began: Instant,
    /// Who asked whether the service is ready, and what they were told.
    pub(super) readiness_reads: Vec<(Instant, bool)>,
    /// What went into the supervisor and came out, and what subscribers were told.
    pub(super) entries: Vec<(Instant, Entry)>,
    pub(super) published: Vec<StatusChange>,
    /// The operations that are under way then.
    pub(super) under_way: Vec<String>,
    /// Whether the supervision has ended then.
    pub(super) ended: bool,
}

/// What comes to a supervision while its loop waits.
#[derive(Debug, Clone)]
pub enum Stimulus {
    /// The supervision is started.
    Start,
    /// Something happens.
    Trigger(Trigger),
    /// An operation ends by itself.
    Answer {
        /// Which.
        operation: String,
        /// How.
        outcome: Outcome,
        /// When; the loop gets to run at the step's instant, which may be later.
        at: Duration,
    },
    /// The deadline of the loop is there.
    Timer,
    /// All of this happens while the executor does not get to run, until the step's instant.
    Blocked(Vec<(Duration, Trigger)>),
    /// The core is told this by hand: nothing that can be played to a runner.
    DirectInput(DirectInput),
}

/// Something that happens outside of the loop.
#[derive(Debug, Clone, Copy)]
pub enum Trigger {
    /// Good news.
    Live,
    /// Bad news.
    Suspicion(Failure),
    /// The client of this start is lost.
    Lost(ClientId, Failure),
    /// The service calls for the shutdown.
    Shutdown,
    /// The service drops its handle.
    Drop,
    /// Somebody asks whether the service is ready.
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
            Self::DirectInput(direct) => write!(f, "the core is told {:?}", direct.input),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("good news"),
            Self::Suspicion(failure) => write!(f, "bad news ({failure})"),
            Self::Lost(client, failure) => {
                write!(f, "client #{} lost ({failure})", client.number())
            }
            Self::Shutdown => f.write_str("shutdown"),
            Self::Drop => f.write_str("handle dropped"),
            Self::ReadReadiness => f.write_str("look"),
        }
    }
}
