//! What a person is shown of the work: what waits, what is done, and the lag.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::dispatch::Progress;
use livebus_readiness::{HandlerProgress, HeldRecord};

use super::HandlerLoop;
use crate::loops::SHOW_INTERVAL;

impl HandlerLoop {
    /// Shows the progress, unless it was shown a moment ago. Returns when to call this again; `None` when everything is shown.
    pub(super) fn show(&mut self, now: Instant) -> Option<Instant> {
        if let Some(next) = self.shown.next.filter(|next| now < *next) {
            return Some(next);
        }
        self.shown.next = Some(now + SHOW_INTERVAL);
        let progress = self.progress();
        self.registration.count(progress.counters);
        self.registration.show(Some(progress));
        None
    }

    /// Shows that the handler has ended.
    pub(super) fn end_progress(&self) {
        self.registration.reset();
        let counters = self.dispatcher.dispatcher().counters();
        self.registration.count(*counters);
        self.registration.show(None);
        self.registration.callee.keep();
    }

    fn progress(&self) -> HandlerProgress {
        let mut shown = HandlerProgress::default();
        let mut oldest: Option<(Progress, i64, Instant)> = None;
        let mut lag = Some(0);
        for progress in self.dispatcher.dispatcher().progress() {
            shown.partitions += 1;
            if let Some((offset, since)) = progress.oldest
                && oldest.is_none_or(|(_, _, other)| since < other)
            {
                oldest = Some((progress, offset, since));
            }
            let of_partition = self.shown.lag(progress);
            lag = lag.zip(of_partition).map(|(sum, (lag, _))| sum + lag);
            let learned = of_partition.map(|(_, at)| at);
            shown.lag_as_of = [shown.lag_as_of, learned].into_iter().flatten().min();
        }
        // Before it is registered it does not know its partitions.
        shown.lag = lag.filter(|_| self.registration.is_registered());
        shown.lag_as_of = shown.lag_as_of.filter(|_| shown.lag.is_some());
        shown.runs_in_flight = self.dispatcher.dispatcher().runs_in_flight();
        shown.records_held = self.dispatcher.dispatcher().records_held();
        shown.oldest_held = oldest.and_then(|(progress, offset, since)| {
            let at = self.names.get(&progress.partition)?;
            Some(HeldRecord {
                topic: Arc::clone(&at.topic),
                partition: at.number,
                offset,
                since,
            })
        });
        shown.counters = *self.dispatcher.dispatcher().counters();
        shown
    }
}
