//! One state of a universe, and every move that leads on from it.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{Action, Config, Event, FailureClass, OpId, Phase, Status, Supervisor};

use super::universes::Universe;
use crate::watch::{Claim, Seen, Watch, drive, pack, poll};

/// The instant at which every world stands: time is counted from it, both ways.
pub(super) static EPOCH: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Config::LONGEST);

/// One state of a universe.
#[derive(Debug, Clone)]
pub struct World {
    /// The supervisor, canonical, at [`EPOCH`].
    pub supervisor: Supervisor,
    /// The watch over it.
    pub watch: Watch,
    /// The bus.
    pub bus: BusState,
    /// While the supervisor takes the bus for live: ticks since the bus could last be used, at most one more than matters.
    pub unusable: u32,
    /// Whether, since then, it was only leaders that were missing at some time.
    pub leaderless: bool,
    /// The claim that the way here broke.
    pub broken: Option<Claim>,
    /// All of it, as bytes: two worlds are the same if these are.
    code: Box<[u8]>,
}

/// What a bus does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BusState {
    /// It works.
    Up,
    /// It refuses.
    Down,
    /// It says nothing.
    Hung,
    /// Other brokers answer, the leaders asked are missing.
    Leaderless,
}

/// An operation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The start.
    Start,
    /// The liveness message.
    Liveness,
    /// The registration of a handler.
    Registration(u8),
    /// The stop.
    Stop,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// One tick passes.
    Tick,
    /// The process does not get to run for so many ticks.
    Sleep(u8),
    /// The bus changes.
    Bus(BusState),
    /// An operation is answered.
    Answer(Operation, Option<FailureClass>),
    /// Ordinary traffic proved that the bus works, so many ticks ago.
    Traffic(u8),
    /// Bad news.
    Hint,
    /// The client is lost.
    Lost,
    /// The service wants to end.
    Shutdown,
}

/// What one step did, beside leading to another world.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// What came out.
    pub actions: Vec<Action>,
    /// What was told.
    pub event: Option<Event>,
    /// Where Running ended for want of proof: for how many ticks the bus could not be used by then.
    pub detected_after: Option<u32>,
}

impl World {
    /// Where a universe begins.
    #[must_use]
    pub fn first(universe: &Universe) -> Self {
        let now = *EPOCH;
        let mut supervisor = Supervisor::new(universe.config.clone(), now);
        let mut actions = Vec::new();
        let call = poll(&mut supervisor, 0, &mut actions);
        let mut watch = Watch::new(&universe.config, now);
        let seen = Seen {
            now,
            event: None,
            actions: &actions,
            supervisor: &supervisor,
            call,
        };
        let broken = watch.see(&seen).err();
        let mut world = Self {
            supervisor,
            watch,
            bus: BusState::Up,
            unusable: 0,
            leaderless: false,
            broken,
            code: Box::default(),
        };
        world.settle(universe, now);
        world
    }

    /// Everything that can happen next.
    pub fn moves(&self, universe: &Universe, to: &mut Vec<Move>) {
        to.clear();
        if self.broken.is_some() {
            return;
        }
        if !self.supervisor.is_stopped() {
            to.push(Move::Tick);
            self.answers(universe, to);
        }
        let ending = self.watch.ending().is_some();
        if !ending {
            to.extend(universe.sleeps.map(Move::Sleep));
            let others = universe.buses.iter().filter(|bus| **bus != self.bus);
            to.extend(others.map(|bus| Move::Bus(*bus)));
            if universe.losses && self.watch.client().is_some() {
                to.push(Move::Lost);
            }
        }
        if universe.traffic && self.bus == BusState::Up {
            to.push(Move::Traffic(0));
        }
        let old_news = 1..=universe.old_news.unwrap_or(0);
        let known =
            old_news.filter(|ago| self.bus == BusState::Up || self.unusable <= u32::from(*ago));
        to.extend(known.map(Move::Traffic));
        if universe.hints {
            to.push(Move::Hint);
        }
        if universe.shutdown {
            to.push(Move::Shutdown);
        }
    }

