//! What can happen next in a state of a model.

use super::models::{Budget, Model, Planned};
use crate::callee::claim::{Claim, Coverage};
use crate::callee::environment::{Group, Progress, Record, Step};

/// A state: the partition and its owners, and what the environment may still do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    group: Group,
    left: Budget,
}

/// How many processes there are.
const OWNERS: usize = 2;

impl State {
    pub(super) fn first(model: &Model) -> Self {
        Self {
            group: Group::new(&model.config, OWNERS),
            left: model.budget,
        }
    }

    /// Adds the steps that are possible.
    pub(super) fn moves(&self, model: &Model, moves: &mut Vec<Step>) {
        let (group, left) = (&self.group, &self.left);
        let mut add = |is: bool, step: Step| moves.extend(is.then_some(step));
        if let Some(planned) = model.records.get(group.log.len()) {
            let record = match *planned {
                Planned::Request { call, key, ticks } => Record::Request {
                    call,
                    key,
                    time: model.tick * ticks,
                    written: group.now,
                },
                Planned::Cancel { call } => Record::Cancel { call },
            };
            add(true, Step::Write(record));
        }
        for (index, owner) in group.owners.iter().enumerate() {
            add(left.assignments > 0, Step::Assign(index));
            if !owner.is_assigned() {
                continue;
            }
            add(group.is_former(index), Step::Notice(index));
            add(left.crashes > 0, Step::Crash(index));
            add(group.can_fetch(index), Step::Fetch(index));
            add(group.can_commit(index), Step::Commit(index));
            let is_current = !group.is_former(index);
            let may_be_blind = is_current && left.blind_commits > 0 && group.can_commit(index);
            add(may_be_blind, Step::CommitBlindly(index));
            for (offset, progress) in owner.records() {
                match progress {
                    Progress::Held | Progress::Pending => add(true, Step::Begin(index, offset)),
                    Progress::Running => {
                        add(true, Step::Begin(index, offset));
                        add(true, Step::End(index, offset, true));
                        add(left.silent_ends > 0, Step::End(index, offset, false));
                    }
                    Progress::Done => {}
                }
            }
        }
        add(left.ticks > 0, Step::Pass(model.tick));
    }

    /// Returns the state after a step.
    pub(super) fn after(&self, step: Step, coverage: &mut Coverage) -> Result<Self, Claim> {
        let mut next = self.clone();
        let left = &mut next.left;
        match step {
            Step::Pass(_) => left.ticks -= 1,
            Step::Assign(_) => left.assignments -= 1,
            Step::Crash(_) => left.crashes -= 1,
            Step::CommitBlindly(_) => left.blind_commits -= 1,
            Step::End(_, _, false) => left.silent_ends -= 1,
            Step::Write(_)
            | Step::Notice(_)
            | Step::Fetch(_)
            | Step::Begin(..)
            | Step::End(_, _, true)
            | Step::Commit(_) => {}
        }
        next.group.step(step, coverage)?;
        next.group.make_canonical();
        Ok(next)
    }
}
