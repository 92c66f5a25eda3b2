//! The model, with the methods of `livebus_core::Supervisor`.

use std::time::Instant;

use livebus_core::{Action, Config, Event, Phase, Report};

use super::record::Record;
use super::rows::{ROWS, TABLE};
use super::time::Epoch;

/// The reference model: a second supervisor.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(super) record: Record,
    /// How often each row was used.
    pub(super) used: [u32; ROWS],
}

impl Reference {
    /// Creates a model at `now`. `epoch` must not be later than any instant that it receives.
    pub(crate) fn new(config: &Config, epoch: Instant, now: Instant) -> Self {
        let epoch = Epoch(epoch);
        let mut made = Self {
            record: Record::new(config, epoch, epoch.ns(now)),
            used: [0; ROWS],
        };
        made.begin();
        made
    }

    pub(crate) fn handle_event(&mut self, now: Instant, event: Event) {
        self.handle(self.record.epoch.ns(now), event);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance_to(self.record.epoch.ns(now));
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.record.queue.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let it = &self.record;
        if !it.queue.is_empty() {
            return Some(it.epoch.instant(it.now));
        }
        it.next_due().map(|due| it.epoch.instant(due))
    }

    pub(crate) fn report(&self) -> Report {
        self.record.report
    }

    pub(crate) fn phase(&self) -> Phase {
        self.record.phase
    }

    pub(crate) fn wants_evidence(&self) -> bool {
        self.record.phase == Phase::NotLive && !self.record.proved
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.record.phase == Phase::Stopped
    }

    pub(crate) fn stale_answers(&self) -> u64 {
        self.record.stale
    }

    pub(crate) fn rows_used(&self) -> &[u32] {
        &self.used
    }

    /// Returns a one-line description of a row.
    pub(crate) fn row_name(i: usize) -> String {
        let row = &TABLE[i];
        format!(
            "rule {}, {:?} in {:?} when {:?}",
            row.rule, row.stimulus, row.phases, row.when
        )
    }
}