    fn answers(&self, universe: &Universe, to: &mut Vec<Move>) {
        let good = self.bus == BusState::Up
            || self.unusable <= universe.flight
                && universe.flight > 0
                && self.supervisor.phase() != Phase::NotLive;
        if self.watch.starting().is_some() {
            to.push(Move::Answer(Operation::Start, None));
            to.push(Move::Answer(Operation::Start, Some(FailureClass::Other)));
        }
        if self.watch.asking().is_some() {
            let answers = universe.failures.iter().copied();
            let possible = answers
                .filter(|class| self.bus.may_answer(*class))
                .map(Some);
            let good = good.then_some(None);
            to.extend(
                good.into_iter()
                    .chain(possible)
                    .map(|it| Move::Answer(Operation::Liveness, it)),
            );
        }
        for handler in universe.handlers() {
            if self.watch.registering(usize::from(handler)).is_some() {
                let operation = Operation::Registration(handler);
                to.push(Move::Answer(operation, None));
                to.push(Move::Answer(operation, Some(FailureClass::Authorization)));
            }
        }
        if self.watch.stopping().is_some() {
            to.push(Move::Answer(Operation::Stop, None));
            to.push(Move::Answer(Operation::Stop, Some(FailureClass::Other)));
        }
    }

    /// The world after a move. Times are at [`EPOCH`] again, names begin at 1 again.
    #[must_use]
    pub fn after(&self, universe: &Universe, what: Move) -> (Self, Step) {
        let mut next = self.clone();
        let mut step = Step::default();
        let mut now = *EPOCH;
        match what {
            Move::Tick => now += universe.tick,
            Move::Sleep(ticks) => {
                now += universe.tick * u32::from(ticks);
                next.watch.overslept(now);
            }
            Move::Bus(bus) => {
                next.bus = bus;
                if bus == BusState::Up {
                    (next.unusable, next.leaderless) = (0, false);
                }
                next.settle(universe, now);
                return (next, step);
            }
            Move::Answer(..) | Move::Traffic(_) | Move::Hint | Move::Lost | Move::Shutdown => {
                step.event = Some(self.event(universe, what));
            }
        }
        if self.bus != BusState::Up {
            let passed = (now - *EPOCH).as_nanos() / universe.tick.as_nanos();
            next.unusable += u32::try_from(passed).unwrap_or(u32::MAX);
        }
        let call = drive(&mut next.supervisor, now, step.event, &mut step.actions);
        let seen = Seen {
            now,
            event: step.event,
            actions: &step.actions,
            supervisor: &next.supervisor,
            call,
        };
        next.broken = next.watch.see(&seen).err();
        next.check_bound(universe, self, &mut step);
        next.settle(universe, now);
        (next, step)
    }

    fn event(&self, universe: &Universe, what: Move) -> Event {
        let unknown = OpId::from_number(u64::MAX);
        let id = |operation: Option<(OpId, Instant)>| operation.map_or(unknown, |(id, _)| id);
        match what {
            Move::Answer(operation, failure) => {
                let result = failure.map_or(Ok(()), |class| Err(class.into()));
                match operation {
                    Operation::Start => Event::StartAnswered {
                        id: id(self.watch.starting()),
                        result,
                    },
                    Operation::Liveness => Event::LivenessAnswered {
                        id: id(self.watch.asking()),
                        result,
                    },
                    Operation::Registration(handler) => Event::RegistrationAnswered {
                        id: id(self.watch.registering(usize::from(handler))),
                        result,
                    },
                    Operation::Stop => Event::StopAnswered {
                        id: id(self.watch.stopping()),
                        result,
                    },
                }
            }
            Move::Traffic(ago) => Event::Live {
                at: EPOCH
                    .checked_sub(universe.tick * u32::from(ago))
                    .unwrap_or(*EPOCH),
            },
            Move::Lost => Event::ClientLost {
                client: self.watch.client().unwrap_or(unknown),
                failure: FailureClass::ClientFatal.into(),
            },
            Move::Shutdown => Event::Shutdown,
            Move::Hint | Move::Tick | Move::Sleep(_) | Move::Bus(_) => {
                Event::Suspicion(FailureClass::Unreachable.into())
            }
        }
    }

