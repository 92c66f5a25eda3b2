//! One assignment of a partition: its records, its failures, and what the group knows of it.

mod commits;
mod records;
mod snapshot;
mod soundness;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::dispatch::action::Health;
use crate::dispatch::config::Config;
use crate::dispatch::event::{DoneRecord, RecordFailure, Start};
use crate::dispatch::held_back::HeldBack;
use crate::dispatch::ids::{Generation, PartitionId};
use crate::dispatch::lanes::Lanes;
use crate::dispatch::progress::Progress;
use crate::dispatch::settings::{Delivery, OnRemoved};
use crate::dispatch::window::{EntryState, Held, Seq, Window};

/// What every decision of a partition may look at beside its own state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    /// Since when the bus can be used; `None` while it cannot.
    pub(crate) usable_since: Option<Instant>,
}

/// One assignment of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Partition {
    id: PartitionId,
    generation: Generation,
    phase: Phase,
    /// Whether it waits for its turn to begin a run.
    has_turn: bool,
    pub(super) window: Window,
    lanes: Lanes,
    /// The records that failed and have no final verdict.
    pub(super) failed: BTreeMap<Seq, Failed>,
    /// When the back-offs of failed records end.
    pub(super) backoffs: BTreeSet<(Instant, Seq)>,
    /// Records of runs in flight.
    running: u32,
    /// Records that were cancelled without a verdict: begun, and to be handled again.
    interrupted: BTreeSet<Seq>,
    /// Runs of earlier generations that are still in flight: their functions may still work on the records that would run next.
    older_runs: u32,
    /// Those at which the partition stopped.
    stopped: BTreeSet<Seq>,
    /// Those whose dead letter could not be written.
    unwritten: BTreeSet<Seq>,
    /// Dead letters in flight.
    dead_letters: u32,
    /// Records that were removed before they were fetched, until the partition continues.
    removed: Option<Removed>,
    acknowledged: Acknowledged,
    /// `None` unless its last commit failed.
    pub(super) held_back: Option<HeldBack>,
}

/// Where an assignment is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Assigned,
    /// It ends: nothing new starts, and what runs may finish until then.
    Draining {
        until: Instant,
    },
    /// The drain is over; what is done is committed once more.
    Committing {
        is_tried: bool,
    },
}

/// What the group knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Acknowledged {
    /// The position; `None` while the group has none.
    position: Option<i64>,
    /// How many records are below it.
    seq: Seq,
    /// How many verdicts it covers.
    verdicts: u64,
}

/// Records that were removed before they were fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Removed {
    from: i64,
    to: i64,
}

/// A record that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Failed {
    /// How often it failed while the bus could be used.
    pub(super) attempts: u32,
    class: RecordFailure,
    pub(super) step: Step,
}

/// What becomes of a record that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// It runs again after its back-off.
    Retry,
    /// It runs again after its back-off, and nothing else of its partition does.
    StoppedPartition,
    /// Its dead letter is in flight, after so many that could not be written.
    WritingDeadLetter { failures: u32 },
    /// Its dead letter could not be written so many times in a row, and is tried again after its back-off.
    DeadLetterFailed { failures: u32 },
}

/// A dead letter that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) seq: Seq,
    pub(crate) offset: i64,
    pub(crate) attempts: u32,
    pub(crate) class: RecordFailure,
}

/// What follows a failure, or the end of its back-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The record waits, or may run again.
    None,
    /// The record was skipped: its payload can be forgotten.
    Skipped {
        offset: i64,
    },
    Write(DeadLetter),
}

/// What a commit covers of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Covered {
    pub(crate) partition: PartitionId,
    pub(crate) generation: Generation,
    position: i64,
    seq: Seq,
    verdicts: u64,
}

/// A run that can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) first: Seq,
    pub(crate) records: u32,
    pub(crate) offset: i64,
    pub(crate) attempt: u32,
}

// Its life.
impl Partition {
    pub(crate) fn new(
        id: PartitionId,
        generation: Generation,
        start: Start,
        done: &[DoneRecord],
        older_runs: u32,
        config: &Config,
    ) -> Self {
        let (position, committed) = match start {
            Start::Committed(position) => (position, Some(position)),
            Start::Resolved(position) => (position, None),
        };
        let acknowledged = match config.settings().delivery {
            Delivery::Group => committed,
            Delivery::Broadcast => Some(position),
        };
        Self {
            id,
            generation,
            phase: Phase::Assigned,
            has_turn: false,
            window: Window::new(position, done),
            lanes: Lanes::new(config.settings().order),
            failed: BTreeMap::new(),
            backoffs: BTreeSet::new(),
            running: 0,
            interrupted: BTreeSet::new(),
            older_runs,
            stopped: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            dead_letters: 0,
            removed: None,
            acknowledged: Acknowledged {
                position: acknowledged,
                seq: 0,
                verdicts: 0,
            },
            held_back: None,
        }
    }

    /// Begins its end: nothing new starts, and what runs may finish until `until`.
    pub(crate) fn drain(&mut self, until: Instant) {
        match self.phase {
            Phase::Assigned => self.phase = Phase::Draining { until },
            Phase::Draining { until: earlier } => {
                self.phase = Phase::Draining {
                    until: earlier.min(until),
                };
            }
            Phase::Committing { .. } => {}
        }
    }

