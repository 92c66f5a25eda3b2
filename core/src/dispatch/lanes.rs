//! The order of one assignment: which of its records may run next.

use std::collections::{BTreeMap, BTreeSet};

use crate::dispatch::event::Record;
use crate::dispatch::settings::Order;
use crate::dispatch::window::{EntryState, Seq, Window};

/// The records that may run, by number: the oldest goes first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Lanes {
    /// One after the other: only the oldest record without a final verdict may run.
    Sequential,
    /// Records of the same key one after the other; those without a key have no order.
    Keyed {
        /// The newest record of each key that has records without a final verdict.
        newest: BTreeMap<u64, Seq>,
        /// The first records of their keys, and those without a key, that were not begun yet.
        ready: BTreeSet<Seq>,
        /// Records that failed and are to run again. A partition that stopped runs no others.
        retries: BTreeSet<Seq>,
        /// Whether keys have an order.
        has_keys: bool,
    },
}

/// Records that may run: so many from this number on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Runnable {
    pub(crate) first: Seq,
    pub(crate) records: u32,
}

impl Lanes {
    pub(crate) fn new(order: Order) -> Self {
        let keyed = |has_keys| Self::Keyed {
            newest: BTreeMap::new(),
            ready: BTreeSet::new(),
            retries: BTreeSet::new(),
            has_keys,
        };
        match order {
            Order::Partition => Self::Sequential,
            Order::Key => keyed(true),
            Order::None => keyed(false),
        }
    }

    /// Takes a record that was fetched.
    #[inline]
    pub(crate) fn add(&mut self, seq: Seq, record: Record, window: &mut Window) {
        match self {
            Self::Sequential => {}
            Self::Keyed {
                newest,
                ready,
                has_keys,
                ..
            } => {
                let key = record.key.filter(|_| *has_keys);
                let predecessor = key.and_then(|key| newest.insert(key, seq));
                match predecessor.and_then(|seq| window.get_mut(seq)) {
                    Some(predecessor) => predecessor.successor = Some(seq),
                    None => {
                        ready.insert(seq);
                    }
                }
            }
        }
    }

    /// Returns the oldest records that may run, at most `max` and all below `end`, and takes them.
    pub(crate) fn take(
        &mut self,
        window: &Window,
        max: u32,
        end: Seq,
        is_stopped: bool,
    ) -> Option<Runnable> {
        match self {
            Self::Sequential => {
                let first = window.first();
                let waiting = |seq| {
                    let entry = window.get(seq);
                    entry.is_some_and(|entry| entry.state == EntryState::Waiting)
                };
                let last = first.saturating_add(u64::from(max)).min(end);
                let records = (first..last).take_while(|&seq| waiting(seq)).count();
                let records = u32::try_from(records).unwrap_or(max);
                (records > 0).then_some(Runnable { first, records })
            }
            Self::Keyed { ready, retries, .. } => {
                let among = if retries.is_empty() && !is_stopped {
                    ready
                } else {
                    retries
                };
                let first = *among.first().filter(|&&seq| seq < end)?;
                among.remove(&first);
                Some(Runnable { first, records: 1 })
            }
        }
    }

    /// Takes back a record that was taken and not begun.
    pub(crate) fn put_back(&mut self, seq: Seq) {
        match self {
            Self::Sequential => {}
            Self::Keyed { ready, .. } => {
                ready.insert(seq);
            }
        }
    }

    /// Lets a record that failed run again.
    pub(crate) fn retry(&mut self, seq: Seq) {
        match self {
            Self::Sequential => {}
            Self::Keyed { retries, .. } => {
                retries.insert(seq);
            }
        }
    }

    /// Returns whether the final verdict of a record lets none go on but the one after it.
    pub(crate) const fn is_sequential(&self) -> bool {
        match self {
            Self::Sequential => true,
            Self::Keyed { .. } => false,
        }
    }

    /// Lets those go on that waited for a record which has its final verdict now. Called before the window lets it leave.
    #[inline]
    pub(crate) fn finish(&mut self, seq: Seq, window: &Window) {
        match self {
            Self::Sequential => {}
            Self::Keyed { newest, ready, .. } => {
                let Some(entry) = window.get(seq) else { return };
                match (entry.successor, entry.record.key) {
                    (Some(successor), _) => {
                        ready.insert(successor);
                    }
                    (None, Some(key)) => {
                        if newest.get(&key) == Some(&seq) {
                            newest.remove(&key);
                        }
                    }
                    (None, None) => {}
                }
            }
        }
    }
}
