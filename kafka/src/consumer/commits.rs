//! Commits, one at a time. Decides without IO and without a clock.

use std::time::Instant;

use livebus_core::Failure;
use livebus_core::dispatch::{CommitId, PartitionId};

/// Whether the group has the position of each partition.
pub(crate) type PositionResults = Vec<(PartitionId, Result<(), Failure>)>;

/// Returns the same result for all partitions.
pub(crate) fn all(partitions: Vec<PartitionId>, result: Result<(), Failure>) -> PositionResults {
    let partitions = partitions.into_iter();
    partitions.map(|partition| (partition, result)).collect()
}

/// The commit in flight, and the one that waits for it.
///
/// librdkafka gives up a commit only after the timeout of the session. The dispatcher has an answer at its deadline: that each position
/// failed. The call goes on, and the next one waits until it is over. What its answer acknowledges then is not reported: a position that the
/// group has counts as one that it does not have, until a later commit is acknowledged, and never the other way round.
#[derive(Debug)]
pub(crate) struct Commits<P> {
    in_flight: Option<InFlight>,
    queued: Option<Queued<P>>,
}

#[derive(Debug)]
struct InFlight {
    commit: Commit,
    is_answered: bool,
}

#[derive(Debug)]
struct Queued<P> {
    commit: Commit,
    call: P,
}

/// A commit, without its positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: CommitId,
    pub(crate) partitions: Vec<PartitionId>,
    pub(crate) deadline: Instant,
}

impl<P> Commits<P> {
    pub(crate) const fn new() -> Self {
        Self {
            in_flight: None,
            queued: None,
        }
    }

    /// Takes a commit. Returns its call if it is to be made now.
    pub(crate) fn begin(&mut self, commit: Commit, call: P) -> Option<P> {
        if self.in_flight.is_some() {
            self.queued = Some(Queued { commit, call });
            return None;
        }
        self.in_flight = Some(InFlight {
            commit,
            is_answered: false,
        });
        Some(call)
    }

    /// Takes that the call in flight is over. Returns the commit that is answered by it, unless it was answered at its deadline, and the
    /// next call.
    pub(crate) fn on_over(&mut self) -> (Option<CommitId>, Option<P>) {
        let over = self.in_flight.take();
        let answered = over.filter(|it| !it.is_answered).map(|it| it.commit.id);
        let next = self.queued.take();
        let next = next.and_then(|it| self.begin(it.commit, it.call));
        (answered, next)
    }

    /// Returns a commit whose deadline has passed. Each is returned once.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Commit> {
        if let Some(queued) = self.queued.take_if(|it| it.commit.deadline <= now) {
            return Some(queued.commit);
        }
        let in_flight = self.in_flight.as_mut()?;
        if in_flight.is_answered || in_flight.commit.deadline > now {
            return None;
        }
        in_flight.is_answered = true;
        Some(in_flight.commit.clone())
    }

    /// Returns when the next deadline passes.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let in_flight = self.in_flight.as_ref().filter(|it| !it.is_answered);
        let queued = self.queued.as_ref().map(|it| it.commit.deadline);
        in_flight
            .map(|it| it.commit.deadline)
            .into_iter()
            .chain(queued)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn id(number: u64) -> CommitId {
        CommitId::from_number(number)
    }

    fn commit(number: u64, deadline: Instant) -> Commit {
        Commit {
            id: id(number),
            partitions: vec![PartitionId(7)],
            deadline,
        }
    }

    #[test]
    fn a_commit_is_answered_by_its_call() {
        let now = Instant::now();
        let mut commits = Commits::new();
        let deadline = now + Duration::from_secs(1);
        assert_eq!(commits.begin(commit(1, deadline), "a"), Some("a"));
        assert_eq!(commits.next_deadline(), Some(deadline));
        assert_eq!(commits.expire(now), None);
        assert_eq!(commits.on_over(), (Some(id(1)), None));
        assert_eq!(commits.next_deadline(), None);
    }

    #[test]
    fn a_call_that_hangs_is_answered_at_the_deadline_and_holds_the_next_one() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut commits = Commits::new();
        assert_eq!(commits.begin(commit(1, at(1)), "a"), Some("a"));
        assert_eq!(commits.expire(at(1)), Some(commit(1, at(1))));
        assert_eq!(commits.expire(at(1)), None);
        assert_eq!(commits.begin(commit(2, at(3)), "b"), None);
        assert_eq!(commits.next_deadline(), Some(at(3)));
        assert_eq!(commits.on_over(), (None, Some("b")));
        assert_eq!(commits.on_over(), (Some(id(2)), None));
    }

    #[test]
    fn a_commit_that_never_began_is_answered_at_its_deadline() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut commits = Commits::new();
        commits.begin(commit(1, at(1)), "a");
        commits.expire(at(1));
        commits.begin(commit(2, at(3)), "b");
        assert_eq!(commits.expire(at(3)), Some(commit(2, at(3))));
        assert_eq!(commits.on_over(), (None, None));
    }
}