    /// Ends the drain, when nothing of it is in flight any more or its time is over. Returns whether it did.
    pub(crate) fn end_drain(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Draining { until }
                if until <= now || self.running == 0 && self.dead_letters == 0 =>
            {
                self.phase = Phase::Committing { is_tried: false };
                true
            }
            Phase::Draining { .. } | Phase::Assigned | Phase::Committing { .. } => false,
        }
    }

    /// Returns whether it can be released: all that can be committed is, or the last commit was answered.
    pub(crate) fn can_be_released(&self, delivery: Delivery) -> bool {
        match self.phase {
            Phase::Committing { is_tried } => is_tried || !self.is_dirty(delivery),
            Phase::Assigned | Phase::Draining { .. } => false,
        }
    }

    /// Returns whether its last commit is due.
    pub(crate) fn awaits_last_commit(&self, delivery: Delivery) -> bool {
        match self.phase {
            Phase::Committing { is_tried } => !is_tried && self.is_dirty(delivery),
            Phase::Assigned | Phase::Draining { .. } => false,
        }
    }

    pub(crate) const fn id(&self) -> PartitionId {
        self.id
    }

    pub(crate) const fn generation(&self) -> Generation {
        self.generation
    }

    pub(crate) const fn held(&self) -> Held {
        self.window.held()
    }

    pub(crate) const fn is_assigned(&self) -> bool {
        matches!(self.phase, Phase::Assigned)
    }

    /// Returns how many records were begun whose verdicts the group does not have. All records of a run count as begun until it has ended.
    pub(crate) fn duplicates(&self, delivery: Delivery) -> u32 {
        match delivery {
            Delivery::Group => {
                let verdicts = self.window.verdicts() - self.acknowledged.verdicts;
                let verdicts = u32::try_from(verdicts).unwrap_or(u32::MAX);
                let entries = (self.window.first()..self.window.end())
                    .filter_map(|seq| Some((seq, self.window.get(seq)?.state)));
                let begun = entries.filter(|(seq, state)| match state {
                    EntryState::Running | EntryState::Failed => true,
                    EntryState::Waiting => {
                        self.failed.contains_key(seq) || self.interrupted.contains(seq)
                    }
                    EntryState::Final => false,
                });
                verdicts.saturating_add(u32::try_from(begun.count()).unwrap_or(u32::MAX))
            }
            Delivery::Broadcast => 0,
        }
    }

    /// Takes a turn among the partitions, unless it has one. Returns whether it did.
    pub(crate) const fn take_turn(&mut self) -> bool {
        !std::mem::replace(&mut self.has_turn, true)
    }

    pub(crate) const fn end_turn(&mut self) {
        self.has_turn = false;
    }
}

// What hinders it.
impl Partition {
    /// Returns whether fetched records belong to what was asked for: not between a removal and the seek that follows it.
    pub(crate) const fn accepts_records(&self) -> bool {
        self.removed.is_none()
    }

    /// Takes note that the next records were removed before they were fetched.
    pub(crate) const fn on_removed(&mut self, from: i64, to: i64) {
        self.removed = Some(Removed { from, to });
    }

    /// Continues after removed records, once those before them have their final verdicts. Returns how many were removed, and where to
    /// continue.
    pub(crate) fn skip_removed(&mut self, policy: OnRemoved) -> Option<(u64, i64)> {
        let Removed { from, to } = self.removed?;
        match policy {
            OnRemoved::Continue if self.window.is_empty() && self.is_assigned() => {
                self.removed = None;
                self.window.skip_to(to);
                Some((u64::try_from(to.saturating_sub(from)).unwrap_or(0), to))
            }
            OnRemoved::Continue | OnRemoved::Stop => None,
        }
    }

    /// Takes note that a run of an earlier generation ended.
    pub(crate) const fn on_older_run_ended(&mut self) {
        self.older_runs = self.older_runs.saturating_sub(1);
    }

    /// Returns what keeps it from its work at this instant.
    pub(crate) fn health(&self, cx: Context<'_>) -> Health {
        let partition = self.id;
        if !self.is_assigned() {
            return Health::Working;
        }
        if let Some(Removed { from, .. }) = self.removed
            && cx.config.settings().on_removed == OnRemoved::Stop
        {
            return Health::RecordsRemoved {
                partition,
                offset: from,
            };
        }
        let failed = self
            .stopped
            .first()
            .and_then(|seq| self.failed.get_key_value(seq));
        if let Some((&seq, failed)) = failed {
            return Health::Stopped {
                partition,
                offset: self.offset(seq),
                class: failed.class,
            };
        }
        if let Some(&seq) = self.unwritten.first() {
            return Health::DeadLetterFailed {
                partition,
                offset: self.offset(seq),
            };
        }
        match self.stall(cx) {
            Some((offset, at)) if at <= cx.now => Health::Stalled { partition, offset },
            Some(_) | None => Health::Working,
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            partition: self.id,
            generation: self.generation,
            position: self.window.position(),
            oldest: self.window.oldest(),
        }
    }

    pub(crate) fn oldest_arrival(&self) -> Option<Instant> {
        self.window.oldest().map(|(_, arrived)| arrived)
    }

    /// Returns when the oldest record without a final verdict has waited for too long, with its offset.
    pub(crate) fn stall(&self, cx: Context<'_>) -> Option<(i64, Instant)> {
        if !self.is_assigned() {
            return None;
        }
        let (offset, arrived) = self.window.oldest()?;
        let waits_since = arrived.max(cx.usable_since?);
        Some((offset, waits_since + cx.config.settings().stall_timeout))
    }

    /// Returns the end of the drain, while it drains.
    pub(crate) const fn drain_end(&self) -> Option<Instant> {
        match self.phase {
            Phase::Draining { until } => Some(until),
            Phase::Assigned | Phase::Committing { .. } => None,
        }
    }
}
