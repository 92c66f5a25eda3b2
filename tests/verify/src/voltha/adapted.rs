//! The transcription with the differences that are meant, each at the one state where it is in run.
//!
//! [`Adapted::situation`] says which difference is in run, from what is known before anything happens, and at most one is.
//! Where none is, the transcription takes its own step. Where one is, something else is done instead, and it is written here.

mod situation;

use std::time::Duration;

use super::difference::Difference;
use super::failure::BusFailure;
use super::transcription::{
    At, Input, LIVE, LoopState, NOT_LIVE, Output, RETRY, ServiceStatus, Transcription,
};

const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens in a environment. Starts and messages are numbered from 0, in the order in which they went out.
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
    /// The service wants to end.
    Shutdown,
    /// The end is done.
    StopReturned,
}

/// The transcription, adapted.
#[derive(Debug, Clone)]
pub struct Adapted {
    pub(super) seed: Transcription,
    starts: usize,
    start_given_up: At,
    messages: usize,
    open: Option<Open>,
    last_sent: At,
    last_success: Option<At>,
    ending: Ending,
}

/// The liveness message that may still be answered.
#[derive(Debug, Clone, Copy)]
struct Open {
    number: usize,
    sent: At,
    until: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    NotYet,
    /// The client is lost; only a shutdown leads on.
    Failed,
    Stopping {
        until: At,
    },
    Stopped,
}