    /// The detection bound, as the world sees it rather than the supervisor.
    fn check_bound(&mut self, universe: &Universe, before: &Self, step: &mut Step) {
        let bound = universe.bound(self.leaderless);
        let running = |status| status == Status::Running;
        let after = self.supervisor.report().status;
        if running(after) && self.unusable >= bound {
            self.broken = self.broken.or(Some(Claim::EvidenceIsYoung));
        }
        let report = before.supervisor.report();
        if running(report.status) && !running(after) && self.bus != BusState::Up {
            // Whoever reads it compares the lease with the clock, and need not wait for a process that sleeps.
            let lease = report.lease.map_or(Duration::ZERO, |lease| {
                lease.saturating_duration_since(*EPOCH)
            });
            let runs_out = before.unusable + universe.ticks(lease);
            step.detected_after = Some(self.unusable.min(runs_out));
        }
    }

    /// What comes to nothing in this world, and what comes to the same.
    ///
    /// # Errors
    ///
    /// The claim that is broken.
    pub fn is_sound(&self, universe: &Universe) -> Result<(), Claim> {
        let now = *EPOCH;
        let same = |twin: &mut Supervisor| {
            twin.poll_action().is_none() && twin.canonical(now).0 == self.supervisor
        };
        let mut twin = self.supervisor.clone();
        twin.handle_timeout(now.checked_sub(universe.tick).unwrap_or(now));
        twin.handle_timeout(now);
        if !same(&mut twin) {
            return Err(Claim::TimeStandsStill);
        }
        let stale = stale_answers();
        for event in stale {
            twin.handle_event(now, event);
        }
        let counted = twin.stale_answers() - self.supervisor.stale_answers();
        if counted != stale.len() as u64 || !same(&mut twin) {
            return Err(Claim::StaleDoesNothing);
        }
        self.no_time_passes_backwards(now, universe.tick)?;
        self.evidence_counts_first(now + universe.tick)?;
        self.time_passes_first(now + universe.tick)
    }

    /// An event that is told with an older instant comes at the newest that was told.
    fn no_time_passes_backwards(&self, now: Instant, tick: Duration) -> Result<(), Claim> {
        let hint = Event::Suspicion(FailureClass::Unreachable.into());
        for event in [hint, Event::Shutdown] {
            let (mut then, mut earlier) = (self.supervisor.clone(), self.supervisor.clone());
            then.handle_event(now, event);
            earlier.handle_event(now.checked_sub(tick).unwrap_or(now), event);
            if then != earlier {
                return Err(Claim::TimeStandsStill);
            }
        }
        Ok(())
    }

    /// Evidence counts before what is due; what is due all the same fires in the same call.
    fn evidence_counts_first(&self, later: Instant) -> Result<(), Claim> {
        let mut told = self.supervisor.clone();
        told.handle_event(later, Event::Live { at: *EPOCH });
        while told.poll_action().is_some() {}
        if told.poll_timeout().is_some_and(|due| due <= later) {
            return Err(Claim::NoHotLoop);
        }
        Ok(())
    }

    fn time_passes_first(&self, later: Instant) -> Result<(), Claim> {
        let hint = Event::Suspicion(FailureClass::Unreachable.into());
        let mut passed = self.supervisor.clone();
        passed.handle_timeout(later);
        for event in [hint, Event::Shutdown] {
            let (mut once, mut twice) = (self.supervisor.clone(), passed.clone());
            once.handle_event(later, event);
            twice.handle_event(later, event);
            if once != twice {
                return Err(Claim::TimePassesFirst);
            }
        }
        Ok(())
    }

