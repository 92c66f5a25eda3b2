//! A clock that the test advances.

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use livebus_runner::{Time, Timer};

/// A clock that the test advances, and the wakers of its timers.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Instant,
    wakers: Vec<Waker>,
}

impl Clock {
    /// Returns a clock that shows the current instant.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Instant::now(),
            wakers: Vec::new(),
        })))
    }

    /// Lets time pass, and wakes all timers. Returns the new instant.
    pub fn advance(&self, time: Duration) -> Instant {
        let mut state = self.lock();
        state.now += time;
        state.wakers.drain(..).for_each(Waker::wake);
        state.now
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread panics with the lock")
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Time for Clock {
    fn now(&self) -> Instant {
        self.lock().now
    }

    fn timer(&self) -> Box<dyn Timer> {
        let (clock, deadline) = (self.clone(), None);
        Box::new(ClockTimer { clock, deadline })
    }
}

struct ClockTimer {
    clock: Clock,
    deadline: Option<Instant>,
}

impl Timer for ClockTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        if self.deadline.is_some_and(|deadline| deadline <= state.now) {
            return Poll::Ready(());
        }
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }
}
