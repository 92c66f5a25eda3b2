//! What looks at the records of a handler before they run.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::dispatch::{Generation, PartitionId};
use livebus_readiness::CalleeProgress;
use tracing::Span;

use crate::handlers::batch::Batch;

/// Looks at the records of a handler before they run, and at what happens to its partitions. Called in the loop of the handler, so it must be
/// quick and must not wait, but in [`close`](Self::close).
pub(crate) trait Intake: Send + Sync {
    /// Takes the span of the log lines of the handler. Called once, before the others.
    fn log_in(&self, span: &Span);

    /// A partition was assigned.
    fn assigned(&self, partition: PartitionId, generation: Generation);

    /// An assignment ended.
    fn ended(&self, partition: PartitionId, generation: Generation);

    /// The records of a batch from this index on were fetched.
    fn fetched(
        &self,
        now: Instant,
        partition: PartitionId,
        generation: Generation,
        batch: &Arc<Batch>,
        first: usize,
    );

    /// The group has this position: the records below it will not come again.
    fn committed(&self, partition: PartitionId, generation: Generation, position: i64);

    /// Returns what became of the requests. Called from any thread.
    fn progress(&self) -> CalleeProgress;

    /// The handler has stopped. What is still on its way may leave until the deadline.
    fn close(&self, deadline: Instant);
}
