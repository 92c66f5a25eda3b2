//! The transcription with the intended differences, each at the one point where it applies.
//!
//! [`Adapted::situation`] returns which difference applies, from what is known before anything happens; at most one does.
//! Where none does, the transcription takes its own step. Where one does, this module does something else instead.

mod situation;

use std::time::Duration;

use super::difference::Difference;
use super::failure::BusFailure;
use super::transcription::{
    At, Input, LIVE, LoopState, NOT_LIVE, Output, RETRY, ServiceStatus, Transcription,
};

const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens in an environment. Starts and messages are numbered from 0, in the order in which they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// Time alone.
    TimePasses,
    /// A start returned.
    StartReturned(usize, Result<(), BusFailure>),
    /// A liveness message returned.
    LivenessReturned(usize, Result<(), BusFailure>),
    /// The service's own traffic succeeded, or failed.
    Traffic(Result<(), BusFailure>),
    /// The service shuts down.
    Shutdown,
    /// The stop is complete.
    StopReturned,
}

/// The transcription with the intended differences.
#[derive(Debug, Clone)]
pub struct Adapted {
    pub(super) inner: Transcription,
    starts: usize,
    start_deadline: At,
    messages: usize,
    in_flight: Option<InFlight>,
    last_sent: At,
    last_success: Option<At>,
    ending: Ending,
}

/// The liveness message that may still be answered.
#[derive(Debug, Clone, Copy)]
struct InFlight {
    number: usize,
    sent: At,
    until: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// The client is lost; only a shutdown has an effect.
    Failed,
    Stopping {
        until: At,
    },
    Stopped,
}

