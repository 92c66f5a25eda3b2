//! The clock of a handler, and how its thread waits.

use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use crate::time::{Time, Timer};

/// The clock of a handler.
#[derive(Clone)]
pub(crate) enum Clock {
    /// The clock of this machine. The timers of a runtime would need a thread of it.
    Real,
    /// That of a test.
    Replaced(Arc<dyn Time>),
}

/// What lets the thread of a handler wait. It is used on that thread alone.
pub(crate) enum Wait {
    Real,
    Replaced(Box<dyn Timer>, Waker),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::Real => Instant::now(),
            Self::Replaced(time) => time.now(),
        }
    }

    /// Returns what lets this thread wait.
    pub(crate) fn wait(&self) -> Wait {
        match self {
            Self::Real => Wait::Real,
            Self::Replaced(time) => {
                let waker = Arc::new(Unpark(thread::current())).into();
                Wait::Replaced(time.timer(), waker)
            }
        }
    }
}

impl Wait {
    /// Waits until the instant, or until the thread is unparked; `None`: only for that. It may return early.
    pub(crate) fn until(&mut self, until: Option<Instant>) {
        match self {
            Self::Real => match until {
                None => thread::park(),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if !left.is_zero() {
                        thread::park_timeout(left);
                    }
                }
            },
            Self::Replaced(timer, waker) => {
                timer.set(until);
                let mut context = Context::from_waker(waker);
                if timer.poll_elapsed(&mut context).is_pending() {
                    thread::park();
                }
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
