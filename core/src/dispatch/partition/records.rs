//! The records of an assignment, from their fetch to their final verdicts.

use std::time::Instant;

use crate::backoff::Jitter;
use crate::dispatch::event::{Record, RecordFailure};
use crate::dispatch::lanes::Runnable;
use crate::dispatch::partition::{
    Begun, Consequence, Context, DeadLetter, Failed, Partition, Step,
};
use crate::dispatch::settings::Then;
use crate::dispatch::window::{EntryState, Pushed, Seq};

impl Partition {
    /// Takes records that were fetched. Calls `done` with the offset of each that an earlier owner finished; returns how many were
    /// fetched already.
    pub(crate) fn on_fetched(
        &mut self,
        records: &[Record],
        now: Instant,
        mut done: impl FnMut(i64),
    ) -> u32 {
        let mut repeated = 0;
        self.window.begin_batch(now);
        for &record in records {
            match self.window.push(record) {
                Pushed::Waiting(seq) => self.lanes.add(seq, record, &mut self.window),
                Pushed::DoneBefore => done(record.offset),
                Pushed::Repeated => repeated += 1,
            }
        }
        repeated
    }

    /// Begins the next run, of at most `max` records, if there is one that may begin.
    pub(crate) fn begin_run(&mut self, max: u32, cx: Context<'_>) -> Option<Begun> {
        let settings = cx.config.settings();
        if !self.is_assigned() || self.older_runs > 0 || self.acknowledged.position.is_none() {
            return None;
        }
        let end =
            self.acknowledged_seq(settings.delivery) + u64::from(settings.limits.unacknowledged);
        let is_stopped = !self.stopped.is_empty();
        let Runnable { first, records } = self.lanes.take(&self.window, max, end, is_stopped)?;
        // A record that failed runs alone, since only it has a number of its own for its attempts.
        let attempt = self
            .failed
            .get(&first)
            .map_or(1, |failed| failed.attempts.saturating_add(1));
        let records = if self.failed.contains_key(&first) {
            1
        } else {
            records
        };
        let offset = self.window.get(first)?.record.offset;
        self.set_state(first, records, EntryState::Running);
        self.running += records;
        Some(Begun {
            first,
            records,
            offset,
            attempt,
        })
    }

    /// Takes the verdict that records of a run are done.
    pub(crate) fn on_done(&mut self, first: Seq, records: u32) {
        self.running -= records;
        let is_plain = self.failed.is_empty() && self.interrupted.is_empty();
        if is_plain && self.lanes.is_sequential() {
            return self.window.finish_all(first, records);
        }
        for seq in first..first + u64::from(records) {
            self.finish(seq);
        }
    }

    /// Takes back records of a run that were not begun.
    pub(crate) fn on_returned(&mut self, first: Seq, records: u32) {
        self.running -= records;
        self.set_state(first, records, EntryState::Waiting);
        for seq in first..first + u64::from(records) {
            if self.failed.contains_key(&seq) {
                self.lanes.retry(seq);
            } else {
                self.lanes.put_back(seq);
            }
        }
    }

    /// Takes note that a record of a run was cancelled. It is taken back by [`on_returned`](Self::on_returned).
    pub(crate) fn on_interrupted(&mut self, seq: Seq) {
        self.interrupted.insert(seq);
    }

    /// Takes the verdict that a record of a run failed.
    pub(crate) fn on_failed(
        &mut self,
        seq: Seq,
        class: RecordFailure,
        cx: Context<'_>,
        jitter: &mut Jitter,
    ) -> Consequence {
        self.running -= 1;
        self.set_state(seq, 1, EntryState::Failed);
        let policy = cx.config.policy(class);
        let before = self.failed.get(&seq).map_or(0, |failed| failed.attempts);
        let attempts = before.saturating_add(u32::from(cx.usable_since.is_some()));
        let is_last = cx.usable_since.is_some() && attempts > policy.retries;
        let mut step = Step::Retry;
        match policy.then {
            Then::Skip if is_last => {
                let offset = self.offset(seq);
                self.finish(seq);
                return Consequence::Skipped { offset };
            }
            // While the assignment ends nothing new begins: its next owner decides.
            Then::DeadLetter if is_last && self.is_assigned() => {
                step = Step::WritingDeadLetter { failures: 0 };
            }
            Then::Stop if is_last => step = Step::StoppedPartition,
            // A partition that stopped continues only when the record has its final verdict.
            Then::Skip | Then::DeadLetter | Then::Stop if self.stopped.contains(&seq) => {
                step = Step::StoppedPartition;
            }
            Then::Skip | Then::DeadLetter | Then::Stop => {}
        }
        self.failed.insert(
            seq,
            Failed {
                attempts,
                class,
                step,
            },
        );
        match step {
            Step::WritingDeadLetter { .. } => {
                return Consequence::Write(self.dead_letter(seq, attempts, class));
            }
            Step::StoppedPartition => {
                self.stopped.insert(seq);
            }
            Step::Retry | Step::DeadLetterFailed { .. } => {}
        }
        let delay = policy.backoff.delay(attempts.max(1), jitter);
        self.backoffs.insert((cx.now + delay, seq));
        Consequence::None
    }

