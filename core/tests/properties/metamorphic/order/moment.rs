//! Moments of a story at which something may happen in either order.

use std::time::Instant;

use livebus_core::{OpId, Supervisor};
use proptest::sample::Index;

use crate::ledger::answered;
use crate::retelling::{drained, tell, without_code};
use crate::script::Script;
use crate::world::{Input, ORIGIN, World, operation};

/// A drained supervisor in the middle of a story, and what its runner has not answered.
pub(super) struct Moment {
    pub(super) supervisor: Supervisor,
    pub(super) now: Instant,
    pub(super) open: Vec<OpId>,
    pub(super) done: Vec<OpId>,
}

impl Moment {
    /// The open registrations.
    pub(super) fn registrations(&self) -> impl Iterator<Item = OpId> {
        let open = self.open.iter().copied();
        open.filter(|id| matches!(id, OpId::Registration(_)))
    }

    /// The newest open liveness message.
    pub(super) fn liveness_message(&self) -> Option<OpId> {
        let mut newest_first = self.open.iter().rev().copied();
        newest_first.find(|id| matches!(id, OpId::Liveness(_)))
    }
}

/// A moment of this story that suits, if there is one; codes are left out.
pub(super) fn moment(
    script: &Script,
    which: Index,
    suits: impl Fn(&Moment) -> bool,
) -> Option<Moment> {
    let mut supervisor = Supervisor::new(script.config.clone(), *ORIGIN);
    let (mut open, mut done) = (Vec::new(), Vec::new());
    let mut moments = Vec::new();
    for entry in &World::run(script).log {
        let input = match entry.input {
            Input::Created | Input::Timeout => entry.input,
            Input::Event(event) => Input::Event(without_code(event)),
        };
        tell(&mut supervisor, entry.told, input);
        if let Some((answered, _)) = entry.event().and_then(answered) {
            done.extend(open.extract_if(.., |id| *id == answered));
        }
        let begun = drained(&mut supervisor);
        open.extend(begun.iter().filter_map(operation).map(|(id, ..)| id));
        let moment = Moment {
            supervisor: supervisor.clone(),
            now: entry.clock,
            open: open.clone(),
            done: done.clone(),
        };
        if suits(&moment) {
            moments.push(moment);
        }
    }
    (!moments.is_empty()).then(|| moments.swap_remove(which.index(moments.len())))
}
