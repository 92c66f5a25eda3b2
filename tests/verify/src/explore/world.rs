//! One state of a universe, and every move that leads on from it.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{Action, Config, Event, Status, Supervisor};

use super::moves::{BusState, Move};
use super::universes::Universe;
use crate::watch::{Claim, Seen, Watch, drive, pack, poll};

/// The instant at which every world stands: time is counted from it, both ways.
pub(super) static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Config::MAX_DURATION);

/// One state of a universe.
#[derive(Debug, Clone)]
pub struct World {
    /// The supervisor, canonical, at one fixed instant.
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

    /// The world after a move. Times are at one fixed instant again, names begin at 1 again.
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

    /// Brings it back to one fixed instant and writes it down.
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
