//! The settings of a dispatcher: every limit, timing and policy, before they are checked.

use std::time::Duration;

use crate::backoff::Backoff;

/// Every limit, timing and policy of a dispatcher, before they are checked: [`Config::new`](crate::dispatch::Config::new) does that.
///
/// A field may be added in a minor version: take the rest by `..Settings::default()`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Which records wait for which.
    pub order: Order,
    /// Whether the members of a group share the partitions.
    pub delivery: Delivery,
    /// The bounds on what is in flight and in memory.
    pub limits: Limits,
    /// How long the function may take for one record; `None`: as long as it wants. Counted from the start of its run, or from when it was
    /// found pending.
    pub record_timeout: Option<Duration>,
    /// How long the oldest record may wait for its final verdict before the handler counts as stalled.
    pub stall_timeout: Duration,
    /// The minimum time from one commit to the next, unless half of `limits.unacknowledged` is used up.
    pub commit_interval: Duration,
    /// How long one commit may take. The runner answers within it.
    pub commit_timeout: Duration,
    /// At a revocation: how long functions may still run. All partitions of this member are paused for as long.
    pub revocation_drain: Duration,
    /// At a shutdown: how long functions may still run.
    pub drain: Duration,
    /// What follows a failure that may pass.
    pub transient: FailurePolicy,
    /// What follows a failure that will come each time.
    pub permanent: FailurePolicy,
    /// What follows a function that did not finish in time.
    pub timed_out: FailurePolicy,
    /// What follows a panic.
    pub panicked: FailurePolicy,
    /// How long to wait after a dead letter that could not be written.
    pub dead_letter_backoff: Backoff,
    /// What follows records that the broker removed before they were fetched.
    pub on_removed: OnRemoved,
    /// Where the jitter of the back-offs comes from: the same seed gives the same delays.
    pub seed: u64,
}

/// Which records wait for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The records of a partition run one after the other.
    Partition,
    /// The records of a partition with the same key run one after the other.
    Key,
    /// No record waits for another.
    None,
}

/// Whether the members of a group share the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// They do, and positions are committed.
    Group,
    /// Each instance reads all partitions, and nothing is committed: from the newest record on, an instance misses what came while it was
    /// down; from the oldest on, it sees all records again.
    Broadcast,
}

/// The bounds on what is in flight and in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Runs in flight at once.
    pub runs: u32,
    /// Records of one run.
    pub run_records: u32,
    /// For each partition: the records from the acknowledged position to the newest one that runs. It bounds the duplicates after a crash.
    pub unacknowledged: u32,
    /// Records that are fetched and have no final verdict.
    pub records: u32,
    /// Bytes of these records above which fetching becomes slow.
    pub high_water_bytes: u64,
    /// Bytes of these records.
    pub bytes: u64,
    /// Bytes of one record at most.
    pub record_bytes: u32,
}

/// What follows a failure of the function.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FailurePolicy {
    /// How often the function is called with the record again.
    pub retries: u32,
    /// How long to wait before that.
    pub backoff: Backoff,
    /// What follows the last of them.
    pub then: Then,
}

/// What becomes of a record that failed and is not retried any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// Its partition stops. The function is called with it again after each back-off, and the partition continues when that succeeds.
    Stop,
    /// It is skipped, which is final.
    Skip,
    /// It is written to the dead-letter topic; the acknowledgement is final.
    DeadLetter,
}

/// What follows records that the broker removed before they were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnRemoved {
    /// The partition stops.
    Stop,
    /// The partition continues with the first record that is left; the others are counted.
    Continue,
}

impl Default for Settings {
    /// Nothing is skipped, and a record that fails is retried until it succeeds: after a crash at most 100,000 records of a partition are
    /// handled again.
    fn default() -> Self {
        let policy = FailurePolicy {
            retries: 3,
            backoff: Backoff {
                first: Duration::from_millis(500),
                max: Duration::from_secs(30),
                jitter_percent: 20,
            },
            then: Then::Stop,
        };
        Self {
            order: Order::Partition,
            delivery: Delivery::Group,
            limits: Limits::default(),
            record_timeout: Some(Duration::from_secs(30)),
            stall_timeout: Duration::from_mins(1),
            commit_interval: Duration::from_millis(100),
            commit_timeout: Duration::from_secs(5),
            revocation_drain: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            transient: policy.clone(),
            permanent: FailurePolicy {
                retries: 0,
                ..policy.clone()
            },
            timed_out: policy.clone(),
            panicked: policy,
            dead_letter_backoff: Backoff {
                first: Duration::from_millis(500),
                max: Duration::from_secs(30),
                jitter_percent: 20,
            },
            on_removed: OnRemoved::Stop,
            seed: 0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs: 16,
            run_records: 10_000,
            unacknowledged: 100_000,
            records: 100_000,
            high_water_bytes: 32 << 20,
            bytes: 64 << 20,
            record_bytes: 1 << 20,
        }
    }
}

impl FailurePolicy {
    /// Calls the function again `retries` times, then does `then`.
    #[must_use]
    pub const fn new(retries: u32, backoff: Backoff, then: Then) -> Self {
        Self {
            retries,
            backoff,
            then,
        }
    }
}