    /// Brings it back to [`EPOCH`] and writes it down.
    fn settle(&mut self, universe: &Universe, now: Instant) {
        let epoch = *EPOCH;
        let (supervisor, names) = self.supervisor.canonical(epoch);
        let config = &universe.config;
        self.watch = self
            .watch
            .canonical(config, supervisor.report(), (now, epoch), &names);
        self.supervisor = supervisor;
        let most = match self.watch.evidence() {
            Some(_) => universe.bound(true) + 1,
            None => universe.old_news.map_or(0, |ago| u32::from(ago) + 1),
        };
        self.unusable = self.unusable.min(most);
        self.leaderless |= self.bus == BusState::Leaderless;
        self.leaderless &= self.watch.evidence().is_some();
        self.code = self.pack(universe);
    }

    fn pack(&self, universe: &Universe) -> Box<[u8]> {
        let mut numbers: Vec<i64> = Vec::with_capacity(96);
        let words = self.supervisor.snapshot(*EPOCH);
        numbers.extend(words.into_iter().map(u64::cast_signed));
        pack(&self.watch, *EPOCH, &mut numbers);
        numbers.push(self.bus as i64);
        numbers.push(i64::from(self.unusable));
        numbers.push(i64::from(self.leaderless));
        numbers.push(self.broken.map_or(0, |claim| claim as i64 + 1));
        let mut code = Vec::with_capacity(numbers.len() + 8);
        for number in numbers {
            write_number(number, universe.tick, &mut code);
        }
        code.into_boxed_slice()
    }

    /// All of it, as bytes.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        &self.code
    }
}

impl BusState {
    /// Whether a bus that does this may answer a liveness message so.
    fn may_answer(self, class: FailureClass) -> bool {
        match class {
            FailureClass::NoLeader => self == Self::Leaderless,
            FailureClass::TopicMissing | FailureClass::Authorization | FailureClass::Throttled => {
                self == Self::Up
            }
            FailureClass::Unreachable => self == Self::Down,
            FailureClass::Timeout
            | FailureClass::NameResolution
            | FailureClass::Tls
            | FailureClass::Authentication
            | FailureClass::NotEnoughReplicas
            | FailureClass::QueueFull
            | FailureClass::ClientFatal
            | FailureClass::Other => self != Self::Hung,
        }
    }
}

/// Answers that nobody waits for, well and not, and the loss of a client that is not there.
fn stale_answers() -> [Event; 9] {
    let id = OpId::from_number(1 << 30);
    let (well, failed) = (Ok(()), Err(FailureClass::Tls.into()));
    [
        Event::StartAnswered { id, result: well },
        Event::StartAnswered { id, result: failed },
        Event::LivenessAnswered { id, result: well },
        Event::LivenessAnswered { id, result: failed },
        Event::RegistrationAnswered { id, result: well },
        Event::RegistrationAnswered { id, result: failed },
        Event::StopAnswered { id, result: well },
        Event::StopAnswered { id, result: failed },
        Event::ClientLost {
            client: id,
            failure: FailureClass::Other.into(),
        },
    ]
}

/// Ticks are many and small, other numbers few and small: one byte each, mostly.
fn write_number(number: i64, tick: Duration, to: &mut Vec<u8>) {
    let tick = i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX);
    let (value, is_ticks) = match number {
        0 => (0, 0),
        number if number % tick == 0 => (number / tick, 1),
        number => (number, 0),
    };
    let folded = ((value << 1) ^ (value >> 63)).cast_unsigned();
    let mut rest = folded << 1 | is_ticks;
    loop {
        let [low, ..] = (rest & 0x7f).to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.code.hash(state);
    }
}
