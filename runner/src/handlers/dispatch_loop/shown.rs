//! What the loop keeps for what a person is shown.

use std::collections::HashMap;
use std::time::Instant;

use livebus_core::dispatch::{Generation, PartitionId, Progress};

/// What the loop keeps for what it shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// When the next update is allowed.
    pub(crate) next: Option<Instant>,
    /// Where partitions end, and when that was learned.
    ends: HashMap<PartitionId, (Generation, i64, Instant)>,
}

impl Shown {
    pub(crate) fn on_end(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        offset: i64,
        now: Instant,
    ) {
        self.ends.insert(partition, (generation, offset, now));
    }

    /// Returns the number of offsets to the end of a partition, and when that end was learned.
    pub(crate) fn lag(&self, progress: Progress) -> Option<(u64, Instant)> {
        let (generation, end, at) = *self.ends.get(&progress.partition)?;
        let lag = end.saturating_sub(progress.position);
        // A position may have passed an end that is a few seconds old.
        let lag = u64::try_from(lag).unwrap_or(0);
        (generation == progress.generation).then_some((lag, at))
    }
}
