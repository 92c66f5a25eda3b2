//! The order of the readers: a gate closes before the health service does, and that before the probes; with a clock that is turned.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures::StreamExt as _;
use livebus_core::{Report, Status};
use livebus_grpc::{Gate, Health, ServingStatus, WatchStream};
use livebus_readiness::{Clock, Reader};
use livebus_runner::{Handle, Time, Timer};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, Shared, builder};
use crate::waiting::eventually;

const SEEDS: u64 = 6;
const STEPS: u32 = 400;

/// A clock that the case turns.
#[derive(Clone, Default)]
struct TurnedTime(Arc<Mutex<Turned>>);

struct Turned {
    now: Instant,
    waiting: Vec<(Instant, Waker)>,
}

impl Default for Turned {
    fn default() -> Self {
        Self {
            now: Instant::now(),
            waiting: Vec::new(),
        }
    }
}

impl TurnedTime {
    fn lock(&self) -> MutexGuard<'_, Turned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance_to(&self, now: Instant) {
        let mut turned = self.lock();
        turned.now = turned.now.max(now);
        let now = turned.now;
        let due: Vec<_> = turned.waiting.extract_if(.., |it| it.0 <= now).collect();
        drop(turned);
        for (_, waker) in due {
            waker.wake();
        }
    }
}

impl Time for TurnedTime {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(TurnedTimer(self.clone(), None))
    }
}

struct TurnedTimer(TurnedTime, Option<Instant>);

impl Timer for TurnedTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.1 = deadline;
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.1 else {
            return Poll::Pending;
        };
        let mut turned = self.0.lock();
        if turned.now >= deadline {
            return Poll::Ready(());
        }
        let waker = context.waker();
        turned.waiting.retain(|(_, it)| !it.will_wake(waker));
        turned.waiting.push((deadline, waker.clone()));
        Poll::Pending
    }
}

/// What all readers see at one instant, while no report is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is what one reader sees: whether the process, or its service, is ready"
)]
struct Seen {
    gate: bool,
    health: bool,
    health_by_name: bool,
    watch: bool,
    probes: bool,
    probes_by_name: bool,
}

struct Readers {
    handle: Handle<Shared>,
    time: TurnedTime,
    gate: Gate,
    health: Health,
    watch: WatchStream,
    watched: bool,
}

impl Readers {
    fn new(handle: Handle<Shared>, time: TurnedTime) -> Self {
        let health = Health::of(&handle);
        Self {
            gate: Gate::of(&handle).time(Arc::new(time.clone())),
            watch: health.watch(""),
            watched: false,
            health,
            handle,
            time,
        }
    }

    /// Returns what all readers see, and the report that they see; reads again if another was stored in the meantime.
    fn look(&mut self) -> (Seen, Report) {
        loop {
            let before = self.handle.report();
            let seen = self.look_once();
            let after = self.handle.report();
            if before == after {
                return (seen, after);
            }
        }
    }

    fn look_once(&mut self) -> Seen {
        let now = self.time.now();
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(status)) = self.watch.poll_next_unpin(&mut context) {
            self.watched = status == ServingStatus::Serving;
        }
        let probes = self.handle.probes();
        let is_ok = |path: &str| probes.answer(path, None, now).status == 200;
        let serves = |name| self.health.status(name) == Some(ServingStatus::Serving);
        Seen {
            gate: self.gate.is_open(),
            health: serves(""),
            health_by_name: serves("message-bus"),
            watch: self.watched,
            probes: is_ok("/readyz"),
            probes_by_name: is_ok("/readyz/message-bus"),
        }
    }
}

/// What the case has met, so that it cannot pass by meeting nothing.
#[derive(Debug, Default)]
struct Met {
    ready: u32,
    not_ready: u32,
    only_the_gate_closed: u32,
    only_the_probes_open: u32,
    lapsed: u32,
}

pub(crate) async fn readers_close_in_one_order_and_differ_by_one_step<R: FullRunner>() {
    let mut met = Met::default();
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (bus, time) = (ScriptedBus::new(Answer::Live), TurnedTime::default());
        let supervised = builder::<R>(&bus).time(Arc::new(time.clone()));
        let handle = supervised.start().await.expect("the supervision starts");
        eventually::<R>("Running", || handle.report().status == Status::Running).await;
        let mut readers = Readers::new(handle, time.clone());
        for step in 0..STEPS {
            let (seen, report) = readers.look();
            let at = format!("seed {seed}, step {step}: {seen:?}, {report:?}");
            check(seen, &report, time.now(), &at, &mut met);
            match rng.u8(..20) {
                0 => bus.set_answer(Answer::Silence),
                1..=3 => bus.set_answer(Answer::Live),
                4 => bus
                    .observations
                    .suspicion(livebus_core::FailureClass::Unreachable.into()),
                // The loop runs.
                5..=9 => R::sleep(Duration::from_micros(rng.u64(..500))).await,
                // It does not, on a runtime with one thread, or a busy one.
                _ => {}
            }
            let step = match report.lease.filter(|_| rng.bool()) {
                Some(lease) => {
                    let lead = [
                        Duration::ZERO,
                        Reader::Health.lead(),
                        Reader::Gate.lead(),
                        Clock::MAX_TICK * 3 / 2,
                    ];
                    let lead = lead[rng.usize(..lead.len())];
                    lease.checked_sub(lead).unwrap_or(lease) + Duration::from_nanos(rng.u64(..2))
                }
                None => time.now() + Duration::from_micros(rng.u64(..50_000)),
            };
            time.advance_to(step);
        }
    }
    let Met {
        ready,
        not_ready,
        only_the_gate_closed,
        only_the_probes_open,
        lapsed,
    } = met;
    let all = [
        ready,
        not_ready,
        only_the_gate_closed,
        only_the_probes_open,
        lapsed,
    ];
    assert!(all.iter().all(|it| *it > 0), "not met: {met:?}");
}

fn check(seen: Seen, report: &Report, now: Instant, at: &str, met: &mut Met) {
    assert!(!seen.gate || seen.health, "the gate closes first: {at}");
    assert!(!seen.health || seen.probes, "then the health service: {at}");
    assert_eq!(seen.health, seen.health_by_name, "{at}");
    assert_eq!(seen.health, seen.watch, "{at}");
    assert_eq!(seen.probes, seen.probes_by_name, "{at}");
    // One step: they differ only just before the end of a lease.
    let left = report.lease.map(|it| it.saturating_duration_since(now));
    let is_near = |lead| left.is_some_and(|it| it <= lead);
    if seen.gate != seen.health {
        assert!(is_near(Reader::Gate.lead()), "{at}");
        met.only_the_gate_closed += 1;
    }
    if seen.health != seen.probes {
        assert!(is_near(Reader::Health.lead()), "{at}");
        met.only_the_probes_open += 1;
    }
    met.ready += u32::from(seen.gate);
    met.not_ready += u32::from(!seen.probes);
    met.lapsed += u32::from(!seen.probes && report.status == Status::Running);
}
