//! Random runs of the calls of a caller, from a seed, as its loop would drive them.

use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Calls, Config, Correlation, Event, Identity, Limits, Refusal,
    Reply, Request, Sent, Settings,
};
use livebus_core::{Backoff, Cause, Failure, FailureClass};
use livebus_runner::{CallsObserver, ObservedCalls};

use crate::random_run::Numbers;

pub(crate) const IDENTITY: Identity = Identity {
    instance: u64::MAX - 3,
    epoch: 4,
};

const FAILURE: Failure = Failure::with_code(FailureClass::Timeout, -185);

pub(crate) const MS: Duration = Duration::from_millis(1);

/// Returns a configuration with short times.
pub(crate) fn config(seed: u64) -> Config {
    let backoff = Backoff {
        first: 10 * MS,
        max: 80 * MS,
        jitter_percent: 50,
    };
    let mut numbers = Numbers::new(seed);
    let settings = Settings {
        limits: Limits {
            calls: 6,
            bytes: 400,
            call_bytes: 100,
            remembered: 5,
        },
        assign_timeout: 50 * MS,
        assign_backoff: backoff,
        attempts: u32::try_from(1 + numbers.below(3)).expect("small"),
        attempt_timeout: 40 * MS,
        retry_backoff: backoff,
        overload_hint: 100 * MS,
        drain: 60 * MS,
        seed,
    };
    Config::new(settings).expect("valid by construction")
}

/// Calls that are recorded, with what is in flight.
pub(crate) struct CallsRun {
    pub(crate) calls: ObservedCalls,
    numbers: Numbers,
    pub(crate) clock: Instant,
    next: u64,
    sends: Vec<(CallId, u32)>,
    sent: Vec<Correlation>,
    assignments: Vec<AssignmentId>,
}

impl CallsRun {
    pub(crate) fn new(seed: u64, began: Instant, observer: Box<dyn CallsObserver>) -> Self {
        let calls = Calls::new(config(seed), IDENTITY, began);
        let mut run = Self {
            calls: ObservedCalls::new(calls, began, vec![observer]),
            numbers: Numbers::new(!seed),
            clock: began,
            next: 0,
            sends: Vec::new(),
            sent: Vec::new(),
            assignments: Vec::new(),
        };
        run.give(Event::BusReady);
        run.drain();
        run
    }

    pub(crate) fn run(mut self, steps: usize) -> Self {
        for _ in 0..steps {
            self.step();
        }
        self.drain();
        self
    }

    /// Shuts it down.
    pub(crate) fn stop(mut self) {
        self.give(Event::Shutdown);
        self.drain();
        while let Some(due) = self.calls.poll_timeout() {
            self.calls.handle_timeout(due);
            self.drain();
        }
        assert!(self.calls.calls().is_stopped());
    }

    /// One turn of a loop that wakes exactly when something is due: what is due, some events, the actions.
    fn step(&mut self) {
        let millis = u32::try_from(self.numbers.below(12)).expect("small");
        let until = self.clock + millis * MS;
        while let Some(due) = self.calls.poll_timeout().filter(|due| *due <= until) {
            self.clock = self.clock.max(due);
            self.calls.handle_timeout(self.clock);
            self.drain();
        }
        self.clock = until;
        for _ in 0..self.numbers.below(3) {
            self.event();
            self.drain();
        }
    }

    fn event(&mut self) {
        let event = match self.numbers.below(24) {
            0..=8 => {
                self.next += 1;
                let millis = u32::try_from(self.numbers.below(200)).expect("small");
                Event::Called {
                    call: CallId(self.next),
                    request: Request {
                        deadline: self.clock + millis * MS,
                        bytes: u32::try_from(1 + self.numbers.below(101)).expect("small"),
                        is_idempotent: self.numbers.below(2) == 0,
                    },
                }
            }
            9..=14 if !self.sends.is_empty() => {
                let (call, attempt) = self.sends.remove(0);
                let result = match self.numbers.below(8) {
                    0 => Sent::NotSent(FAILURE),
                    1 => Sent::Unknown(FAILURE),
                    _ => Sent::Acknowledged,
                };
                Event::SendAnswered {
                    call,
                    attempt,
                    result,
                }
            }
            15..=19 if !self.sent.is_empty() => {
                let index = self.numbers.below(self.sent.len());
                let to = self.sent.swap_remove(index);
                Event::ReplyFetched {
                    to,
                    reply: self.reply(),
                }
            }
            20 => Event::Cancelled {
                call: CallId(self.next),
            },
            21 if self.numbers.below(8) == 0 => Event::BusNotReady(Cause::LivenessFailed(FAILURE)),
            22 if self.numbers.below(8) == 0 => Event::RepliesUnreachable(FAILURE),
            23 if self.numbers.below(8) == 0 => Event::RepliesLost(FAILURE),
            21..24 => match self.numbers.below(3) {
                0 => Event::BusReady,
                1 => Event::RepliesReachable,
                _ => self.assigned(),
            },
            _ => self.assigned(),
        };
        self.give(event);
    }

    fn assigned(&mut self) -> Event {
        let Some(id) = self.assignments.pop() else {
            return Event::BusReady;
        };
        let result = match self.numbers.below(5) {
            0 => Err(FAILURE),
            _ => Ok(()),
        };
        Event::RepliesAssigned { id, result }
    }

    fn reply(&mut self) -> Reply {
        if self.numbers.below(4) > 0 {
            return Reply::Done;
        }
        Reply::Refused {
            refusal: Refusal::Overloaded,
            never_began: self.numbers.below(2) == 0,
        }
    }

    fn give(&mut self, event: Event) {
        self.calls.handle_event(self.clock, event);
    }

    fn drain(&mut self) {
        while let Some(action) = self.calls.poll_action() {
            match action {
                Action::AssignReplies { id, .. } => self.assignments.push(id),
                Action::Send {
                    correlation,
                    attempt,
                    ..
                } => {
                    self.sends.push((correlation.call, attempt));
                    self.sent.push(correlation);
                }
                Action::SendCancel { .. }
                | Action::End { .. }
                | Action::SetHealth(_)
                | Action::Stopped => {}
            }
        }
    }
}
