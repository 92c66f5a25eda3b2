//! Moments of a story at which something may happen in either order.

use std::mem::discriminant;
use std::time::Instant;

use livebus_core::{Event, OpId, Supervisor};
use proptest::sample::Index;

use crate::retelling::{drained, tell, without_code};
use crate::script::Script;
use crate::world::{Input, Kind, ORIGIN, World, answer, operation};

/// A drained supervisor in the middle of a story, and what its runner has not answered.
pub(super) struct Moment {
    pub(super) supervisor: Supervisor,
    pub(super) now: Instant,
    pub(super) open: Vec<(OpId, Kind)>,
    pub(super) done: Vec<(OpId, Kind)>,
}

impl Moment {
    /// The newest open operation of a kind.
    pub(super) fn newest(&self, is: impl Fn(Kind) -> bool) -> Option<(OpId, Kind)> {
        self.open.iter().rfind(|(_, kind)| is(*kind)).copied()
    }

    pub(super) fn registrations(&self) -> impl Iterator<Item = (OpId, Kind)> {
        let registrations = self.open.iter().filter(|op| is_registration(op.1));
        registrations.copied()
    }

    pub(super) fn liveness_message(&self) -> Option<(OpId, Kind)> {
        self.newest(|kind| kind == Kind::Liveness)
    }
}

fn is_registration(kind: Kind) -> bool {
    matches!(kind, Kind::Registration(_))
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
        if let Some(event) = entry.event() {
            done.extend(open.extract_if(.., |op| answers(event, *op)));
        }
        let begun = drained(&mut supervisor);
        open.extend(
            begun
                .iter()
                .filter_map(operation)
                .map(|(id, kind, _)| (id, kind)),
        );
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

/// Whether it is the answer to this operation, and of its kind.
fn answers(event: Event, (operation, kind): (OpId, Kind)) -> bool {
    let of_its_kind = discriminant(&event) == discriminant(&answer(operation, kind, Ok(())));
    of_its_kind
        && match event {
            Event::StartAnswered { id, .. }
            | Event::LivenessAnswered { id, .. }
            | Event::RegistrationAnswered { id, .. }
            | Event::StopAnswered { id, .. } => id == operation,
            Event::Live { .. }
            | Event::Suspicion(_)
            | Event::ClientLost { .. }
            | Event::Shutdown => false,
        }
}
