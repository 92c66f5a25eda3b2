//! The rebalances that were reported and not answered. Decides without IO and without a clock.

use std::collections::{BTreeSet, VecDeque};

use crate::consumer::context::{Rebalance, TopicPartition};

/// Answers rebalances one after the other. librdkafka waits for each answer, except when partitions are lost.
#[derive(Debug, Default)]
pub(crate) struct Rebalancing {
    queue: VecDeque<Rebalance>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// It is asked where these partitions begin.
    Reading(Vec<TopicPartition>),
    /// The dispatcher lets these partitions go.
    Releasing {
        all: Vec<TopicPartition>,
        left: BTreeSet<TopicPartition>,
    },
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Ask where these partitions begin.
    Reading(Vec<TopicPartition>),
    /// Let the dispatcher release these partitions.
    Revoking(Vec<TopicPartition>),
    /// These partitions are gone; unassign them now.
    Lost(Vec<TopicPartition>),
    /// Assign these partitions at these offsets.
    Assign(Vec<(TopicPartition, i64)>),
    /// Unassign these partitions.
    Unassign(Vec<TopicPartition>),
}

impl Rebalancing {
    pub(crate) fn extend(&mut self, rebalances: Vec<Rebalance>) {
        self.queue.extend(rebalances);
    }

    /// New partitions of a broadcast, which has no group that would report them.
    pub(crate) fn assign_broadcast(&mut self, partitions: Vec<TopicPartition>) {
        self.queue.push_back(Rebalance::Assign(partitions));
    }

    /// Returns whether none waits for an answer.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.queue.is_empty()
    }

    /// Returns whether [`next`](Self::next) has something.
    pub(crate) fn has_more(&self) -> bool {
        match self.state {
            State::Idle => !self.queue.is_empty(),
            State::Reading(_) | State::Releasing { .. } => false,
        }
    }

    /// Returns the next step.
    pub(crate) fn next(&mut self) -> Option<Answered> {
        match &mut self.state {
            State::Idle => {}
            // What is reported now makes the assignment void.
            State::Reading(partitions) if !self.queue.is_empty() => {
                let given_up = std::mem::take(partitions);
                self.state = State::Idle;
                return Some(Answered::Assign(nowhere(given_up)));
            }
            // They are lost while they were to be released.
            State::Releasing { all, .. }
                if matches!(
                    self.queue.front(),
                    Some(Rebalance::Revoke { are_lost: true, .. })
                ) =>
            {
                let all = std::mem::take(all);
                self.state = State::Idle;
                return Some(Answered::Lost(all));
            }
            State::Reading(_) | State::Releasing { .. } => return None,
        }
        match self.queue.pop_front()? {
            Rebalance::Assign(partitions) => {
                self.state = State::Reading(partitions.clone());
                Some(Answered::Reading(partitions))
            }
            Rebalance::Revoke {
                partitions,
                are_lost: true,
            } => Some(Answered::Lost(partitions)),
            Rebalance::Revoke {
                partitions,
                are_lost: false,
            } if partitions.is_empty() => Some(Answered::Unassign(partitions)),
            Rebalance::Revoke {
                partitions,
                are_lost: false,
            } => {
                self.state = State::Releasing {
                    all: partitions.clone(),
                    left: partitions.iter().cloned().collect(),
                };
                Some(Answered::Revoking(partitions))
            }
        }
    }

    /// Returns the partitions of which it is asked where they begin.
    pub(crate) fn reading(&self) -> Option<Vec<TopicPartition>> {
        match &self.state {
            State::Reading(partitions) => Some(partitions.clone()),
            State::Idle | State::Releasing { .. } => None,
        }
    }

    /// Takes that it is known where the partitions begin.
    pub(crate) fn on_read(&mut self) {
        if let State::Reading(_) = self.state {
            self.state = State::Idle;
        }
    }

    /// Takes that a partition was let go. Returns the answer once all were.
    pub(crate) fn on_released(&mut self, of: &TopicPartition) -> Option<Answered> {
        let State::Releasing { all, left } = &mut self.state else {
            return None;
        };
        left.remove(of);
        if !left.is_empty() {
            return None;
        }
        let all = std::mem::take(all);
        self.state = State::Idle;
        Some(Answered::Unassign(all))
    }

    /// Answers everything that was reported, for a consumer that closes.
    pub(crate) fn close(&mut self) -> Vec<Answered> {
        let in_progress = match std::mem::take(&mut self.state) {
            State::Idle => None,
            State::Reading(partitions) => Some(Answered::Assign(nowhere(partitions))),
            State::Releasing { all, .. } => Some(Answered::Unassign(all)),
        };
        let queued = self.queue.drain(..).map(|rebalance| match rebalance {
            Rebalance::Assign(partitions) => Answered::Assign(nowhere(partitions)),
            Rebalance::Revoke { partitions, .. } => Answered::Unassign(partitions),
        });
        in_progress.into_iter().chain(queued).collect()
    }
}

