//! A process with one service, and a clock that the test turns.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{Readiness, Registry, Reporter};
use livebus_runner::{Time, Timer};

/// The length of every lease.
pub(crate) const LEASE: Duration = Duration::from_secs(10);

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub(crate) struct ManualTime(Arc<Mutex<Instant>>);

impl ManualTime {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn advance(&self, duration: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += duration;
    }
}

impl Time for ManualTime {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(ManualTimer(self.clone(), None))
    }
}

/// Its tests poll it again after each turn of the clock, so it wakes nobody.
struct ManualTimer(ManualTime, Option<Instant>);

impl Timer for ManualTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.1 = deadline;
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        match self.1 {
            Some(deadline) if self.0.now() >= deadline => Poll::Ready(()),
            Some(_) | None => Poll::Pending,
        }
    }
}

pub(crate) struct Process {
    pub(crate) time: ManualTime,
    pub(crate) bus: Reporter,
    pub(crate) registry: Registry,
    pub(crate) readiness: Readiness,
}

impl Process {
    pub(crate) fn new() -> Self {
        let time = ManualTime::new();
        let names = Registry::builder().required("bus").optional("cache");
        let registry = names.build_at(time.now()).expect("valid names");
        let (bus, readiness) = (registry.reporter("bus"), registry.readiness());
        let bus = bus.expect("it has none");
        Self {
            time,
            bus,
            registry,
            readiness,
        }
    }

    /// Reports Running, with a lease from now on.
    pub(crate) fn runs(&self) {
        let now = self.time.now();
        self.bus.set(now, Status::Running, now + LEASE);
    }

    pub(crate) fn renews(&self) {
        let now = self.time.now();
        self.bus.renew(now, now, now + LEASE);
    }

    /// Reports that no broker can be reached.
    pub(crate) fn is_lost(&self) {
        let now = self.time.now();
        let report = Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(FailureClass::Unreachable.into()),
            lease: None,
            since: now,
            ..self.bus.service().report()
        };
        self.bus.report(now, report);
    }
}

/// Polls a stream once.
pub(crate) fn poll<T>(stream: &mut (impl Stream<Item = T> + Unpin)) -> Poll<Option<T>> {
    stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}
