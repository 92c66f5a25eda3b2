//! The request handlers and the callers of a service, as its memory has them.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_core::dispatch::Counters;

use crate::calls::{CalleeProgress, CallerProgress};

/// What is known about one request handler, or one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerState {
    /// Its name.
    pub name: String,
    /// Whether the service is NotReady while this handler does not work.
    pub is_required: bool,
    /// Whether it is registered with the bus.
    pub is_registered: bool,
    /// Why it does not do its work although it is registered, with a sentence for people; `None` while it does.
    pub failure: Option<(Failure, String)>,
    /// What it has done and what waits; `None` before its first record could come, after its end, and for a handler that livebus does not
    /// run.
    pub progress: Option<HandlerProgress>,
    /// What was counted since it was made, also after its end; `None` for a handler that livebus does not run.
    pub counters: Option<Counters>,
    /// What its calls are, if it is a caller; it has neither progress nor counters of records then.
    pub calls: Option<CallerProgress>,
    /// What became of its requests, if it is a call handler.
    pub callee: Option<CalleeProgress>,
}

/// What a request handler has done, and what waits for it. At most a tenth of a second old.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HandlerProgress {
    /// The number of partitions that are assigned to it.
    pub partitions: usize,
    /// The number of runs that are in flight. A run calls the function with one record after another.
    pub runs_in_flight: usize,
    /// The number of records that were fetched and have no final verdict.
    pub records_held: u32,
    /// The oldest of these records.
    pub oldest_held: Option<HeldRecord>,
    /// The number of offsets from its positions to the ends of its partitions; `None` while the end of one of them is not known.
    ///
    /// The position of a partition is the offset below which every record has its final verdict. The end is that of the last answer of a
    /// broker, so the lag is as old as that, and never negative. It counts offsets: those that no record has are included.
    pub lag: Option<u64>,
    /// When the end was learned that is the oldest among those of which the lag is made.
    pub lag_as_of: Option<Instant>,
    /// What was counted since the handler began.
    pub counters: Counters,
}

/// A record that was fetched and has no final verdict. Its payload is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// The number of its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it was fetched.
    pub since: Instant,
}

impl HandlerState {
    /// Returns the state of a handler that is not registered and has done nothing.
    #[must_use]
    pub fn unregistered(name: impl Into<String>, is_required: bool) -> Self {
        Self {
            name: name.into(),
            is_required,
            is_registered: false,
            failure: None,
            progress: None,
            counters: None,
            calls: None,
            callee: None,
        }
    }

    /// Returns whether it is a caller.
    #[must_use]
    pub const fn is_caller(&self) -> bool {
        self.calls.is_some()
    }

    /// Returns what it is, for people: `handler` or `caller`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.is_caller() {
            "caller"
        } else {
            "handler"
        }
    }
}
