//! The canonical form of a dispatcher: what it will do from here on, without what cannot matter to it. Model checkers compare these, so
//! that they find an end.
//!
//! Instants stay as they are, but for those that are over. Back-offs must not double, since attempts are counted only up to the last retry.

use std::time::{Duration, Instant};

use crate::backoff::Jitter;
use crate::dispatch::config::Config;
use crate::dispatch::counters::Counters;
use crate::dispatch::dispatcher::Dispatcher;
use crate::dispatch::event::RecordFailure;
use crate::dispatch::ids::{CommitId, DeadLetterId, RunId};
use crate::dispatch::partition::Step;

/// What the parts of a dispatcher need for it.
pub(crate) struct View<'a> {
    pub(crate) now: Instant,
    config: &'a Config,
}

impl View<'_> {
    /// Returns `at`, or the instant before which nothing stalls a record any later.
    pub(crate) fn forget(&self, at: Instant) -> Instant {
        let stall = self.config.settings().stall_timeout;
        self.now.checked_sub(stall).map_or(at, |past| at.max(past))
    }

    /// Returns the number of attempts from which on nothing changes.
    pub(crate) fn saturated(&self, attempts: u32) -> u32 {
        let all = [
            RecordFailure::Transient,
            RecordFailure::Permanent,
            RecordFailure::TimedOut,
            RecordFailure::Panicked,
        ];
        let retries = all
            .into_iter()
            .map(|class| self.config.policy(class).retries);
        attempts.min(retries.max().unwrap_or(0) + 1)
    }
}

impl Dispatcher {
    /// Takes the canonical form. Two dispatchers with equal ones behave the same, but for the numbers of their operations.
    pub fn make_canonical(&mut self) {
        let it = self;
        let config = it.config.clone();
        let view = View {
            now: it.now,
            config: &config,
        };
        it.usable_since = it.usable_since.map(|since| view.forget(since));
        it.jitter = Jitter::new(0);
        it.counters = Counters::default();
        for partition in it.partitions.values_mut() {
            partition.make_canonical(&view);
        }
        it.runs.make_canonical();
        it.commits.make_canonical(&view);
        let letters = std::mem::take(&mut it.dead_letters.in_flight);
        it.dead_letters.count = letters.len() as u64;
        it.dead_letters.in_flight = (1..)
            .map(DeadLetterId::from_number)
            .zip(letters.into_values())
            .collect();
    }
}

impl super::partition::Partition {
    fn make_canonical(&mut self, view: &View<'_>) {
        for failed in self.failed.values_mut() {
            failed.attempts = view.saturated(failed.attempts);
            match &mut failed.step {
                Step::WritingDeadLetter { failures } | Step::DeadLetterFailed { failures } => {
                    *failures = (*failures).min(1);
                }
                Step::Retry | Step::StoppedPartition => {}
            }
        }
        let (over, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.backoffs)
            .into_iter()
            .partition(|&(until, _)| until <= view.now);
        // Records retry in the order in which their back-offs ended.
        let ended = over.into_iter().rev().zip(0..).map(|((until, seq), rank)| {
            let before = view.now.checked_sub(Duration::from_nanos(rank));
            (before.unwrap_or(until), seq)
        });
        self.backoffs = ended.chain(rest).collect();
        if let Some(held) = &mut self.held_back {
            held.failures = held.failures.min(3);
            held.until = held.until.max(view.now);
        }
        self.window.make_canonical(view);
    }
}

impl super::window::Window {
    fn make_canonical(&mut self, view: &View<'_>) {
        for (_, arrived) in &mut self.arrivals {
            *arrived = view.forget(*arrived);
        }
    }
}

impl super::runs::Runs {
    fn make_canonical(&mut self) {
        let runs = std::mem::take(&mut self.in_flight);
        self.count = runs.len() as u64;
        self.in_flight = (1..)
            .map(RunId::from_number)
            .zip(runs.into_values())
            .collect();
    }
}

impl super::commits::Commits {
    fn make_canonical(&mut self, view: &View<'_>) {
        self.next_at = self.next_at.max(view.now);
        self.count = 1;
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.id = CommitId::from_number(1);
        }
    }
}
