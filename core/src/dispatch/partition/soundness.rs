//! Whether the parts of a restored assignment fit together.

use std::collections::BTreeSet;

use crate::dispatch::config::Config;
use crate::dispatch::lanes::Lanes;
use crate::dispatch::partition::{Covered, Partition, Step};
use crate::dispatch::settings::{Delivery, Order};
use crate::dispatch::window::{EntryState, Seq};

impl Partition {
    /// Returns whether it can have come about by the events of a dispatcher with this configuration, as far as its own fields show.
    pub(crate) fn is_sound(&self, config: &Config) -> bool {
        let settings = config.settings();
        let acknowledged = &self.acknowledged;
        self.window.is_sound()
            && acknowledged.seq <= self.window.first()
            && acknowledged.verdicts <= self.window.verdicts()
            && (settings.delivery == Delivery::Group || acknowledged.position.is_some())
            && self.lanes_fit(settings.order)
            && self.failures_fit()
            && self.window.open().filter(is_running).count() == self.running as usize
            && self.letters().count() == self.dead_letters as usize
            && self.interrupted.iter().all(|&seq| self.is_open(seq))
    }

    /// Returns whether a commit in flight covers no more than there is.
    pub(crate) fn can_be_covered_by(&self, covered: &Covered) -> bool {
        // Its position may be above: after removed records a partition may continue at an earlier one.
        covered.seq <= self.window.first() && covered.verdicts <= self.window.verdicts()
    }

    /// Returns whether these records run.
    pub(crate) fn all_run(&self, first: Seq, records: u32) -> bool {
        let Some(end) = first.checked_add(records.into()) else {
            return false;
        };
        let state = |seq| self.window.get(seq).map(|entry| entry.state);
        records > 0
            && end <= self.window.end()
            && (first..end).all(|seq| state(seq) == Some(EntryState::Running))
    }

    /// Returns the records whose dead letters are in flight.
    pub(crate) fn letters(&self) -> impl Iterator<Item = Seq> {
        let failed = self.failed.iter();
        failed.filter_map(|(&seq, failed)| match failed.step {
            Step::WritingDeadLetter { .. } => Some(seq),
            Step::Retry | Step::StoppedPartition | Step::DeadLetterFailed { .. } => None,
        })
    }

    pub(crate) const fn running(&self) -> u32 {
        self.running
    }

    pub(crate) const fn older_runs(&self) -> u32 {
        self.older_runs
    }

    pub(crate) const fn has_turn(&self) -> bool {
        self.has_turn
    }

    fn is_open(&self, seq: Seq) -> bool {
        let entry = self.window.get(seq);
        entry.is_some_and(|entry| entry.state != EntryState::Final)
    }

    /// A record that failed waits for exactly one thing: a back-off, its dead letter, or another run.
    fn failures_fit(&self) -> bool {
        let waits = self.backoffs.iter().map(|&(_, seq)| seq);
        let (mut in_backoff, mut is_once) = (BTreeSet::new(), true);
        for seq in waits {
            is_once &= in_backoff.insert(seq);
        }
        let fits = |(&seq, failed): (&Seq, &super::Failed)| {
            let state = self.window.get(seq).map(|entry| entry.state);
            let waits_for_backoff = in_backoff.contains(&seq);
            match failed.step {
                Step::WritingDeadLetter { .. } => {
                    state == Some(EntryState::Failed) && !waits_for_backoff
                }
                Step::DeadLetterFailed { .. } => {
                    state == Some(EntryState::Failed) && waits_for_backoff
                }
                Step::Retry | Step::StoppedPartition => match state {
                    Some(EntryState::Failed) => waits_for_backoff,
                    Some(EntryState::Waiting | EntryState::Running) => !waits_for_backoff,
                    Some(EntryState::Final) | None => false,
                },
            }
        };
        let is_known = |seq: &Seq| self.failed.contains_key(seq);
        let mut without_reason = self
            .window
            .open()
            .filter(|(seq, state)| *state == EntryState::Failed && !is_known(seq));
        is_once
            && self.failed.iter().all(fits)
            && in_backoff.iter().all(is_known)
            && self.stopped.iter().all(is_known)
            && self.unwritten.iter().all(is_known)
            && without_reason.next().is_none()
    }

    fn lanes_fit(&self, order: Order) -> bool {
        let (newest, ready, retries) = match (&self.lanes, order) {
            (Lanes::Sequential, Order::Partition) => return self.is_in_order(),
            (
                Lanes::Keyed {
                    newest,
                    ready,
                    retries,
                    has_keys,
                },
                Order::Key | Order::None,
            ) if *has_keys == (order == Order::Key) => (newest, ready, retries),
            (Lanes::Sequential | Lanes::Keyed { .. }, _) => return false,
        };
        let mut behind = BTreeSet::new();
        if order == Order::Key {
            let Some(known) = self.window.newest_of_keys() else {
                return false;
            };
            if *newest != known {
                return false;
            }
            let successor = |(seq, _)| self.window.get(seq).and_then(|entry| entry.successor);
            behind.extend(self.window.open().filter_map(successor));
        } else if !newest.is_empty() {
            return false;
        }
        let waiting = |is_failed: bool| -> BTreeSet<Seq> {
            let all = self.window.open();
            let heads =
                all.filter(|(seq, state)| *state == EntryState::Waiting && !behind.contains(seq));
            let heads = heads.map(|(seq, _)| seq);
            heads
                .filter(|seq| self.failed.contains_key(seq) == is_failed)
                .collect()
        };
        let waits = |&seq: &Seq| {
            let state = self.window.get(seq).map(|entry| entry.state);
            state == Some(EntryState::Waiting) && !self.failed.contains_key(&seq)
        };
        *ready == waiting(false) && *retries == waiting(true) && behind.iter().all(waits)
    }

    /// Returns whether only the oldest records run or have failed.
    fn is_in_order(&self) -> bool {
        let states = self.window.open().map(|(_, state)| state);
        let mut behind = states.skip_while(|state| *state == EntryState::Running);
        let next = behind.next();
        let first_may_fail = self.running == 0 || next != Some(EntryState::Failed);
        let waits = |state| state == EntryState::Waiting;
        let successors = || {
            let open = self.window.open();
            open.filter_map(|(seq, _)| self.window.get(seq)?.successor)
        };
        first_may_fail && behind.all(waits) && successors().next().is_none()
    }
}

fn is_running(&(_, state): &(Seq, EntryState)) -> bool {
    state == EntryState::Running
}
