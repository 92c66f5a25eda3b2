//! Random events for `Calls`, and answers to what it asks for, sooner or later.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::calls::{
    Action, AssignmentId, CallId, Calls, Config, Correlation, Event, Identity, Limits, Refusal,
    Reply, Request, Sent, Settings,
};
use crate::failure::{Failure, FailureClass};
use crate::status::Cause;

pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) const IDENTITY: Identity = Identity {
    instance: 7,
    epoch: 3,
};

const FAILURE: Failure = Failure::with_code(FailureClass::Timeout, -185);

/// Numbers that look random: the same ones in each run.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

pub(super) fn config(numbers: &mut Numbers) -> Config {
    let backoff = Backoff {
        first: SECOND / 2,
        max: 2 * SECOND,
        jitter_percent: 20,
    };
    let settings = Settings {
        limits: Limits {
            calls: 4,
            bytes: 40,
            call_bytes: 20,
            remembered: 3,
        },
        assign_timeout: 2 * SECOND,
        assign_backoff: backoff,
        attempts: u32::try_from(1 + numbers.below(3)).unwrap_or(1),
        attempt_timeout: SECOND,
        retry_backoff: backoff,
        overload_hint: SECOND,
        drain: SECOND * u32::from(numbers.below(3) > 0),
        seed: numbers.below(u64::MAX),
    };
    Config::new(settings).expect("the settings of a test are valid")
}

/// Draws events, and remembers what they may answer.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) now: Instant,
    calls: u64,
    sends: Vec<(CallId, u32)>,
    assignments: Vec<AssignmentId>,
}

impl Script {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            now,
            calls: 0,
            sends: Vec::new(),
            assignments: Vec::new(),
        }
    }

    /// Draws the next event; `None` for nothing but time.
    pub(super) fn draw(&mut self, numbers: &mut Numbers) -> Option<Event> {
        self.now += SECOND / 4 * u32::from(numbers.below(3) == 0);
        let call = CallId(self.calls.saturating_sub(numbers.below(5)));
        let replies_failed = [
            Event::RepliesLost(FAILURE),
            Event::RepliesUnreachable(FAILURE),
        ];
        Some(match numbers.below(20) {
            0..6 => {
                self.calls += 1 + numbers.below(2);
                Event::Called {
                    call: CallId(self.calls),
                    request: self.request(numbers),
                }
            }
            6..10 => self.send_answered(numbers)?,
            10..13 => Event::ReplyFetched {
                to: Correlation {
                    from: IDENTITY,
                    call,
                },
                reply: reply(numbers),
            },
            13 => Event::Cancelled { call },
            14 | 15 => Event::BusReady,
            16 if numbers.below(2) == 0 => Event::BusNotReady(Cause::LivenessFailed(FAILURE)),
            16 | 17 => Event::RepliesAssigned {
                id: self.assignments.pop()?,
                result: if numbers.below(4) == 0 {
                    Err(FAILURE)
                } else {
                    Ok(())
                },
            },
            18 if numbers.below(3) == 0 => replies_failed[usize::from(numbers.below(2) == 0)],
            18 => Event::RepliesReachable,
            _ => return None,
        })
    }

    fn request(&self, numbers: &mut Numbers) -> Request {
        Request {
            deadline: self.now + SECOND / 2 * u32::try_from(numbers.below(12)).unwrap_or(1),
            bytes: u32::try_from(numbers.below(22)).unwrap_or(1),
            is_idempotent: numbers.below(2) == 0,
        }
    }

    fn send_answered(&mut self, numbers: &mut Numbers) -> Option<Event> {
        if self.sends.is_empty() {
            return None;
        }
        let index = numbers.below(self.sends.len() as u64);
        let (call, attempt) = self.sends.swap_remove(usize::try_from(index).unwrap_or(0));
        let result = match numbers.below(4) {
            0 => Sent::NotSent(FAILURE),
            1 => Sent::Unknown(FAILURE),
            _ => Sent::Acknowledged,
        };
        Some(Event::SendAnswered {
            call,
            attempt,
            result,
        })
    }

    /// Remembers what an action asks for.
    pub(super) fn follow(&mut self, action: Action) {
        match action {
            Action::AssignReplies { id, .. } => self.assignments.push(id),
            Action::Send {
                correlation,
                attempt,
                ..
            } => self.sends.push((correlation.call, attempt)),
            Action::SendCancel { .. }
            | Action::End { .. }
            | Action::SetHealth(_)
            | Action::Stopped => {}
        }
    }

    /// Gives the next event, and takes what comes out.
    pub(super) fn step(&mut self, calls: &mut Calls, numbers: &mut Numbers) {
        match self.draw(numbers) {
            Some(event) => calls.handle_event(self.now, event),
            None => calls.handle_timeout(self.now),
        }
        while let Some(action) = calls.poll_action() {
            self.follow(action);
        }
    }
}

fn reply(numbers: &mut Numbers) -> Reply {
    if numbers.below(2) == 0 {
        return Reply::Done;
    }
    Reply::Refused {
        refusal: Refusal::Overloaded,
        never_began: numbers.below(2) == 0,
    }
}