impl Adapted {
    /// Returns a transcription whose first start is sent.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inner: Transcription::new(),
            starts: 1,
            start_deadline: START_TIMEOUT,
            messages: 0,
            in_flight: None,
            last_sent: At::ZERO,
            last_success: None,
            ending: Ending::NotYet,
        }
    }

    /// Returns the instant of the next timer.
    #[must_use]
    pub fn due(&self) -> Option<At> {
        match self.ending {
            Ending::NotYet if self.inner.state == LoopState::Starting => Some(self.start_deadline),
            Ending::NotYet => self.inner.due(),
            Ending::Stopping { until } => Some(until),
            Ending::Failed | Ending::Stopped => None,
        }
    }

    /// Returns whether both have the same status and will do the same without input.
    #[must_use]
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        self.inner.does_the_same_as(&other.inner) && self.due() == other.due()
    }

    /// Handles an occurrence as the transcription does, or with the difference that applies. Returns that difference.
    pub fn step(&mut self, now: At, occurrence: Occurrence) -> Option<Difference> {
        let difference = self.situation(now, occurrence);
        let outputs_before = self.inner.outputs.len();
        let was_alive = self.inner.client.alive;
        match difference {
            Some(difference) => self.differently(difference, now, occurrence),
            None => self.as_transcribed(now, occurrence),
        }
        if was_alive && !self.inner.client.alive {
            // A message in flight has at most one more interval.
            self.in_flight = self.in_flight.map(|in_flight| InFlight {
                until: in_flight.until.min(now + NOT_LIVE),
                ..in_flight
            });
        }
        self.update_records(now, occurrence, outputs_before);
        difference
    }

    /// Takes the transcription's own step, whatever difference applies.
    pub fn as_transcribed(&mut self, now: At, occurrence: Occurrence) {
        let text = |result: Result<(), BusFailure>| result.map_err(|failure| failure.text);
        match occurrence {
            Occurrence::TimePasses => self.inner.advance_to(now),
            Occurrence::StartReturned(number, result) => {
                if number + 1 == self.starts {
                    self.inner.handle(now, Input::StartReturned(text(result)));
                }
            }
            Occurrence::LivenessReturned(_, result) => {
                self.inner
                    .handle(now, Input::LivenessReturned(text(result)));
            }
            Occurrence::Traffic(result) => self.inner.handle(now, Input::Traffic(text(result))),
            Occurrence::Shutdown => self.inner.handle(now, Input::ContextDone),
            Occurrence::StopReturned => {}
        }
    }

    fn differently(&mut self, difference: Difference, now: At, occurrence: Occurrence) {
        match difference {
            Difference::RunningWithoutProof => {
                self.as_transcribed_without_outputs(now, occurrence);
                self.inner.client.alive = false;
                self.send(now);
            }
            Difference::StartWithoutDeadline => {
                self.inner.set_status(ServiceStatus::NotReady);
                self.inner.state = LoopState::Delaying { until: now + RETRY };
            }
            Difference::MessageWithoutDeadline => {
                self.in_flight = None;
                self.record_loss(now);
                self.send(now);
            }
            Difference::UnknownText
            | Difference::IntervalAfterLoss
            | Difference::FailureDuringMessage => self.mark_not_live(now, occurrence),
            Difference::EvidenceHeldBack => self.inner.monitor(now, LIVE),
            Difference::FailureWhileNotLive => {
                if let Occurrence::LivenessReturned(..) = occurrence {
                    self.inner.set_status(ServiceStatus::NotReady);
                }
                self.inner.client.last_post = Some(now);
            }
            // A stale answer, an outdated failure and a suspicion before the first proof change nothing.
            Difference::LateAnswer
            | Difference::NewerSuccess
            | Difference::SuspicionBeforeProof => {}
            Difference::ClientLost => {
                self.inner.set_status(ServiceStatus::Failed);
                self.leave_the_loop(Ending::Failed);
            }
            Difference::Shutdown if occurrence == Occurrence::Shutdown => {
                self.inner.set_status(ServiceStatus::NotReady);
                self.leave_the_loop(Ending::Stopping {
                    until: now + STOP_TIMEOUT,
                });
            }
            Difference::Shutdown => {
                self.inner.set_status(ServiceStatus::Stopped);
                self.ending = Ending::Stopped;
            }
        }
    }

    /// Handles a loss while live, or the first verdict before anything was proved.
    fn mark_not_live(&mut self, now: At, occurrence: Occurrence) {
        if let Occurrence::LivenessReturned(..) = occurrence {
            self.in_flight = None;
        }
        let was_alive = self.inner.client.alive;
        self.record_loss(now);
        if was_alive {
            let timer = self
                .message_in_flight(now)
                .map_or(now.max(self.last_sent + NOT_LIVE), |in_flight| {
                    in_flight.until.min(now + NOT_LIVE)
                });
            self.inner.state = LoopState::Monitoring {
                timeout: NOT_LIVE,
                timer,
            };
        }
    }

    fn record_loss(&mut self, now: At) {
        self.inner.client.alive = false;
        self.inner.client.last_post = Some(now);
        self.inner.set_status(ServiceStatus::NotReady);
    }

    fn send(&mut self, now: At) {
        self.inner.outputs.push(Output::SendLiveness);
        self.inner.monitor(now, NOT_LIVE);
    }

    fn leave_the_loop(&mut self, ending: Ending) {
        self.inner.state = LoopState::Exited;
        self.ending = ending;
    }

    /// Takes the transcription's step without its outputs.
    fn as_transcribed_without_outputs(&mut self, now: At, occurrence: Occurrence) {
        let status = self.inner.status;
        let outputs = self.inner.outputs.len();
        self.as_transcribed(now, occurrence);
        self.inner.outputs.truncate(outputs);
        self.inner.status = status;
    }

    /// Records what the situations depend on and the transcription does not store.
    fn update_records(&mut self, now: At, occurrence: Occurrence, outputs_before: usize) {
        match occurrence {
            Occurrence::LivenessReturned(number, result) => {
                if self
                    .message_in_flight(now)
                    .is_some_and(|in_flight| in_flight.number == number)
                {
                    self.in_flight = None;
                    if result.is_ok() {
                        self.last_success = Some(now);
                    }
                }
            }
            Occurrence::Traffic(Ok(())) if self.has_client() => self.last_success = Some(now),
            Occurrence::TimePasses
            | Occurrence::StartReturned(..)
            | Occurrence::Traffic(_)
            | Occurrence::Shutdown
            | Occurrence::StopReturned => {}
        }
        let new = self.inner.outputs[outputs_before..].to_vec();
        for output in new {
            match output {
                Output::Start => {
                    self.starts += 1;
                    self.start_deadline = now + START_TIMEOUT;
                }
                Output::SendLiveness => {
                    let time = if self.inner.client.alive {
                        LIVE
                    } else {
                        NOT_LIVE
                    };
                    self.in_flight = Some(InFlight {
                        number: self.messages,
                        sent: now,
                        until: now + time,
                    });
                    self.messages += 1;
                    self.last_sent = now;
                }
                Output::Status(_) => {}
            }
        }
    }
}

impl Default for Adapted {
    fn default() -> Self {
        Self::new()
    }
}