impl Adapted {
    /// Begins.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seed: Transcription::new(),
            starts: 1,
            start_given_up: START_TIMEOUT,
            messages: 0,
            open: None,
            last_sent: At::ZERO,
            last_success: None,
            ending: Ending::NotYet,
        }
    }

    /// When time alone will do something.
    #[must_use]
    pub fn due(&self) -> Option<At> {
        match self.ending {
            Ending::NotYet if self.seed.state == LoopState::Starting => Some(self.start_given_up),
            Ending::NotYet => self.seed.due(),
            Ending::Stopping { until } => Some(until),
            Ending::Failed | Ending::Stopped => None,
        }
    }

    /// Whether it shows the same and will do the same by itself.
    #[must_use]
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        self.seed.does_the_same_as(&other.seed) && self.due() == other.due()
    }

    /// Takes what happened: as the transcription does, or with the difference that is in run.
    pub fn step(&mut self, now: At, occurrence: Occurrence) -> Option<Difference> {
        let difference = self.situation(now, occurrence);
        let outputs_before = self.seed.outputs.len();
        let was_alive = self.seed.client.alive;
        match difference {
            Some(difference) => self.do_instead(difference, now, occurrence),
            None => self.as_transcribed(now, occurrence),
        }
        if was_alive && !self.seed.client.alive {
            // What is under way has one interval more.
            self.open = self.open.map(|open| Open {
                until: open.until.min(now + NOT_LIVE),
                ..open
            });
        }
        self.update_records(now, occurrence, outputs_before);
        difference
    }

    /// The transcription's own step, whatever difference is in run.
    pub fn as_transcribed(&mut self, now: At, occurrence: Occurrence) {
        let text = |result: Result<(), BusFailure>| result.map_err(|failure| failure.text);
        match occurrence {
            Occurrence::TimePasses => self.seed.advance_to(now),
            Occurrence::StartReturned(number, result) => {
                if number + 1 == self.starts {
                    self.seed.handle(now, Input::StartReturned(text(result)));
                }
            }
            Occurrence::LivenessReturned(_, result) => {
                self.seed.handle(now, Input::LivenessReturned(text(result)));
            }
            Occurrence::Traffic(result) => self.seed.handle(now, Input::Traffic(text(result))),
            Occurrence::Shutdown => self.seed.handle(now, Input::ContextDone),
            Occurrence::StopReturned => {}
        }
    }

    fn do_instead(&mut self, difference: Difference, now: At, occurrence: Occurrence) {
        match difference {
            Difference::RunningWithoutProof => {
                self.as_transcribed_silently(now, occurrence);
                self.seed.client.alive = false;
                self.send(now);
            }
            Difference::StartWithoutDeadline => {
                self.seed.set_status(ServiceStatus::NotReady);
                self.seed.state = LoopState::Delaying { until: now + RETRY };
            }
            Difference::MessageWithoutDeadline => {
                self.open = None;
                self.note_loss(now);
                self.send(now);
            }
            Difference::UnknownText
            | Difference::IntervalAfterLoss
            | Difference::FailureDuringMessage => self.mark_not_live(now, occurrence),
            Difference::EvidenceHeldBack => self.seed.monitor(now, LIVE),
            Difference::FailureWhileNotLive => {
                if let Occurrence::LivenessReturned(..) = occurrence {
                    self.seed.set_status(ServiceStatus::NotReady);
                }
                self.seed.client.last_post = Some(now);
            }
            // What is stale, outdated or a mere hint changes nothing.
            Difference::LateAnswer
            | Difference::NewerSuccess
            | Difference::SuspicionBeforeProof => {}
            Difference::ClientLost => {
                self.seed.set_status(ServiceStatus::Failed);
                self.leave_the_loop(Ending::Failed);
            }
            Difference::Shutdown if occurrence == Occurrence::Shutdown => {
                self.seed.set_status(ServiceStatus::NotReady);
                self.leave_the_loop(Ending::Stopping {
                    until: now + STOP_TIMEOUT,
                });
            }
            Difference::Shutdown => {
                self.seed.set_status(ServiceStatus::Stopped);
                self.ending = Ending::Stopped;
            }
        }
    }

    /// A loss while live, or the first verdict before anything was proved.
    fn mark_not_live(&mut self, now: At, occurrence: Occurrence) {
        if let Occurrence::LivenessReturned(..) = occurrence {
            self.open = None;
        }
        let was_alive = self.seed.client.alive;
        self.note_loss(now);
        if was_alive {
            let timer = self
                .open_message(now)
                .map_or(now.max(self.last_sent + NOT_LIVE), |open| {
                    open.until.min(now + NOT_LIVE)
                });
            self.seed.state = LoopState::Monitoring {
                timeout: NOT_LIVE,
                timer,
            };
        }
    }

    fn note_loss(&mut self, now: At) {
        self.seed.client.alive = false;
        self.seed.client.last_post = Some(now);
        self.seed.set_status(ServiceStatus::NotReady);
    }

    fn send(&mut self, now: At) {
        self.seed.outputs.push(Output::SendLiveness);
        self.seed.monitor(now, NOT_LIVE);
    }

    fn leave_the_loop(&mut self, ending: Ending) {
        self.seed.state = LoopState::Exited;
        self.ending = ending;
    }

    /// The transcription's step without what it shows.
    fn as_transcribed_silently(&mut self, now: At, occurrence: Occurrence) {
        let status = self.seed.status;
        let outputs = self.seed.outputs.len();
        self.as_transcribed(now, occurrence);
        self.seed.outputs.truncate(outputs);
        self.seed.status = status;
    }

    /// What the situations need to know, and the transcription does not keep.
    fn update_records(&mut self, now: At, occurrence: Occurrence, outputs_before: usize) {
        match occurrence {
            Occurrence::LivenessReturned(number, result) => {
                if self
                    .open_message(now)
                    .is_some_and(|open| open.number == number)
                {
                    self.open = None;
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
        let new = self.seed.outputs[outputs_before..].to_vec();
        for output in new {
            match output {
                Output::Start => {
                    self.starts += 1;
                    self.start_given_up = now + START_TIMEOUT;
                }
                Output::SendLiveness => {
                    let time = if self.seed.client.alive {
                        LIVE
                    } else {
                        NOT_LIVE
                    };
                    self.open = Some(Open {
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
