//! Where the replies of a caller continue, across the clients that it has one after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use livebus_runner::calls::ReplySubscription;

use crate::lock::lock;

/// The maximum number of callers whose positions are kept. The one that opened a client least recently is forgotten.
const MAX_CALLERS: usize = 256;

/// The positions of all callers of a bus.
#[derive(Debug, Default)]
pub(crate) struct CallerPositions(Mutex<Vec<(Caller, Arc<Mutex<Positions>>)>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Caller {
    instance: u64,
    name: String,
    topic: Arc<str>,
}

/// The positions of one caller in its reply topic.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    /// The partition that was chosen for it.
    pub(super) chosen: Option<i32>,
    /// The next offset of each partition that was ever assigned.
    pub(super) next: BTreeMap<i32, i64>,
}

impl CallerPositions {
    /// Returns the positions of a caller.
    pub(super) fn of(&self, replies: &ReplySubscription) -> Arc<Mutex<Positions>> {
        let caller = Caller {
            instance: replies.instance,
            name: replies.caller.clone(),
            topic: Arc::clone(&replies.topic),
        };
        let mut all = lock(&self.0);
        let index = all.iter().position(|(of, _)| *of == caller);
        let known = match index {
            Some(index) => all.remove(index),
            None => (caller, Arc::default()),
        };
        let positions = Arc::clone(&known.1);
        if all.len() == MAX_CALLERS {
            all.remove(0);
        }
        all.push(known);
        positions
    }
}

/// The offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) partition: i32,
    /// The earliest record that is there.
    pub(super) low: i64,
    /// The offset after the latest one.
    pub(super) high: i64,
}

/// Where a partition begins, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At its end: there was no call before.
    End(i64),
    /// Behind the newest record that was fetched.
    Next(i64),
    /// With its first record: it is newer than the caller.
    New(i64),
    /// With its first record, because the next one is not there.
    Gone { next: i64, low: i64 },
}

impl Start {
    pub(super) const fn offset(self) -> i64 {
        match self {
            Self::End(offset)
            | Self::Next(offset)
            | Self::New(offset)
            | Self::Gone { low: offset, .. } => offset,
        }
    }
}

impl Positions {
    /// Returns where a partition begins, so that no reply is missed.
    pub(super) fn start(&self, range: Range) -> Start {
        let Range {
            partition,
            low,
            high,
        } = range;
        match self.next.get(&partition) {
            Some(&next) if (low..=high).contains(&next) => Start::Next(next),
            // Removed, or another topic of the same name: what is there may be replies that were not fetched.
            Some(&next) => Start::Gone { next, low },
            None if self.next.is_empty() => Start::End(high),
            None => Start::New(low),
        }
    }
}

/// Returns the partition of a caller with this id.
pub(super) fn choose(instance: u64, partitions: &[i32]) -> Option<i32> {
    // The upper half of the product depends on all bits of the id.
    let mixed = instance.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    let count = u64::try_from(partitions.len()).ok()?;
    let index = mixed.checked_rem(count)?;
    partitions.get(usize::try_from(index).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(caller: &str, instance: u64, topic: &str) -> ReplySubscription {
        ReplySubscription::new(caller, instance, topic)
    }

    #[test]
    fn the_choice_is_stable_and_spread() {
        let all: Vec<_> = (0..12).collect();
        let mut counts = [0; 12];
        for instance in 0..12_000 {
            let chosen = choose(instance, &all).expect("there are partitions");
            assert_eq!(choose(instance, &all), Some(chosen));
            counts[usize::try_from(chosen).expect("not negative")] += 1;
        }
        assert!(
            counts.iter().all(|it| (800..1_200).contains(it)),
            "{counts:?}"
        );
        assert_eq!(choose(7, &[]), None);
        assert_eq!(choose(u64::MAX, &[5]), Some(5));
    }

    #[test]
    fn a_partition_begins_where_no_reply_is_missed() {
        let range = |partition, low, high| Range {
            partition,
            low,
            high,
        };
        let mut positions = Positions::default();
        assert_eq!(positions.start(range(0, 3, 9)), Start::End(9));
        positions.next.insert(0, 5);
        for (low, high) in [(0, 9), (5, 5), (0, 5), (5, 9)] {
            assert_eq!(positions.start(range(0, low, high)), Start::Next(5));
        }
        let gone = Start::Gone { next: 5, low: 6 };
        assert_eq!(positions.start(range(0, 6, 9)), gone, "removed");
        let gone = Start::Gone { next: 5, low: 0 };
        assert_eq!(positions.start(range(0, 0, 4)), gone, "created again");
        assert_eq!(positions.start(range(1, 0, 4)), Start::New(0), "added");
    }

    #[test]
    fn a_caller_finds_its_positions_and_nobody_else_does() {
        let all = CallerPositions::default();
        let first = all.of(&subscription("a", 1, "replies"));
        lock(&first).chosen = Some(3);
        let again = all.of(&subscription("a", 1, "replies"));
        assert_eq!(lock(&again).chosen, Some(3));
        for other in [
            subscription("b", 1, "replies"),
            subscription("a", 2, "replies"),
            subscription("a", 1, "others"),
        ] {
            assert_eq!(lock(&all.of(&other)).chosen, None, "{other:?}");
        }
    }

    #[test]
    fn the_callers_that_are_kept_are_bounded() {
        let all = CallerPositions::default();
        let of = |instance| all.of(&subscription("a", instance, "replies"));
        for instance in 0..=MAX_CALLERS as u64 {
            lock(&of(instance)).chosen = Some(1);
            // In use.
            lock(&of(1)).chosen = Some(1);
        }
        assert_eq!(lock(&all.0).len(), MAX_CALLERS);
        assert_eq!(lock(&of(1)).chosen, Some(1));
        assert_eq!(lock(&of(0)).chosen, None, "it was forgotten");
    }
}