    /// Returns the end of the next back-off. None ends while the bus cannot be used, or while the assignment ends.
    pub(crate) fn next_backoff(&self, cx: Context<'_>) -> Option<Instant> {
        if cx.usable_since.is_none() || !self.is_assigned() {
            return None;
        }
        self.backoffs.first().map(|&(until, _)| until)
    }

    /// Ends the next back-off.
    pub(crate) fn end_backoff(&mut self) -> Consequence {
        let Some((_, seq)) = self.backoffs.pop_first() else {
            return Consequence::None;
        };
        let Some(failed) = self.failed.get_mut(&seq) else {
            return Consequence::None;
        };
        match failed.step {
            Step::Retry | Step::StoppedPartition => {
                self.set_state(seq, 1, EntryState::Waiting);
                self.lanes.retry(seq);
                Consequence::None
            }
            Step::DeadLetterFailed { failures } => {
                failed.step = Step::WritingDeadLetter { failures };
                let Failed {
                    attempts, class, ..
                } = *failed;
                Consequence::Write(self.dead_letter(seq, attempts, class))
            }
            // It has no back-off.
            Step::WritingDeadLetter { .. } => Consequence::None,
        }
    }

    /// Takes the answer to a dead letter. Returns the offset of its record if that has its final verdict now.
    pub(crate) fn on_dead_letter(
        &mut self,
        seq: Seq,
        is_written: bool,
        cx: Context<'_>,
        jitter: &mut Jitter,
    ) -> Option<i64> {
        self.dead_letters -= 1;
        if is_written {
            let offset = self.offset(seq);
            self.finish(seq);
            return Some(offset);
        }
        if let Some(failed) = self.failed.get_mut(&seq) {
            let before = match failed.step {
                Step::WritingDeadLetter { failures } | Step::DeadLetterFailed { failures } => {
                    failures
                }
                Step::Retry | Step::StoppedPartition => 0,
            };
            let failures = before.saturating_add(1);
            failed.step = Step::DeadLetterFailed { failures };
            self.unwritten.insert(seq);
            let delay = cx
                .config
                .settings()
                .dead_letter_backoff
                .delay(failures, jitter);
            self.backoffs.insert((cx.now + delay, seq));
        }
        None
    }

    pub(super) fn dead_letter(
        &mut self,
        seq: Seq,
        attempts: u32,
        class: RecordFailure,
    ) -> DeadLetter {
        self.dead_letters += 1;
        DeadLetter {
            seq,
            offset: self.offset(seq),
            attempts,
            class,
        }
    }

    /// Gives a record its final verdict.
    #[inline]
    pub(super) fn finish(&mut self, seq: Seq) {
        if !self.failed.is_empty() {
            self.failed.remove(&seq);
            self.stopped.remove(&seq);
            self.unwritten.remove(&seq);
        }
        if !self.interrupted.is_empty() {
            self.interrupted.remove(&seq);
        }
        self.lanes.finish(seq, &self.window);
        self.window.finish(seq);
    }

    pub(super) fn set_state(&mut self, first: Seq, records: u32, state: EntryState) {
        for seq in first..first + u64::from(records) {
            if let Some(entry) = self.window.get_mut(seq) {
                entry.state = state;
            }
        }
    }

    pub(super) fn offset(&self, seq: Seq) -> i64 {
        let entry = self.window.get(seq);
        entry.map_or(self.window.position(), |entry| entry.record.offset)
    }
}
