//! The transcription with the differences that are meant, each at the one place where it is in play.
//!
//! [`Mended::situation`] says which difference is in play, from what is known before anything happens, and at most one is.
//! Where none is, the transcription takes its own step. Where one is, something else is done instead, and it is written here.

mod situation;

use std::time::Duration;

use super::difference::Difference;
use super::transcription::{
    At, Input, LIVE, NOT_LIVE, Output, Place, RETRY, ServiceStatus, Transcription,
};
use super::trouble::Trouble;

const START_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What happens in a world. Starts and messages are numbered from 0, in the order in which they went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// Time alone.
    TimePasses,
    /// A start returned.
    StartReturned(usize, Result<(), Trouble>),
    /// A liveness message returned.
    LivenessReturned(usize, Result<(), Trouble>),
    /// The service's own traffic succeeded, or failed.
    Traffic(Result<(), Trouble>),
    /// The service wants to end.
    Shutdown,
    /// The end is done.
    StopReturned,
}

/// The transcription, mended.
#[derive(Debug, Clone)]
pub struct Mended {
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

impl Mended {
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
            Ending::NotYet if self.seed.place == Place::Starting => Some(self.start_given_up),
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

    /// Takes what happened: as the transcription does, or with the difference that is in play.
    pub fn step(&mut self, now: At, happening: Happening) -> Option<Difference> {
        let difference = self.situation(now, happening);
        let outputs_before = self.seed.outputs.len();
        let was_alive = self.seed.client.alive;
        match difference {
            Some(difference) => self.do_instead(difference, now, happening),
            None => self.as_transcribed(now, happening),
        }
        if was_alive && !self.seed.client.alive {
            // What is under way has one interval more.
            self.open = self.open.map(|open| Open {
                until: open.until.min(now + NOT_LIVE),
                ..open
            });
        }
        self.keep_books(now, happening, outputs_before);
        difference
    }

    /// The transcription's own step, whatever difference is in play.
    pub fn as_transcribed(&mut self, now: At, happening: Happening) {
        let text = |result: Result<(), Trouble>| result.map_err(|trouble| trouble.text);
        match happening {
            Happening::TimePasses => self.seed.pass(now),
            Happening::StartReturned(number, result) => {
                if number + 1 == self.starts {
                    self.seed.handle(now, Input::StartReturned(text(result)));
                }
            }
            Happening::LivenessReturned(_, result) => {
                self.seed.handle(now, Input::LivenessReturned(text(result)));
            }
            Happening::Traffic(result) => self.seed.handle(now, Input::Traffic(text(result))),
            Happening::Shutdown => self.seed.handle(now, Input::ContextDone),
            Happening::StopReturned => {}
        }
    }

    fn do_instead(&mut self, difference: Difference, now: At, happening: Happening) {
        match difference {
            Difference::RunningWithoutProof => {
                self.as_transcribed_silently(now, happening);
                self.seed.client.alive = false;
                self.send(now);
            }
            Difference::StartWithoutDeadline => {
                self.seed.set_status(ServiceStatus::NotReady);
                self.seed.place = Place::Delaying { until: now + RETRY };
            }
            Difference::MessageWithoutDeadline => {
                self.open = None;
                self.note_loss(now);
                self.send(now);
            }
            Difference::UnknownText
            | Difference::IntervalFromTheNews
            | Difference::NewsDuringAMessage => self.lose(now, happening),
            Difference::GoodNewsHeldBack => self.seed.monitor(now, LIVE),
            Difference::BadNewsAgain => {
                if let Happening::LivenessReturned(..) = happening {
                    self.seed.set_status(ServiceStatus::NotReady);
                }
                self.seed.client.last_post = Some(now);
            }
            // What is stale, outdated or a mere hint changes nothing.
            Difference::LateAnswer | Difference::NewerSuccess | Difference::HintBeforeProof => {}
            Difference::ClientLost => {
                self.seed.set_status(ServiceStatus::Failed);
                self.leave_the_loop(Ending::Failed);
            }
            Difference::Shutdown if happening == Happening::Shutdown => {
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
    fn lose(&mut self, now: At, happening: Happening) {
        if let Happening::LivenessReturned(..) = happening {
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
            self.seed.place = Place::Monitoring {
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
        self.seed.place = Place::Exited;
        self.ending = ending;
    }

    /// The transcription's step without what it shows.
    fn as_transcribed_silently(&mut self, now: At, happening: Happening) {
        let status = self.seed.status;
        let outputs = self.seed.outputs.len();
        self.as_transcribed(now, happening);
        self.seed.outputs.truncate(outputs);
        self.seed.status = status;
    }

    /// What the situations need to know, and the transcription does not keep.
    fn keep_books(&mut self, now: At, happening: Happening, outputs_before: usize) {
        match happening {
            Happening::LivenessReturned(number, result) => {
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
            Happening::Traffic(Ok(())) if self.has_client() => self.last_success = Some(now),
            Happening::TimePasses
            | Happening::StartReturned(..)
            | Happening::Traffic(_)
            | Happening::Shutdown
            | Happening::StopReturned => {}
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

impl Default for Mended {
    fn default() -> Self {
        Self::new()
    }
}
