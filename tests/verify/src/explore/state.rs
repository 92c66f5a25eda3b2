//! One state of a model configuration, and the moves that lead from it to other states.

use std::hash::{Hash, Hasher};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::{Action, Config, Event, Status, Supervisor};

use super::configurations::ModelConfiguration;
use super::moves::{BusState, Move};
use crate::invariants::{Claim, InvariantChecker, Step, drive, encode, poll};

/// The current instant of every state. Times are relative to it, past and future.
pub(super) static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Config::MAX_DURATION);

/// One state of a model configuration.
#[derive(Debug, Clone)]
pub struct ModelState {
    /// The supervisor, canonical, at one fixed instant.
    pub supervisor: Supervisor,
    /// The invariant checker of the supervisor.
    pub invariants: InvariantChecker,
    /// The bus.
    pub bus: BusState,
    /// While the bus counts as alive: ticks since it was last usable, at most one more than the largest that makes a difference.
    pub unusable: u32,
    /// Whether, at some time since then, a part of it answered.
    pub partial: bool,
    /// The claim that a step on the path to this state broke.
    pub broken: Option<Claim>,
    /// The whole state as bytes: two states are equal if these are.
    code: Box<[u8]>,
}

/// What one step did besides leading to another state.
#[derive(Debug, Clone, Default)]
pub struct Transition {
    /// The actions of the supervisor.
    pub actions: Vec<Action>,
    /// The input of the supervisor.
    pub event: Option<Event>,
    /// If Running ended for lack of evidence: for how many ticks the bus had not been usable.
    pub detected_after: Option<u32>,
}

impl ModelState {
    /// Returns the initial state.
    #[must_use]
    pub fn first(configuration: &ModelConfiguration) -> Self {
        let now = *EPOCH;
        let mut supervisor = Supervisor::new(configuration.config.clone(), now);
        let mut actions = Vec::new();
        let effects = poll(&mut supervisor, 0, &mut actions);
        let mut invariants = InvariantChecker::new(&configuration.config, now);
        let checked = Step {
            now,
            event: None,
            actions: &actions,
            supervisor: &supervisor,
            effects,
        };
        let broken = invariants.check_step(&checked).err();
        let mut state = Self {
            supervisor,
            invariants,
            bus: BusState::Up,
            unusable: 0,
            partial: false,
            broken,
            code: Box::default(),
        };
        state.canonicalize(configuration, now);
        state
    }

    /// Returns the state after a move, with times relative to `EPOCH` and operations numbered from 1 again.
    #[must_use]
    pub fn after(&self, configuration: &ModelConfiguration, what: Move) -> (Self, Transition) {
        let mut next = self.clone();
        let mut step = Transition::default();
        let mut now = *EPOCH;
        match what {
            Move::Tick => now += configuration.tick,
            Move::Sleep(ticks) => {
                now += configuration.tick * u32::from(ticks);
                next.invariants.restart_bounds(now);
            }
            Move::Bus(bus) => {
                next.bus = bus;
                if bus == BusState::Up {
                    (next.unusable, next.partial) = (0, false);
                }
                next.canonicalize(configuration, now);
                return (next, step);
            }
            Move::Answer(..)
            | Move::Traffic(_)
            | Move::Suspicion(_)
            | Move::Health(..)
            | Move::Lost
            | Move::Shutdown => {
                step.event = Some(self.event(configuration, what));
            }
        }
        if self.bus != BusState::Up {
            let passed = (now - *EPOCH).as_nanos() / configuration.tick.as_nanos();
            next.unusable += u32::try_from(passed).unwrap_or(u32::MAX);
        }
        let effects = drive(&mut next.supervisor, now, step.event, &mut step.actions);
        let checked = Step {
            now,
            event: step.event,
            actions: &step.actions,
            supervisor: &next.supervisor,
            effects,
        };
        next.broken = next.invariants.check_step(&checked).err();
        next.check_bound(configuration, self, &mut step);
        next.canonicalize(configuration, now);
        (next, step)
    }

    /// Checks the detection bound by the state of the bus, which the supervisor does not see.
    fn check_bound(
        &mut self,
        configuration: &ModelConfiguration,
        before: &Self,
        step: &mut Transition,
    ) {
        let bound = configuration.bound(self.partial);
        let running = |status| status == Status::Running;
        let after = self.supervisor.report().status;
        if running(after) && self.unusable >= bound {
            self.broken = self.broken.or(Some(Claim::EvidenceIsYoung));
        }
        let report = before.supervisor.report();
        if running(report.status) && !running(after) && self.bus != BusState::Up {
            // A reader compares the lease with the clock, and does not depend on a process that sleeps.
            let lease = report.lease.map_or(Duration::ZERO, |lease| {
                lease.saturating_duration_since(*EPOCH)
            });
            let runs_out = before.unusable + configuration.ticks(lease);
            step.detected_after = Some(self.unusable.min(runs_out));
        }
    }

    /// Makes times relative to [`EPOCH`] again and writes the bytes of the state.
    fn canonicalize(&mut self, configuration: &ModelConfiguration, now: Instant) {
        let epoch = *EPOCH;
        let (supervisor, names) = self.supervisor.canonical(epoch);
        let config = &configuration.config;
        self.invariants =
            self.invariants
                .canonical(config, supervisor.report(), (now, epoch), &names);
        self.supervisor = supervisor;
        let max = match self.invariants.evidence() {
            Some(_) => configuration.bound(true) + 1,
            None => configuration
                .late_evidence
                .map_or(0, |ago| u32::from(ago) + 1),
        };
        self.unusable = self.unusable.min(max);
        self.partial |= self.bus == BusState::Partial;
        self.partial &= self.invariants.evidence().is_some();
        self.code = self.encode(configuration);
    }

    fn encode(&self, configuration: &ModelConfiguration) -> Box<[u8]> {
        let mut numbers: Vec<i64> = Vec::with_capacity(96);
        let words = self.supervisor.snapshot(*EPOCH);
        numbers.extend(words.into_iter().map(u64::cast_signed));
        encode(&self.invariants, *EPOCH, &mut numbers);
        numbers.push(self.bus as i64);
        numbers.push(i64::from(self.unusable));
        numbers.push(i64::from(self.partial));
        numbers.push(self.broken.map_or(0, |claim| claim as i64 + 1));
        let mut code = Vec::with_capacity(numbers.len() + 8);
        for number in numbers {
            write_number(number, configuration.tick, &mut code);
        }
        code.into_boxed_slice()
    }

    /// Returns the whole state as bytes.
    #[must_use]
    pub fn code(&self) -> &[u8] {
        &self.code
    }
}

/// Writes a number. Most are small or a small multiple of a tick, and take one byte.
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

impl PartialEq for ModelState {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

impl Eq for ModelState {}

impl Hash for ModelState {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.code.hash(state);
    }
}
