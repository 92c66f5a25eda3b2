//! The decision of one round: by its acknowledgements, its failures and a count of the brokers that are alive.

use livebus_core::{Failure, FailureClass, FailureKind};

use crate::count::Finding;

/// What a round knows. An acknowledgement is not in it: the first one ends the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot {
    /// The records without an outcome.
    open: usize,
    worst: Option<Failure>,
    counted: Counted,
    /// Whether the round must be over before its deadline: what is known now decides.
    is_late: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Never,
    NotYet,
    Found(Finding),
}

impl Ballot {
    /// Begins a round of so many records, with a count of brokers under way or without one.
    pub(crate) const fn new(sent: usize, is_counted: bool) -> Self {
        Self {
            open: sent,
            worst: None,
            counted: if is_counted {
                Counted::NotYet
            } else {
                Counted::Never
            },
            is_late: false,
        }
    }

    /// Takes the failure of a record.
    pub(crate) fn failed(&mut self, failure: Failure) {
        self.open = self.open.saturating_sub(1);
        let is_worse = self.worst.is_none_or(|worst| rank(failure) > rank(worst));
        if is_worse {
            self.worst = Some(failure);
        }
    }

    /// Takes the last finding of the count; `None` if nobody could be asked.
    pub(crate) fn counted(&mut self, finding: Option<Finding>) {
        self.counted = finding.map_or(Counted::Never, Counted::Found);
    }

    pub(crate) fn late(&mut self) {
        self.is_late = true;
    }

    /// Returns the failure of the round; `None` while more may come.
    ///
    /// A leader that waits in vain for its replicas decides once it is known how many of these are alive. Records without an
    /// outcome decide nothing until it is late, and nothing at all if the count does not explain their silence.
    pub(crate) fn decision(&self) -> Option<Failure> {
        let finding = match self.counted {
            Counted::Found(finding) => Some(finding),
            Counted::Never | Counted::NotYet => None,
        };
        if finding.is_some_and(|finding| finding.too_few) {
            return Some(FailureClass::NotEnoughReplicas.into());
        }
        match self.worst {
            Some(worst) if worst.class == FailureClass::NotEnoughReplicas => Some(worst),
            Some(worst) if worst.class == FailureClass::ReplicasSilent => {
                (self.is_late || self.counted != Counted::NotYet).then_some(worst)
            }
            Some(worst) if self.open == 0 => Some(worst),
            Some(_) | None if self.is_late => finding?.explanation.map(Failure::new),
            Some(_) | None => None,
        }
    }
}

/// Returns how much a failure proves: one that cannot be accidental most, silence least.
fn rank(failure: Failure) -> u8 {
    match failure.class.kind() {
        _ if failure.class == FailureClass::NotEnoughReplicas => 5,
        FailureKind::Definitive => 4,
        FailureKind::Rejected => 3,
        FailureKind::Partial if failure.class == FailureClass::ReplicasSilent => 2,
        FailureKind::Partial => 1,
        FailureKind::Ambiguous => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Failure = Failure::with_code(FailureClass::ReplicasSilent, 7);
    const MOVED: Failure = Failure::with_code(FailureClass::NoLeader, 6);
    const TIMED_OUT: Failure = Failure::new(FailureClass::Timeout);

    fn finding(explanation: Option<FailureClass>, too_few: bool) -> Finding {
        Finding {
            is_answered: true,
            too_few,
            explanation,
        }
    }

    #[test]
    fn too_few_replicas_decide_at_once() {
        for code in [19, 20] {
            let mut ballot = Ballot::new(3, true);
            let refused = Failure::with_code(FailureClass::NotEnoughReplicas, code);
            ballot.failed(SILENT);
            ballot.failed(refused);
            assert_eq!(ballot.decision(), Some(refused));
        }
        let mut ballot = Ballot::new(3, true);
        ballot.counted(Some(finding(Some(FailureClass::ReplicasSilent), true)));
        let class = ballot.decision().map(|failure| failure.class);
        assert_eq!(class, Some(FailureClass::NotEnoughReplicas));
    }

    #[test]
    fn a_leader_that_waits_in_vain_decides_once_the_replicas_are_counted() {
        let mut ballot = Ballot::new(3, true);
        ballot.failed(SILENT);
        assert_eq!(ballot.decision(), None);
        ballot.counted(Some(finding(Some(FailureClass::ReplicasSilent), false)));
        assert_eq!(ballot.decision(), Some(SILENT));

        let mut late = Ballot::new(3, true);
        late.failed(SILENT);
        late.late();
        assert_eq!(late.decision(), Some(SILENT));

        let mut not_counted = Ballot::new(3, false);
        not_counted.failed(SILENT);
        assert_eq!(not_counted.decision(), Some(SILENT));
    }

    #[test]
    fn other_failures_decide_when_all_records_have_failed() {
        let mut ballot = Ballot::new(2, true);
        ballot.failed(MOVED);
        assert_eq!(ballot.decision(), None);
        ballot.failed(TIMED_OUT);
        assert_eq!(ballot.decision(), Some(MOVED));
    }

    #[test]
    fn silence_is_explained_by_the_count_when_it_is_late() {
        for class in [FailureClass::ReplicasSilent, FailureClass::NoLeader] {
            let mut ballot = Ballot::new(2, true);
            ballot.failed(TIMED_OUT);
            ballot.counted(Some(finding(Some(class), false)));
            assert_eq!(ballot.decision(), None);
            ballot.late();
            assert_eq!(ballot.decision(), Some(class.into()));
        }
    }

    #[test]
    fn silence_that_nothing_explains_lasts_until_the_deadline() {
        let mut ballot = Ballot::new(2, true);
        ballot.late();
        assert_eq!(ballot.decision(), None);
        ballot.counted(Some(finding(None, false)));
        assert_eq!(ballot.decision(), None);
    }

    #[test]
    fn the_failure_that_proves_most_decides() {
        let rejected = Failure::with_code(FailureClass::Authorization, 29);
        for failures in [[TIMED_OUT, MOVED, rejected], [rejected, MOVED, TIMED_OUT]] {
            let mut ballot = Ballot::new(3, false);
            for failure in failures {
                ballot.failed(failure);
            }
            assert_eq!(ballot.decision(), Some(rejected));
        }
    }

    #[test]
    fn of_failures_that_prove_the_same_the_first_decides() {
        let other = Failure::with_code(FailureClass::NoLeader, 5);
        let mut ballot = Ballot::new(2, false);
        ballot.failed(MOVED);
        ballot.failed(other);
        assert_eq!(ballot.decision(), Some(MOVED));
    }

    #[test]
    fn too_few_replicas_prove_more_than_any_other_definitive_failure() {
        let refused = Failure::with_code(FailureClass::NotEnoughReplicas, 19);
        let mut ballot = Ballot::new(3, false);
        ballot.failed(FailureClass::Authentication.into());
        ballot.failed(refused);
        assert_eq!(ballot.decision(), Some(refused));
    }

    #[test]
    fn a_leader_that_waits_for_its_replicas_proves_more_than_a_missing_one() {
        for failures in [[MOVED, SILENT], [SILENT, MOVED]] {
            let mut ballot = Ballot::new(3, false);
            for failure in failures {
                ballot.failed(failure);
            }
            assert_eq!(ballot.decision(), Some(SILENT));
        }
    }
}
