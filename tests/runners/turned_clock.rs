//! A clock that stands still until a case turns it, and the timers of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use livebus_runner::{Time, Timer};
use livebus_tests::host::FullRunner;

use crate::waiting::eventually;

/// Clones are one clock.
#[derive(Clone)]
pub(crate) struct TurnedClock(Arc<Mutex<State>>);

struct State {
    now: Instant,
    timers_so_far: u64,
    timers: HashMap<u64, Alarm>,
}

#[derive(Default)]
struct Alarm {
    deadline: Option<Instant>,
    waker: Option<Waker>,
}

impl TurnedClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Instant::now(),
            timers_so_far: 0,
            timers: HashMap::new(),
        })))
    }

    /// Moves the time on, and wakes the timers that are due. Returns once each of them is set again or dropped.
    pub(crate) async fn turn<R: FullRunner>(&self, by: Duration) {
        let due: Vec<Waker> = {
            let mut state = self.lock();
            state.now += by;
            let now = state.now;
            let alarms = state.timers.values_mut();
            let due = alarms.filter(|it| it.deadline.is_some_and(|deadline| deadline <= now));
            due.filter_map(|it| it.waker.take()).collect()
        };
        due.into_iter().for_each(Waker::wake);
        eventually::<R>("no timer that is due", || {
            let state = self.lock();
            let mut deadlines = state.timers.values().filter_map(|it| it.deadline);
            deadlines.all(|deadline| deadline > state.now)
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Time for TurnedClock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        let mut state = self.lock();
        state.timers_so_far += 1;
        let number = state.timers_so_far;
        state.timers.insert(number, Alarm::default());
        let clock = self.clone();
        Box::new(TurnedTimer { clock, number })
    }
}

struct TurnedTimer {
    clock: TurnedClock,
    number: u64,
}

impl TurnedTimer {
    fn change<T>(&self, change: impl FnOnce(Instant, &mut Alarm) -> T) -> T {
        let mut state = self.clock.lock();
        let now = state.now;
        change(now, state.timers.entry(self.number).or_default())
    }
}

impl Timer for TurnedTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.change(|_, alarm| alarm.deadline = deadline);
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.change(|now, alarm| {
            if alarm.deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(());
            }
            alarm.waker = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for TurnedTimer {
    fn drop(&mut self) {
        self.clock.lock().timers.remove(&self.number);
    }
}