/// At an offset that does not matter: they are unassigned before any record is taken.
fn nowhere(partitions: Vec<TopicPartition>) -> Vec<(TopicPartition, i64)> {
    partitions.into_iter().map(|of| (of, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(numbers: &[i32]) -> Vec<TopicPartition> {
        numbers.iter().map(|&it| ("a".to_owned(), it)).collect()
    }

    fn revoke(numbers: &[i32], are_lost: bool) -> Rebalance {
        Rebalance::Revoke {
            partitions: partitions(numbers),
            are_lost,
        }
    }

    #[test]
    fn an_assignment_is_answered_when_its_beginnings_are_known() {
        let mut it = Rebalancing::default();
        it.extend(vec![Rebalance::Assign(partitions(&[0, 1]))]);
        assert_eq!(it.next(), Some(Answered::Reading(partitions(&[0, 1]))));
        assert_eq!(it.next(), None);
        assert_eq!(it.reading(), Some(partitions(&[0, 1])));
        it.on_read();
        assert_eq!(it.reading(), None);
    }

    #[test]
    fn a_revocation_is_answered_when_all_partitions_were_let_go() {
        let mut it = Rebalancing::default();
        it.extend(vec![revoke(&[0, 1], false)]);
        assert_eq!(it.next(), Some(Answered::Revoking(partitions(&[0, 1]))));
        assert_eq!(it.on_released(&("a".to_owned(), 0)), None);
        assert_eq!(it.on_released(&("a".to_owned(), 7)), None);
        let answered = it.on_released(&("a".to_owned(), 1));
        assert_eq!(answered, Some(Answered::Unassign(partitions(&[0, 1]))));
    }

    #[test]
    fn lost_partitions_are_unassigned_at_once() {
        let mut it = Rebalancing::default();
        it.extend(vec![revoke(&[0], false)]);
        assert_eq!(it.next(), Some(Answered::Revoking(partitions(&[0]))));
        it.extend(vec![revoke(&[0, 1], true)]);
        assert_eq!(it.next(), Some(Answered::Lost(partitions(&[0]))));
        assert_eq!(it.next(), Some(Answered::Lost(partitions(&[0, 1]))));
        assert_eq!(it.next(), None);
    }

    #[test]
    fn an_assignment_that_is_void_is_given_up() {
        let mut it = Rebalancing::default();
        it.extend(vec![Rebalance::Assign(partitions(&[0]))]);
        assert!(it.next().is_some());
        it.extend(vec![revoke(&[0], true)]);
        assert_eq!(
            it.next(),
            Some(Answered::Assign(vec![(("a".to_owned(), 0), 0)]))
        );
        assert_eq!(it.reading(), None);
        assert_eq!(it.next(), Some(Answered::Lost(partitions(&[0]))));
    }

    #[test]
    fn closing_answers_everything() {
        let mut it = Rebalancing::default();
        it.extend(vec![
            revoke(&[0], false),
            Rebalance::Assign(partitions(&[1])),
        ]);
        assert!(it.next().is_some());
        let answers = it.close();
        assert_eq!(answers[0], Answered::Unassign(partitions(&[0])));
        assert_eq!(answers[1], Answered::Assign(vec![(("a".to_owned(), 1), 0)]));
        assert_eq!(it.next(), None);
    }
}
