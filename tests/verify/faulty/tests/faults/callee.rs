//! Checks that the explorer alone and the simulation alone detect each seeded fault of `Callee`.
//!
//! As for the supervisor, only a false claim counts as detected, and the table is in `docs/verification.md`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use livebus_core::fault::{self, FAULTS, Fault};
use livebus_verify_faulty::callee::explore::{explore, models};
use livebus_verify_faulty::callee::simulation::simulate;

use crate::parallel::search_each;
use crate::rows::{Found, Row, check};

/// Returns whether a fault is one of `Callee`, by its name.
pub(crate) fn is_of_callee(fault: &Fault) -> bool {
    fault.name.starts_with("callee-")
}

/// The most seeds after which a fault counts as not detected by the simulation.
const MAX_SEEDS: u64 = 1_000;

/// The most states of a model. One that a fault makes larger is given up.
const MAX_STATES: usize = 150_000;

#[test]
fn explorer_alone_and_simulation_alone_detect_every_fault_of_the_callee() {
    check(&search_all(), "callee faults");
}

fn search_all() -> Vec<Row> {
    let all = FAULTS.iter().filter(|fault| is_of_callee(fault));
    search_each(all, |fault| Row {
        fault,
        explorer: by_explorer(fault),
        simulation: by_simulation(fault),
    })
}

fn by_explorer(fault: &Fault) -> Found {
    let mut after = 0;
    for model in models() {
        let explored = catch_unwind(AssertUnwindSafe(|| {
            fault::with(Some(fault), || explore(&model, MAX_STATES))
        }));
        match explored {
            Ok(Ok(explored)) => {
                after += explored.states;
                if let Some((claim, _)) = explored.broken {
                    return (Some(claim.id()), after);
                }
            }
            Ok(Err(too_many)) => after += too_many,
            Err(_panicked) => {}
        }
    }
    (None, after)
}

fn by_simulation(fault: &Fault) -> Found {
    for seed in 0..MAX_SEEDS {
        let result = catch_unwind(AssertUnwindSafe(|| {
            fault::with(Some(fault), || simulate(seed))
        }));
        if let Ok(Err(failure)) = result {
            let seeds = usize::try_from(seed + 1).expect("a number of seeds fits into usize");
            return (Some(failure.claim.id()), seeds);
        }
    }
    (None, usize::try_from(MAX_SEEDS).expect("it fits"))
}
