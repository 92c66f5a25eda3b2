//! Points of a run at which two events may come in either order.

use std::time::Instant;

use livebus_core::{OpId, Supervisor};
use proptest::sample::Index;

use crate::operation_records::answered;
use crate::replay::{deliver, poll_all, without_code};
use crate::script::Script;
use crate::simulation::{Input, ORIGIN, Simulation, operation};

/// A supervisor after a part of a script, with everything polled, and the operations that its runner knows.
pub(super) struct Checkpoint {
    pub(super) supervisor: Supervisor,
    pub(super) now: Instant,
    pub(super) open: Vec<OpId>,
    pub(super) done: Vec<OpId>,
}

impl Checkpoint {
    /// Returns the registrations in flight.
    pub(super) fn registrations(&self) -> impl Iterator<Item = OpId> {
        let open = self.open.iter().copied();
        open.filter(|id| matches!(id, OpId::Registration(_)))
    }

    /// Returns the newest liveness message in flight.
    pub(super) fn liveness_message(&self) -> Option<OpId> {
        let mut newest_first = self.open.iter().rev().copied();
        newest_first.find(|id| matches!(id, OpId::Liveness(_)))
    }
}

/// Returns a checkpoint of this script that `suits`, if there is one. Codes are left out.
pub(super) fn checkpoint(
    script: &Script,
    which: Index,
    suits: impl Fn(&Checkpoint) -> bool,
) -> Option<Checkpoint> {
    let mut supervisor = Supervisor::new(script.config.clone(), *ORIGIN);
    let (mut open, mut done) = (Vec::new(), Vec::new());
    let mut checkpoints = Vec::new();
    for entry in &Simulation::run(script).log {
        let input = match entry.input {
            Input::Created | Input::Timeout => entry.input,
            Input::Event(event) => Input::Event(without_code(event)),
        };
        deliver(&mut supervisor, entry.called_at, input);
        if let Some((answered, _)) = entry.event().and_then(answered) {
            done.extend(open.extract_if(.., |id| *id == answered));
        }
        let begun = poll_all(&mut supervisor);
        open.extend(begun.iter().filter_map(operation).map(|(id, ..)| id));
        let checkpoint = Checkpoint {
            supervisor: supervisor.clone(),
            now: entry.clock,
            open: open.clone(),
            done: done.clone(),
        };
        if suits(&checkpoint) {
            checkpoints.push(checkpoint);
        }
    }
    (!checkpoints.is_empty()).then(|| checkpoints.swap_remove(which.index(checkpoints.len())))
}
