//! What a caller shows of its calls.

use std::sync::Mutex;

use livebus_core::calls::{Calls, Counters};
use livebus_readiness::CallerProgress;

use crate::lock::lock;

/// The newest progress of a caller, and the calls that ended without its loop.
#[derive(Debug, Default)]
pub(crate) struct ShownCalls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    progress: CallerProgress,
    /// Calls that were refused before the loop had them.
    refused: u64,
}

impl ShownCalls {
    /// Replaces what is shown of the loop.
    pub(crate) fn show(&self, progress: CallerProgress) {
        lock(&self.0).progress = progress;
    }

    /// Counts calls that were refused before the loop had them.
    pub(crate) fn count_refused(&self, calls: u64) {
        lock(&self.0).refused += calls;
    }

    /// Returns everything that is shown.
    pub(crate) fn progress(&self) -> CallerProgress {
        let state = lock(&self.0);
        let mut progress = state.progress.clone();
        progress.counters.called += state.refused;
        progress.counters.not_sent += state.refused;
        progress
    }
}

/// Returns the counters of calls of which those that are left have ended with `outcome`.
pub(super) fn ended(calls: &Calls, outcome: fn(&mut Counters) -> &mut u64) -> Counters {
    let mut counters = *calls.counters();
    let left = counters.called - counters.ended();
    *outcome(&mut counters) += left;
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_are_calls_that_were_not_sent() {
        let shown = ShownCalls::default();
        shown.count_refused(2);
        let mut progress = CallerProgress::default();
        progress.calls_in_flight = 1;
        (progress.counters.called, progress.counters.not_sent) = (5, 1);
        shown.show(progress);
        shown.count_refused(1);
        let progress = shown.progress();
        assert_eq!(progress.calls_in_flight, 1);
        assert_eq!(progress.counters.called, 8);
        assert_eq!(progress.counters.not_sent, 4);
    }
}
