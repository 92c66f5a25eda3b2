//! What the group knows of an assignment, and what it is to know.

use std::time::{Duration, Instant};

use crate::dispatch::action::Position;
use crate::dispatch::held_back::HeldBack;
use crate::dispatch::partition::{Acknowledged, Covered, Partition, Phase};
use crate::dispatch::settings::Delivery;
use crate::dispatch::window::Seq;

impl Partition {
    /// Returns whether there is something to commit.
    pub(crate) fn is_dirty(&self, delivery: Delivery) -> bool {
        match delivery {
            Delivery::Group => {
                self.acknowledged.position != Some(self.window.position())
                    || self.acknowledged.verdicts != self.window.verdicts()
            }
            Delivery::Broadcast => false,
        }
    }

    /// Returns when its position may be committed, if there is something to commit: `interval_end` is the end of the interval since the last
    /// commit. That instant may be over.
    pub(crate) fn commit_at(&self, delivery: Delivery, interval_end: Instant) -> Option<Instant> {
        self.is_dirty(delivery).then(|| {
            self.held_back
                .map_or(interval_end, |held| held.until.max(interval_end))
        })
    }

    /// Returns whether a commit should not wait for the next interval: it is the last one; or, unless the one before failed, the group has no
    /// position yet, or half of the records that may be unacknowledged are.
    pub(crate) fn is_commit_urgent(&self, delivery: Delivery, max: u32) -> bool {
        let half = u64::from(max.div_ceil(2));
        let is_much = self.acknowledged.position.is_none()
            || self.window.verdicts() - self.acknowledged.verdicts >= half;
        self.awaits_last_commit(delivery)
            || self.held_back.is_none() && is_much && self.is_dirty(delivery)
    }

    /// Returns whether the next commit has its position.
    pub(crate) fn is_in_next_commit(&self, delivery: Delivery, now: Instant) -> bool {
        let is_held_back = self.held_back.is_some_and(|held| held.until > now);
        self.awaits_last_commit(delivery) || self.is_dirty(delivery) && !is_held_back
    }

    /// Returns what to commit, and what that covers.
    pub(crate) fn commit(&mut self) -> (Position, Covered) {
        match &mut self.phase {
            Phase::Committing { is_tried } => *is_tried = true,
            Phase::Assigned | Phase::Draining { .. } => {}
        }
        let position = Position {
            partition: self.id,
            generation: self.generation,
            offset: self.window.position(),
            done: self.window.done_above_position(),
        };
        let covered = Covered {
            partition: self.id,
            generation: self.generation,
            position: self.window.position(),
            seq: self.window.first(),
            verdicts: self.window.verdicts(),
        };
        (position, covered)
    }

    /// Takes the acknowledgement of a commit.
    pub(crate) fn on_committed(&mut self, covered: Covered) {
        self.acknowledged = Acknowledged {
            position: Some(covered.position),
            seq: covered.seq,
            verdicts: covered.verdicts,
        };
        self.held_back = None;
    }

    /// Takes that a commit of its position failed.
    pub(crate) fn on_commit_failed(&mut self, now: Instant, interval: Duration) {
        self.held_back = Some(HeldBack::after(self.held_back, now, interval));
    }

    pub(super) fn acknowledged_seq(&self, delivery: Delivery) -> Seq {
        match delivery {
            Delivery::Group => self.acknowledged.seq,
            Delivery::Broadcast => self.window.first(),
        }
    }
}
