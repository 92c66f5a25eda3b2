//! How a fault is hunted: by one machine alone, within limits.
//!
//! Only a false claim counts. A panic does not, nor more states than there should be.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use livebus_core::fault::{self, Fault};
use livebus_verify_faulty::explore::always_leads_to::always_leads_to;
use livebus_verify_faulty::explore::explorer::explore;
use livebus_verify_faulty::explore::universes;
use livebus_verify_faulty::simulation::{Broken, EVENTS_PER_SEED, simulate};

/// What a machine found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The claim that is false, if one is: its number and its sentence.
    pub(crate) claim: Option<String>,
    /// After so many states, or events.
    pub(crate) after: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = self.claim.as_deref().unwrap_or("nothing");
        write!(f, "{claim} after {}", self.after)
    }
}

/// A universe that a fault makes larger than this, of some thousands of states, is left for the next.
const MOST_STATES: usize = 60_000;

/// Explores one small universe after another until a claim is false.
///
/// A safety claim ends the search at once; the others are looked at when a universe is known as a whole.
pub(crate) fn by_the_model_checker(fault: Option<&Fault>) -> Found {
    let mut after = 0;
    for universe in universes() {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            fault::with(fault, || {
                explore(&universe, MOST_STATES).map(|explored| {
                    let claim = match explored.broken {
                        Some((_, claim)) => Some(claim.to_string()),
                        None => always_leads_to(&universe, &explored)
                            .broken
                            .first()
                            .map(|(claim, _)| (*claim).to_owned()),
                    };
                    (claim, explored.states.len())
                })
            })
        }));
        let (claim, states) = match ended {
            Ok(Ok(explored)) => explored,
            Ok(Err(too_many)) => (None, too_many),
            Err(_panicked) => (None, 0),
        };
        after += states;
        if claim.is_some() {
            return Found { claim, after };
        }
    }
    Found { claim: None, after }
}

/// How many seeds are played before a fault counts as not noticed: the one that hides best shows in one of 600.
const MOST_SEEDS: u64 = 5_000;

/// Plays one seed after another until something is false.
pub(crate) fn by_the_simulator(fault: Option<&Fault>) -> Found {
    let mut after = 0;
    for seed in 0..MOST_SEEDS {
        match fault::with(fault, || simulate(seed, EVENTS_PER_SEED)) {
            Ok(summary) => after += count(summary.events),
            Err(failure) => {
                after += count(failure.events);
                if is_a_claim(failure.broken) {
                    let claim = Some(failure.broken.to_string());
                    return Found { claim, after };
                }
            }
        }
    }
    Found { claim: None, after }
}

fn is_a_claim(broken: Broken) -> bool {
    !matches!(
        broken,
        Broken::Panicked | Broken::NotTheSame | Broken::ConfigRefused
    )
}

fn count(events: u64) -> usize {
    usize::try_from(events).expect("fewer events than there is memory")
}
