//! An assignment as numbers, for the snapshot of its dispatcher.

use crate::dispatch::partition::{Acknowledged, Covered, Failed, Partition, Phase, Removed, Step};
use crate::inspect::words::{fields, variants};

fields!(Partition {
    id,
    generation,
    phase,
    has_turn,
    window,
    lanes,
    failed,
    backoffs,
    running,
    interrupted,
    older_runs,
    stopped,
    unwritten,
    dead_letters,
    removed,
    acknowledged,
    held_back,
});

variants!(Phase {
    1 => Assigned,
    2 => Draining { until },
    3 => Committing { is_tried },
});

fields!(Acknowledged {
    position,
    seq,
    verdicts,
});

fields!(Removed { from, to });

fields!(Failed {
    attempts,
    class,
    step,
});

variants!(Step {
    1 => Retry,
    2 => StoppedPartition,
    3 => WritingDeadLetter { failures },
    4 => DeadLetterFailed { failures },
});

fields!(Covered {
    partition,
    generation,
    position,
    seq,
    verdicts,
});
