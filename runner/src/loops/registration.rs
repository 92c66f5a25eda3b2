//! Whether a handler is registered: whether its consumer is a member of its group and has its first assignment.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use livebus_core::Failure;
use livebus_core::dispatch::Counters;
use livebus_readiness::{CalleeProgress, CallerProgress, HandlerProgress};

use crate::lock::lock;
use crate::loops::health_reports::{HealthReports, Source};
use crate::loops::shown::Shown;

/// The state of a registration, which the loop of a handler sets and the supervision waits for.
#[derive(Default)]
pub(crate) struct Registration {
    state: Mutex<State>,
    /// What the registered handler reports about itself.
    pub(crate) health: HealthReports,
    /// What its loop shows; `None` before it has begun, and after its end.
    progress: Mutex<Option<HandlerProgress>>,
    /// What its loop has counted, if it counts records.
    counters: Mutex<Option<Counters>>,
    /// The calls of a caller.
    pub(crate) calls: Shown<CallerProgress>,
    /// The requests of a call handler.
    pub(crate) callee: Shown<CalleeProgress>,
}

#[derive(Debug, Default)]
struct State {
    is_registered: bool,
    /// The newest failure since somebody waits.
    failure: Option<Failure>,
    /// Why it cannot be registered any more.
    end: Option<Failure>,
    wakers: Vec<Waker>,
}

impl Registration {
    pub(crate) fn succeed(&self) {
        self.set(|state| {
            state.is_registered = true;
            state.failure = None;
        });
    }

    pub(crate) fn is_registered(&self) -> bool {
        lock(&self.state).is_registered
    }

    pub(crate) fn progress(&self) -> Option<HandlerProgress> {
        lock(&self.progress).clone()
    }

    pub(crate) fn counters(&self) -> Option<Counters> {
        *lock(&self.counters)
    }

    pub(crate) fn count(&self, counters: Counters) {
        *lock(&self.counters) = Some(counters);
    }

    pub(crate) fn show(&self, progress: Option<HandlerProgress>) {
        *lock(&self.progress) = progress;
    }

    pub(crate) fn fail(&self, failure: Failure) {
        self.set(|state| state.failure = Some(failure));
    }

    /// Ends it: the thread of the handler has panicked. A registered handler reports that.
    pub(crate) fn end(&self, failure: Failure, reason: String) {
        self.set(|state| {
            state.is_registered = false;
            state.end = Some(failure);
        });
        self.health.set(Source::Consumer, Some((failure, reason)));
        self.health.send();
    }

    pub(crate) fn reset(&self) {
        self.set(|state| {
            state.is_registered = false;
            state.failure = None;
        });
    }

    /// Waits until the handler is registered, or something failed that it cannot be registered with.
    pub(crate) fn wait(
        self: &Arc<Self>,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<> {
        let this = Arc::clone(self);
        // What failed before was the cause of an attempt before.
        lock(&this.state).failure = None;
        poll_fn(move |cx| {
            let mut state = lock(&this.state);
            if let Some(failure) = state.end {
                return Poll::Ready(Err(failure));
            }
            if state.is_registered {
                return Poll::Ready(Ok(()));
            }
            if let Some(failure) = state.failure.take() {
                return Poll::Ready(Err(failure));
            }
            state.wakers.retain(|known| !known.will_wake(cx.waker()));
            state.wakers.push(cx.waker().clone());
            Poll::Pending
        })
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use livebus_core::FailureClass;

    use super::*;

    #[test]
    fn each_attempt_waits_for_its_own_outcome() {
        let registration = Arc::new(Registration::default());
        let failure = Failure::from(FailureClass::TopicMissing);
        registration.fail(failure);
        assert_eq!(registration.wait().now_or_never(), None);
        let mut first = Box::pin(registration.wait());
        assert_eq!(first.as_mut().now_or_never(), None);
        registration.fail(failure);
        assert_eq!(first.now_or_never(), Some(Err(failure)));
        registration.succeed();
        assert_eq!(registration.wait().now_or_never(), Some(Ok(())));
        registration.reset();
        assert_eq!(registration.wait().now_or_never(), None);
    }

    #[test]
    fn no_attempt_succeeds_after_the_end() {
        let registration = Arc::new(Registration::default());
        registration.succeed();
        let failure = Failure::from(FailureClass::ClientFatal);
        registration.end(failure, "on purpose".to_owned());
        for _ in 0..2 {
            assert_eq!(registration.wait().now_or_never(), Some(Err(failure)));
            registration.succeed();
        }
    }
}
