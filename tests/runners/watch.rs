//! Waiting for what must come, on any runtime.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use futures::{FutureExt as _, StreamExt as _};
use livebus_core::{Report, Status};
use livebus_readiness::StatusChange;
use livebus_runner::{Builder, Bus, Changes, Handle};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::FullRunner;

/// Starts a supervision whose every change is watched from the first on.
pub(crate) async fn start<R: FullRunner, B: Bus>(builder: Builder<R, B>) -> (Handle<B>, Watch<R>) {
    let handle = builder.start().await.expect("it starts");
    let watch = Watch::new(handle.changes_from_start());
    (handle, watch)
}

/// The changes of one supervision.
pub(crate) struct Watch<R> {
    changes: Changes,
    runtime: PhantomData<fn() -> R>,
}

impl<R: FullRunner> Watch<R> {
    pub(crate) fn new(changes: Changes) -> Self {
        Self {
            changes,
            runtime: PhantomData,
        }
    }

    /// What is told next; a supervision that ends instead fails the case.
    pub(crate) async fn next(&mut self) -> Report {
        self.next_change().await.expect("the stream goes on").report
    }

    /// The first that is told with this status.
    pub(crate) async fn until(&mut self, status: Status) -> Report {
        loop {
            let report = self.next().await;
            if report.status == status {
                return report;
            }
        }
    }

    /// Nothing was told since.
    pub(crate) fn is_quiet(&mut self) {
        let change = self.changes.next().now_or_never();
        assert_eq!(change, None);
    }

    /// Nothing more is told.
    pub(crate) async fn ends(&mut self) {
        let change = self.next_change().await;
        assert_eq!(change, None, "the stream ends");
    }

    async fn next_change(&mut self) -> Option<StatusChange> {
        within::<R, _>("a change", self.changes.next()).await
    }
}

/// What `future` gives, which must come.
pub(crate) async fn within<R: FullRunner, T>(what: &str, future: impl Future<Output = T>) -> T {
    match select(pin!(future), pin!(R::sleep(WAIT_LIMIT))).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("{what} did not come"),
    }
}

/// Waits until `condition` holds, which nobody announces.
pub(crate) async fn eventually<R: FullRunner>(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            R::sleep(Duration::from_millis(1)).await;
        }
    };
    within::<R, _>(what, holds).await;
}

/// Runs what blocks where that does no harm.
pub(crate) async fn blocking<R: FullRunner, T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let done = R::spawn_blocking(work).await;
    done.expect("it does not panic")
}
