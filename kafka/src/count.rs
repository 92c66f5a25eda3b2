//! A count of the brokers that are alive, and what follows from it for records that wait for an acknowledgement.

use livebus_core::FailureClass;

use crate::leaders::Partition;

/// What an acknowledgement of a record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acks {
    /// The leader of the partition has the record.
    Leader,
    /// All replicas that are in sync have it, and they are enough.
    InSync,
}

/// The brokers that were asked, and those of them that answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) alive: Vec<i32>,
    pub(crate) silent: Vec<i32>,
}

/// What follows from one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Whether any broker answered.
    pub(crate) is_answered: bool,
    /// Whether every partition has fewer replicas on brokers that are alive than must be in sync.
    ///
    /// Counted are all replicas and not those that were in sync at the last look-up: which are in sync may have changed since then.
    pub(crate) too_few: bool,
    /// The partial failure that explains why no record is acknowledged; `None` if the count does not explain it.
    pub(crate) explanation: Option<FailureClass>,
}

impl Count {
    /// Returns what follows for records to `partitions`, of which `min_in_sync` replicas must be in sync if that is known.
    pub(crate) fn finding(
        &self,
        partitions: &[Partition],
        acks: Acks,
        min_in_sync: Option<usize>,
    ) -> Finding {
        let led = |partition: &&Partition| self.alive.contains(&partition.leader);
        let waits_for_replica =
            |partition: &Partition| partition.replicas.iter().any(|it| self.silent.contains(it));
        let is_led = partitions.iter().any(|partition| led(&partition));
        let explanation = match acks {
            _ if self.alive.is_empty() => None,
            _ if !is_led => Some(FailureClass::NoLeader),
            Acks::InSync if partitions.iter().filter(led).any(waits_for_replica) => {
                Some(FailureClass::ReplicasSilent)
            }
            Acks::InSync | Acks::Leader => None,
        };
        Finding {
            is_answered: !self.alive.is_empty(),
            too_few: acks == Acks::InSync
                && !self.alive.is_empty()
                && min_in_sync.is_some_and(|min| self.is_fewer(partitions, min)),
            explanation,
        }
    }

    /// A broker that was not asked counts as alive. No more replicas are required than a partition has.
    fn is_fewer(&self, partitions: &[Partition], min: usize) -> bool {
        let not_silent = |it: &&i32| !self.silent.contains(it);
        partitions.iter().all(|partition| {
            let alive = partition.replicas.iter().filter(not_silent).count();
            alive < min.min(partition.replicas.len())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(alive: &[i32], silent: &[i32]) -> Count {
        Count {
            alive: alive.to_vec(),
            silent: silent.to_vec(),
        }
    }

    /// A partition whose first replica leads.
    fn partition(replicas: &[i32]) -> Partition {
        Partition {
            id: 0,
            leader: replicas[0],
            replicas: replicas.to_vec(),
        }
    }

    fn finding(count: &Count, partitions: &[&[i32]], min_in_sync: Option<usize>) -> Finding {
        let partitions: Vec<_> = partitions.iter().map(|it| partition(it)).collect();
        count.finding(&partitions, Acks::InSync, min_in_sync)
    }

    const THREE: &[&[i32]] = &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];

    #[test]
    fn one_of_three_that_is_silent_is_waited_for() {
        let found = finding(&count(&[2, 3], &[1]), THREE, Some(2));
        assert_eq!(found.explanation, Some(FailureClass::ReplicasSilent));
        assert!(!found.too_few && found.is_answered);
    }

    #[test]
    fn two_of_three_that_are_silent_are_too_few_whatever_the_third_leads() {
        for partitions in [THREE, &[&[1, 2, 3], &[2, 1, 3]]] {
            assert!(finding(&count(&[3], &[1, 2]), partitions, Some(2)).too_few);
        }
        assert!(finding(&count(&[1], &[2]), &[&[1, 2]], Some(2)).too_few);
    }

    #[test]
    fn one_partition_with_enough_replicas_is_enough() {
        let partitions: &[&[i32]] = &[&[1, 2], &[2, 3], &[3, 1]];
        assert!(!finding(&count(&[2, 3], &[1]), partitions, Some(2)).too_few);
    }

    #[test]
    fn no_more_replicas_are_required_than_there_are() {
        let partitions: &[&[i32]] = &[&[1, 2]];
        assert!(!finding(&count(&[1, 2], &[]), partitions, Some(3)).too_few);
        assert!(finding(&count(&[1], &[2]), partitions, Some(3)).too_few);
    }

    #[test]
    fn without_the_minimum_or_for_the_leader_alone_none_are_too_few() {
        let survivor = count(&[3], &[1, 2]);
        assert!(!finding(&survivor, THREE, None).too_few);
        assert!(!finding(&survivor, THREE, Some(1)).too_few);
        let partitions = [partition(&[3, 1, 2])];
        let found = survivor.finding(&partitions, Acks::Leader, Some(2));
        assert!(!found.too_few);
        assert_eq!(found.explanation, None);
    }

    #[test]
    fn silent_leaders_are_missing_if_another_broker_is_alive() {
        let partitions = [partition(&[1])];
        for acks in [Acks::Leader, Acks::InSync] {
            let found = count(&[2], &[1]).finding(&partitions, acks, Some(1));
            assert_eq!(found.explanation, Some(FailureClass::NoLeader), "{acks:?}");
        }
    }

    #[test]
    fn if_all_are_silent_or_all_are_alive_the_count_explains_nothing() {
        let all_silent = finding(&count(&[], &[1, 2, 3]), THREE, Some(2));
        assert!(!all_silent.is_answered && !all_silent.too_few);
        assert_eq!(all_silent.explanation, None);
        let all_alive = finding(&count(&[1, 2, 3], &[]), THREE, Some(2));
        assert!(all_alive.is_answered && !all_alive.too_few);
        assert_eq!(all_alive.explanation, None);
    }

    #[test]
    fn a_broker_that_was_not_asked_counts_as_alive() {
        assert!(!finding(&count(&[1], &[2]), &[&[1, 2, 9]], Some(2)).too_few);
    }
}
