//! Simulates many seeds on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{EVENTS_PER_SEED, SeedFailure, Summary, simulate};

/// The seeds to simulate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seeds {
    /// This many.
    Count(u64),
    /// As many as it takes for this many events.
    Events(u64),
    /// All, until one fails.
    Forever,
}

/// Simulates the seeds from `from` on. Calls `progress` with the number of events so far.
///
/// # Errors
///
/// The failure of the smallest seed among those that failed first.
pub fn simulate_many(
    from: u64,
    seeds: Seeds,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Summary, Box<SeedFailure>> {
    let next = AtomicU64::new(from);
    let events = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let sum = Mutex::new((Summary::default(), None::<Box<SeedFailure>>));
    let work = || {
        let mut own = Summary::default();
        let mut failure = None;
        while !failed.load(Ordering::Relaxed) {
            let so_far = events.load(Ordering::Relaxed);
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = match seeds {
                Seeds::Count(count) => seed.wrapping_sub(from) >= count,
                Seeds::Events(max) => so_far >= max,
                Seeds::Forever => false,
            };
            if enough {
                break;
            }
            match simulate(seed, EVENTS_PER_SEED) {
                Ok(summary) => {
                    events.fetch_add(summary.events, Ordering::Relaxed);
                    own.add(&summary);
                    progress(so_far + summary.events);
                }
                Err(it) => {
                    failed.store(true, Ordering::Relaxed);
                    failure = Some(Box::new(it));
                }
            }
        }
        if let Ok(mut sum) = sum.lock() {
            sum.0.add(&own);
            let seed = |it: Option<&SeedFailure>| it.map_or(u64::MAX, |it| it.seed);
            if seed(failure.as_deref()) < seed(sum.1.as_deref()) {
                sum.1 = failure;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let (summary, failure) = sum.into_inner().unwrap_or_default();
    failure.map_or(Ok(summary), Err)
}
