//! The readers of a process's readiness, and the order in which they see it end.

use std::time::Duration;

use crate::clock::Clock;

/// A kind of reader of a process's readiness. All read one memory; only the end of a lease reaches them one after the other, in this
/// order.
///
/// A report reaches all kinds at once, because they read the same value; one that reads a [`Snapshot`](crate::Snapshot) sees bad news later
/// and good news earlier. So no reader that comes later in this order can be NotReady while an earlier one is still ready. The end of a
/// lease is seen by each reader on its own clock, so an earlier reader sees it earlier, by more than the clocks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reader {
    /// A gate in front of the calls of a service.
    Gate,
    /// A health service, whose clients choose where to send their calls.
    Health,
    /// The probes over HTTP, and metrics.
    Probes,
}

impl Reader {
    /// Returns how long before the end of a lease it is over for this reader: two ticks of the [`Clock`], one tick, and nothing. The
    /// clock may be one tick behind.
    #[must_use]
    pub const fn lead(self) -> Duration {
        match self {
            Self::Gate => Clock::MAX_TICK.saturating_mul(2),
            Self::Health => Clock::MAX_TICK,
            Self::Probes => Duration::ZERO,
        }
    }
}
