//! Searches for a fault with one checker alone, within limits.
//!
//! Only a false claim counts as detected. A panic does not, nor do more states than there should be.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use livebus_core::fault::{self, Fault};
use livebus_verify_faulty::explore::always_leads_to::always_leads_to;
use livebus_verify_faulty::explore::explorer::explore;
use livebus_verify_faulty::explore::small_configurations;
use livebus_verify_faulty::simulation::{EVENTS_PER_SEED, Violation, simulate};

/// The result of one checker.
#[derive(Debug)]
pub(crate) struct Found {
    /// The claim that is false, if any: its number and its sentence.
    pub(crate) claim: Option<String>,
    /// The number of states or events until then.
    pub(crate) after: usize,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let claim = self.claim.as_deref().unwrap_or("nothing");
        write!(f, "{claim} after {}", self.after)
    }
}

/// The maximum number of states. The small configurations have some thousands; one that a fault makes larger is given up.
const MAX_STATES: usize = 60_000;

/// Explores one small model configuration after another until a claim is false.
///
/// A false safety claim ends the search at once; the other claims are checked on the whole graph of a configuration.
pub(crate) fn by_explorer(fault: Option<&Fault>) -> Found {
    let mut after = 0;
    for configuration in small_configurations() {
        let ended = catch_unwind(AssertUnwindSafe(|| {
            fault::with(fault, || {
                explore(&configuration, MAX_STATES).map(|explored| {
                    let claim = match explored.broken {
                        Some((_, claim)) => Some(claim.to_string()),
                        None => always_leads_to(&configuration, &explored)
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

/// The number of seeds after which a fault counts as not detected. The fault that is hardest to detect shows in one of 600 seeds.
const MAX_SEEDS: u64 = 5_000;

/// Simulates one seed after another until something is false.
pub(crate) fn by_simulation(fault: Option<&Fault>) -> Found {
    let mut after = 0;
    for seed in 0..MAX_SEEDS {
        match fault::with(fault, || simulate(seed, EVENTS_PER_SEED)) {
            Ok(summary) => after += count(summary.events),
            Err(failure) => {
                after += count(failure.events);
                if is_a_claim(failure.violation) {
                    let claim = Some(failure.violation.to_string());
                    return Found { claim, after };
                }
            }
        }
    }
    Found { claim: None, after }
}

fn is_a_claim(violation: Violation) -> bool {
    !matches!(
        violation,
        Violation::Panicked | Violation::NotReproducible | Violation::ConfigRejected
    )
}

fn count(events: u64) -> usize {
    usize::try_from(events).expect("the number of events fits into usize")
}
