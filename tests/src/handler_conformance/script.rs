//! What happens to a handler, step by step.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{FailurePolicy, Limits, Order, RecordFailure, Settings, Start, Then};

/// The topic that is read.
pub(super) const TOPIC: &str = "orders";

/// The payload of a record whose function does not wait.
pub(super) const AT_ONCE: &str = "at once";

/// Something that happens to a handler. Each leads to one message to its loop at a time: what comes on several ways at once may come in any
/// order.
#[derive(Debug, Clone)]
pub enum Step {
    /// The supervision starts: the bus can be used.
    Start,
    /// The consumer has joined its group.
    Join,
    /// A partition is assigned.
    Assign(i32, Start),
    /// Records are fetched: for each its offset, and whether its function waits.
    Fetch(i32, Vec<(i64, bool)>),
    /// The function that waits with this record ends.
    End(i32, i64, Result<(), RecordFailure>),
    /// The oldest commit is answered.
    AnswerCommit,
    /// The oldest dead letter is answered.
    AnswerDeadLetter,
    /// The group takes a partition away.
    Revoke(i32),
    /// A partition is lost.
    Lose(i32),
    /// Records were removed before they were fetched.
    Remove(i32, i64, i64),
    /// Time passes.
    Advance(Duration),
    /// The service requests the shutdown.
    Shutdown,
}

/// The settings of the handler.
pub(super) fn settings() -> Settings {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_secs(1),
        jitter_percent: 30,
    };
    let policy = |retries, then| FailurePolicy::new(retries, backoff, then);
    Settings {
        order: Order::Partition,
        limits: Limits {
            runs: 4,
            ..Limits::default()
        },
        record_timeout: Some(Duration::from_secs(3)),
        commit_interval: Duration::from_millis(100),
        transient: policy(1, Then::Stop),
        permanent: policy(0, Then::DeadLetter),
        timed_out: policy(0, Then::Skip),
        seed: 7,
        ..Settings::default()
    }
}

/// The life of a handler: everything that can happen to it.
#[must_use]
pub fn lifecycle() -> Vec<Step> {
    let advance = |millis| Step::Advance(Duration::from_millis(millis));
    let waits = |offset| (offset, true);
    let at_once = |offset| (offset, false);
    vec![
        Step::Start,
        Step::Join,
        // The group has no position: it is committed before anything runs.
        Step::Assign(0, Start::Resolved(0)),
        Step::Fetch(0, vec![at_once(0), at_once(1), waits(2), waits(3)]),
        Step::AnswerCommit,
        Step::End(0, 2, Ok(())),
        Step::End(0, 3, Ok(())),
        advance(100),
        Step::AnswerCommit,
        // Another partition, with gaps.
        Step::Assign(1, Start::Committed(10)),
        Step::Fetch(1, vec![waits(10)]),
        Step::End(1, 10, Err(RecordFailure::Transient)),
        advance(200),
        Step::End(1, 10, Err(RecordFailure::Transient)),
        advance(400),
        Step::End(1, 10, Ok(())),
        Step::AnswerCommit,
        Step::Fetch(1, vec![waits(15)]),
        Step::End(1, 15, Err(RecordFailure::Permanent)),
        Step::AnswerDeadLetter,
        advance(100),
        Step::AnswerCommit,
        // A function that does not end in time.
        Step::Fetch(1, vec![waits(20)]),
        advance(3_000),
        Step::AnswerCommit,
        Step::Fetch(0, (4..60).map(at_once).collect()),
        advance(100),
        Step::AnswerCommit,
        // A function is cancelled at the end of the drain.
        Step::Fetch(1, vec![waits(21)]),
        Step::Revoke(1),
        advance(5_000),
        Step::Assign(1, Start::Committed(21)),
        Step::Lose(1),
        Step::Remove(0, 60, 80),
        Step::Shutdown,
    ]
}
