//! Waits for changes and conditions, on any runtime.

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

/// Starts a supervision and subscribes to its changes from the first on.
pub(crate) async fn start<R: FullRunner, B: Bus>(
    builder: Builder<R, B>,
) -> (Handle<B>, ChangeStream<R>) {
    let handle = builder.start().await.expect("the supervision starts");
    let changes = ChangeStream::new(handle.changes_from_start());
    (handle, changes)
}

/// The changes of one supervision.
pub(crate) struct ChangeStream<R> {
    changes: Changes,
    /// The last report that it returned.
    last: Option<Report>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: FullRunner> ChangeStream<R> {
    pub(crate) fn new(changes: Changes) -> Self {
        Self {
            changes,
            last: None,
            runtime: PhantomData,
        }
    }

    /// Waits for the next change. The case fails if the supervision ends instead.
    pub(crate) async fn next(&mut self) -> Report {
        let last = self.last;
        let change = self.next_change().await;
        let ended = || panic!("the stream ended; its last report: {last:?}");
        change.unwrap_or_else(ended).report
    }

    /// Waits for the next change to this status.
    pub(crate) async fn until(&mut self, status: Status) -> Report {
        loop {
            let report = self.next().await;
            if report.status == status {
                return report;
            }
        }
    }

    /// Checks that there is no further change.
    pub(crate) fn expect_no_change(&mut self) {
        let change = self.changes.next().now_or_never();
        assert!(change.is_none(), "an unexpected change: {change:?}");
    }

    /// Checks that the stream ends without a further change.
    pub(crate) async fn expect_end(&mut self) {
        let change = self.next_change().await;
        assert!(change.is_none(), "a change and not the end: {change:?}");
    }

    async fn next_change(&mut self) -> Option<StatusChange> {
        let what = format!("a change; the last report: {:?}", self.last);
        let change = within::<R, _>(&what, self.changes.next()).await;
        self.last = change.as_ref().map(|it| it.report).or(self.last);
        change
    }
}

/// Returns the output of `future`; panics if it takes longer than [`WAIT_LIMIT`].
pub(crate) async fn within<R: FullRunner, T>(what: &str, future: impl Future<Output = T>) -> T {
    match select(pin!(future), pin!(R::sleep(WAIT_LIMIT))).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("waited {WAIT_LIMIT:?} for {what}"),
    }
}

/// Polls until `condition` holds.
pub(crate) async fn eventually<R: FullRunner>(what: &str, condition: impl Fn() -> bool) {
    let holds = async {
        while !condition() {
            R::sleep(Duration::from_millis(1)).await;
        }
    };
    within::<R, _>(what, holds).await;
}

/// Runs blocking work on the runtime's threads for that.
pub(crate) async fn blocking<R: FullRunner, T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let done = R::spawn_blocking(work).await;
    done.expect("the work does not panic")
}
