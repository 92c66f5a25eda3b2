//! The canonical form: what a supervisor will do from here on, without what cannot matter to it.
//!
//! Time goes on, ids are never used twice and counters count, so no state ever comes back. Yet the next operation is the same whatever
//! its id, a deadline is as far away whatever the clock says, and what happened long ago decides nothing. Model checkers compare
//! canonical forms, so that they find an end.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::config::Config;
use crate::ids::{OpId, OperationId};

/// One supervisor, seen from its newest instant.
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) now: Instant,
    pub(crate) epoch: Instant,
    /// The operations that have the ids 1, 2, 3 here.
    pub(crate) ids: Vec<OpId>,
}

impl<'a> View<'a> {
    pub(crate) const fn new(config: &'a Config, now: Instant, epoch: Instant) -> Self {
        Self {
            config,
            now,
            epoch,
            ids: Vec::new(),
        }
    }

    /// When the newest liveness message was sent: while it is in flight evidence is compared with it, after that only the
    /// distance to the next one counts from it.
    pub(crate) fn sent(&self, sent: Instant, in_flight: bool) -> Instant {
        let settings = self.config.settings();
        let distance = settings.suspicion_spacing.max(settings.not_live_interval);
        self.at(if in_flight {
            sent
        } else {
            self.forget(sent, distance)
        })
    }

    /// Returns `at`, or the instant `age` ago if that is later.
    pub(crate) fn forget(&self, at: Instant, age: Duration) -> Instant {
        match self.now.checked_sub(age) {
            Some(long_ago) => at.max(long_ago),
            None => at,
        }
    }

    pub(crate) fn at(&self, at: Instant) -> Instant {
        let ago = self.now.saturating_duration_since(at);
        at.checked_duration_since(self.now).map_or_else(
            || self.epoch.checked_sub(ago).unwrap_or(self.epoch),
            |ahead| self.epoch + ahead,
        )
    }

    /// Returns the id that this operation has here.
    pub(crate) fn id<Id: OperationId + Into<OpId>>(&mut self, id: Id) -> Id {
        self.ids.push(id.into());
        Id::of(self.ids.len() as u64)
    }
}

/// The number of failures from which on the delay is at its maximum.
pub(crate) fn saturation(backoff: Backoff) -> u32 {
    (1..=32)
        .find(|failures| backoff.doubled(*failures) == backoff.doubled(u32::MAX))
        .unwrap_or(32)
}

pub(crate) fn saturated(attempt: u32, backoff: Backoff) -> u32 {
    attempt.min(saturation(backoff))
}
