//! The order of the readers: a gate closes before the health service does, and that before the probes; with a clock that is turned.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fastrand::Rng;
use livebus_core::{FailureClass, Status};
use livebus_readiness::{Clock, Reader};
use livebus_runner::{Time, Timer};
use livebus_tests::host::FullRunner;
use livebus_tests::reader_order::{Met, ReaderClock, Readers};

use crate::scripted_bus::{Answer, ScriptedBus, builder};
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

pub(crate) async fn readers_close_in_one_order_and_differ_by_one_step<R: FullRunner>() {
    let mut met = Met::default();
    for seed in 0..SEEDS {
        let mut rng = Rng::with_seed(seed);
        let (bus, time) = (ScriptedBus::new(Answer::Live), TurnedTime::default());
        let supervised = builder::<R>(&bus).time(Arc::new(time.clone()));
        let handle = supervised.start().await.expect("the supervision starts");
        eventually::<R>("Running", || handle.report().status == Status::Running).await;
        let clock = ReaderClock::Turned(Arc::new(time.clone()));
        let mut readers = Readers::new(&handle, clock);
        for step in 0..STEPS {
            let report = readers.check(&format!("seed {seed}, step {step}"), &mut met);
            match rng.u8(..20) {
                0 => bus.set_answer(Answer::Silence),
                1..=3 => bus.set_answer(Answer::Live),
                4 => bus.observations.suspicion(FailureClass::Unreachable.into()),
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
