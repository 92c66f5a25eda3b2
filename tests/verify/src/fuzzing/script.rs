//! Stories from bytes: what the clock does, what a supervisor is told, and whether it is asked what it wants.

use std::time::{Duration, Instant};

use livebus_core::{
    Action, ClientId, Event, Failure, FailureClass, LivenessId, OpId, RegistrationId, StopId,
    Supervisor,
};

use super::bytes::{Bytes, share};

/// How far a clock goes, from where it began: a recording ends at 100 years, and evidence may be nine older.
const MAX_DISTANCE: Duration = Duration::from_hours(80 * 365 * 24);

/// The operation that an action begins.
pub(super) fn operation(action: &Action) -> Option<OpId> {
    match *action {
        Action::Start { id, .. } => Some(id.into()),
        Action::SendLiveness { id, .. } => Some(id.into()),
        Action::RegisterHandler { id, .. } => Some(id.into()),
        Action::Stop { id, .. } => Some(id.into()),
        Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. } => None,
    }
}

/// The operation that an action gives up.
pub(super) fn discards(action: &Action) -> Option<OpId> {
    match *action {
        Action::DiscardClient { client } => Some(client.into()),
        Action::DiscardRegistration { registration } => Some(registration.into()),
        Action::Start { .. }
        | Action::SendLiveness { .. }
        | Action::RegisterHandler { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. }
        | Action::Stop { .. } => None,
    }
}

/// The event that answers this operation.
pub(super) fn answer(operation: OpId, result: Result<(), Failure>) -> Event {
    match operation {
        OpId::Client(id) => Event::StartAnswered { id, result },
        OpId::Liveness(id) => Event::LivenessAnswered { id, result },
        OpId::Registration(id) => Event::RegistrationAnswered { id, result },
        OpId::Stop(id) => Event::StopAnswered { id, result },
    }
}

/// One call: the instant, and an event if it is not time alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) at: Instant,
    pub(super) event: Option<Event>,
    /// Whether its actions are polled before the next one.
    pub(super) drained: bool,
    /// Two more bits, for whoever wants to do something else now and then.
    pub(super) extra: u8,
}

impl Call {
    pub(super) fn tell(&self, supervisor: &mut Supervisor) {
        match self.event {
            Some(event) => supervisor.handle_event(self.at, event),
            None => supervisor.handle_timeout(self.at),
        }
    }
}

/// What the script of a story knows: the clock, and the operations that were begun.
#[derive(Debug, Clone)]
pub(super) struct Script {
    origin: Instant,
    /// The newest instant that was told.
    pub(super) clock: Instant,
    open: Vec<OpId>,
    done: Vec<OpId>,
    client: ClientId,
}

impl Script {
    pub(super) const fn new(origin: Instant) -> Self {
        Self {
            origin,
            clock: origin,
            open: Vec::new(),
            done: Vec::new(),
            client: ClientId::from_number(u64::MAX),
        }
    }

    /// To be shown each action.
    pub(super) fn record_action(&mut self, action: &Action) {
        self.open.extend(operation(action));
    }

    /// The next call, from eight bytes. All zeroes: time passes to the next deadline.
    pub(super) fn call(&mut self, bytes: &mut Bytes<'_>, supervisor: &Supervisor) -> Call {
        let how = bytes.byte();
        let at = self.instant(how, bytes.u16(), supervisor);
        let event = self.event(bytes, at, supervisor);
        self.clock = self.clock.max(at);
        Call {
            at,
            event,
            drained: how < 192,
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
            2..=5 => self.answer_open(which, Ok(())),
            6..=8 => self.answer_open(which, Err(failure)),
            9 => {
                let id = *self.done.iter().rev().nth(which.into())?;
                Some(answer(id, Ok(())))
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
            // A story that ends at once has little to tell.
            _ => (which % 4 == 3).then_some(Event::Shutdown),
        }
    }

    /// Answers the operation so many before the newest that is open.
    fn answer_open(&mut self, which: u8, result: Result<(), Failure>) -> Option<Event> {
        let newest = self.open.len().checked_sub(1)?;
        let id = self
            .open
            .remove(newest.saturating_sub(usize::from(which % 8)));
        self.done.push(id);
        if let (OpId::Client(client), Ok(())) = (id, result) {
            self.client = client;
        }
        Some(answer(id, result))
    }

    /// When evidence was observed.
    fn observed(&self, how: u8, amount: u16, told: Instant, supervisor: &Supervisor) -> Instant {
        let tick = Duration::from_nanos(1);
        let known = supervisor.report().evidence.unwrap_or(told);
        let bound = supervisor.config().detection_bound();
        match how % 8 {
            0 => told,
            1 => earlier(told, tick),
            2 => earlier(told, share(bound, amount)),
            3 => earlier(told, bound),
            4 => told + share(bound, amount),
            5 => known,
            6 => earlier(known, tick),
            _ => earlier(self.clock, Duration::from_nanos(1 << (amount % 59))),
        }
    }
}

/// What would be the timeout if everything was polled.
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
