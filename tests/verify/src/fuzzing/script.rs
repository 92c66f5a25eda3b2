//! Scripts from bytes: the clock, the inputs of a supervisor, and whether its actions are polled.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, ClientId, Event, Failure, FailureClass, LivenessId, OpId, RegistrationId, StopId,
    Supervisor,
};

use super::bytes::{Bytes, share};
use crate::operation::{answer, begun_by};

/// The maximum distance of an instant from the origin: a recording ends at 100 years, and evidence may be nine years older.
const MAX_DISTANCE: Duration = Duration::from_hours(80 * 365 * 24);

/// One call: the instant, and an event unless it is time alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) at: Instant,
    pub(super) event: Option<Event>,
    /// Whether its actions are polled before the next one.
    pub(super) polled: bool,
    /// Two more bits, with which a target can choose to do something else.
    pub(super) extra: u8,
}

impl Call {
    pub(super) fn apply(&self, supervisor: &mut Supervisor) {
        match self.event {
            Some(event) => supervisor.handle_event(self.at, event),
            None => supervisor.handle_timeout(self.at),
        }
    }
}

/// Reads the calls of a script. Holds the clock, and the operations that were begun.
#[derive(Debug, Clone)]
pub(super) struct Script {
    origin: Instant,
    /// The newest instant of a call.
    pub(super) clock: Instant,
    in_flight: Vec<OpId>,
    done: Vec<OpId>,
    client: ClientId,
}

impl Script {
    pub(super) const fn new(origin: Instant) -> Self {
        Self {
            origin,
            clock: origin,
            in_flight: Vec::new(),
            done: Vec::new(),
            client: ClientId::from_number(u64::MAX),
        }
    }

    /// Records the operation of an action. To be called with each action.
    pub(super) fn record_action(&mut self, action: &Action) {
        self.in_flight.extend(begun_by(action).map(|(id, _)| id));
    }

    /// Reads the next call from eight bytes. Zeroes are a call of `handle_timeout` at the next deadline.
    pub(super) fn call(&mut self, bytes: &mut Bytes<'_>, supervisor: &Supervisor) -> Call {
        let how = bytes.byte();
        let at = self.instant(how, bytes.u16(), supervisor);
        let event = self.event(bytes, at, supervisor);
        self.clock = self.clock.max(at);
        Call {
            at,
            event,
            polled: how < 192,
            extra: how >> 4 & 3,
        }
    }

    fn instant(&self, how: u8, amount: u16, supervisor: &Supervisor) -> Instant {
        let now = self.clock;
        let tick = Duration::from_nanos(1);
        let bound = supervisor.config().detection_bound();
        let due = || due(supervisor).unwrap_or(now).max(now);
        let at = match how % 16 {
            0..=3 => due(),
            4..=8 => now,
            9 => earlier(due(), tick).max(now),
            10 => now + share(due() - now, amount).max(tick),
            11 => due() + share(bound, amount),
            12 => now + Duration::from_hours(24) * u32::from(amount % 800),
            // From a nanosecond to nine years.
            13 => now + Duration::from_nanos(1 << (amount % 59)),
            14 => earlier(now, share(bound, amount)),
            _ => earlier(now, Duration::from_nanos(1 << (amount % 59))),
        };
        at.clamp(
            earlier(self.origin, MAX_DISTANCE),
            self.origin + MAX_DISTANCE,
        )
    }

    fn event(
        &mut self,
        bytes: &mut Bytes<'_>,
        at: Instant,
        supervisor: &Supervisor,
    ) -> Option<Event> {
        let what = bytes.byte();
        let which = bytes.byte();
        let failure = failure(bytes.byte());
        let amount = bytes.u16();
        match what % 16 {
            0 | 1 => None,
            2..=5 => self.answer_in_flight(which, Ok(())),
            6..=8 => self.answer_in_flight(which, Err(failure)),
            9 => {
                let id = *self.done.iter().rev().nth(which.into())?;
                let OpId::Registration(id) = id else {
                    return Some(answer(id, Ok(())));
                };
                let result = if amount.is_multiple_of(2) {
                    Ok(())
                } else {
                    Err(failure)
                };
                Some(Event::HandlerHealth { id, result })
            }
            10 => {
                let number = any_number(amount);
                let ids: [OpId; 4] = [
                    ClientId::from_number(number).into(),
                    LivenessId::from_number(number).into(),
                    RegistrationId::from_number(number).into(),
                    StopId::from_number(number).into(),
                ];
                let result = if which < 128 { Ok(()) } else { Err(failure) };
                Some(answer(ids[usize::from(which) % 4], result))
            }
            11 | 12 => Some(Event::Live {
                at: self.observed(which, amount, at, supervisor),
            }),
            13 => Some(Event::Suspicion(failure)),
            14 => Some(Event::ClientLost {
                client: match which % 4 {
                    0 => ClientId::from_number(any_number(amount)),
                    _ => self.client,
                },
                failure,
            }),
            // After a shutdown little happens, so it is rare.
            _ => (which % 4 == 3).then_some(Event::Shutdown),
        }
    }

    /// Answers an operation in flight, `which % 8` before the newest.
    fn answer_in_flight(&mut self, which: u8, result: Result<(), Failure>) -> Option<Event> {
        let newest = self.in_flight.len().checked_sub(1)?;
        let id = self
            .in_flight
            .remove(newest.saturating_sub(usize::from(which % 8)));
        self.done.push(id);
        if let (OpId::Client(client), Ok(())) = (id, result) {
            self.client = client;
        }
        Some(answer(id, result))
    }

    /// Returns the instant of evidence that is received at `now`.
    fn observed(&self, how: u8, amount: u16, now: Instant, supervisor: &Supervisor) -> Instant {
        let tick = Duration::from_nanos(1);
        let known = supervisor.report().evidence.unwrap_or(now);
        let bound = supervisor.config().detection_bound();
        match how % 8 {
            0 => now,
            1 => earlier(now, tick),
            2 => earlier(now, share(bound, amount)),
            3 => earlier(now, bound),
            4 => now + share(bound, amount),
            5 => known,
            6 => earlier(known, tick),
            _ => earlier(self.clock, Duration::from_nanos(1 << (amount % 59))),
        }
    }
}

/// Returns the timeout after all actions are polled.
pub(super) fn due(supervisor: &Supervisor) -> Option<Instant> {
    let mut polled = supervisor.clone();
    while polled.poll_action().is_some() {}
    polled.poll_timeout()
}

fn earlier(at: Instant, by: Duration) -> Instant {
    at.checked_sub(by).unwrap_or(at)
}

fn failure(byte: u8) -> Failure {
    let classes = FailureClass::ALL;
    let class = classes[usize::from(byte) % classes.len()];
    match byte / 64 {
        0 | 1 => Failure::new(class),
        2 => Failure::with_code(class, -195),
        _ => Failure::with_code(class, i32::MIN),
    }
}

fn any_number(amount: u16) -> u64 {
    match amount {
        u16::MAX => u64::MAX,
        number => number.into(),
    }
}
