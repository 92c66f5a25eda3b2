//! What the snapshot of a dispatcher is made of, but for the parts that keep their fields to themselves.

use crate::dispatch::action::{Action, Health, Pace, Position, Run};
use crate::dispatch::commits::{Commits, InFlight as CommitInFlight};
use crate::dispatch::counters::Counters;
use crate::dispatch::event::{DoneRecord, RecordFailure};
use crate::dispatch::held_back::HeldBack;
use crate::dispatch::ids::{CommitId, DeadLetterId, Generation, PartitionId, RunId};
use crate::dispatch::lanes::Lanes;
use crate::dispatch::runs::{Cancelled, InFlight, Runs};
use crate::inspect::words::{fields, numbers, variants};

variants!(Action {
    1 => Run(run),
    2 => Cancel { run },
    3 => Commit { id, positions, deadline },
    4 => WriteDeadLetter { id, partition, generation, offset, attempts, class },
    5 => Forget { partition, generation, offset },
    6 => SetPace(pace),
    7 => Seek { partition, generation, offset },
    8 => Release { partition, generation, duplicates },
    9 => SetHealth(health),
    10 => Stopped { duplicates },
});

fields!(Run {
    id,
    partition,
    generation,
    offset,
    records,
    attempt,
});

fields!(Position {
    partition,
    generation,
    offset,
    done,
});

fields!(DoneRecord {
    offset,
    fingerprint,
});

variants!(Pace {
    1 => Full,
    2 => Slow,
    3 => Paused,
});

variants!(Health {
    1 => Working,
    2 => Stopped { partition, offset, class },
    3 => RecordsRemoved { partition, offset },
    4 => DeadLetterFailed { partition, offset },
    5 => Stalled { partition, offset },
});

variants!(RecordFailure {
    1 => Transient,
    2 => Permanent,
    3 => TimedOut,
    4 => Panicked,
});

variants!(Lanes {
    1 => Sequential,
    2 => Keyed { newest, ready, retries, has_keys },
});

fields!(Runs { in_flight, count });

fields!(InFlight {
    partition,
    generation,
    first,
    records,
    deadline,
    cancelled,
});

variants!(Cancelled {
    1 => TimedOut,
    2 => AssignmentEnded,
});

fields!(Commits {
    in_flight,
    next_at,
    count,
});

fields!(HeldBack { failures, until });

fields!(CommitInFlight { id, covered });

fields!(Counters {
    done,
    failed,
    timed_out,
    skipped,
    dead_letters,
    removed,
    done_before,
    repeated,
    duplicates,
    late_verdicts,
    commits,
    failed_commits,
    stale,
});

numbers!(PartitionId, Generation, RunId, CommitId, DeadLetterId);
