//! Checks that the explorer alone and the simulation alone detect each seeded fault of `Calls`.
//!
//! As for the supervisor, only a false claim counts as detected, and the table is in `docs/verification.md`.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use livebus_core::fault::{self, FAULTS, Fault};
use livebus_verify_faulty::calls::explore::{explore, models};
use livebus_verify_faulty::calls::simulation::simulate;
use livebus_verify_faulty::explore::report::thousands;
use livebus_verify_faulty::figures::compare_or_write;

use crate::parallel::search_each;

/// Returns whether a fault is one of `Calls`, by its name.
pub(crate) fn is_of_calls(fault: &Fault) -> bool {
    fault.name.starts_with("calls-")
}

/// The most seeds after which a fault counts as not detected by the simulation.
const MAX_SEEDS: u64 = 1_000;

/// The most states of a model. One that a fault makes larger is given up.
const MAX_STATES: usize = 150_000;

/// What a checker found: the id of the claim, and after how many states or seeds.
type Found = (Option<&'static str>, usize);

struct Row {
    fault: &'static Fault,
    explorer: Found,
    simulation: Found,
}

#[test]
fn explorer_alone_and_simulation_alone_detect_every_fault_of_calls() {
    let rows = search_all();
    let missed: Vec<&str> = rows
        .iter()
        .filter(|row| row.explorer.0.is_none() || row.simulation.0.is_none())
        .map(|row| row.fault.name)
        .collect();
    assert!(missed.is_empty(), "not detected: {missed:?}");
    compare_or_write("verification.md", "calls faults", &table(&rows))
        .unwrap_or_else(|error| panic!("{error:#}"));
}

fn search_all() -> Vec<Row> {
    let all = FAULTS.iter().filter(|fault| is_of_calls(fault));
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

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| fault | source | explorer: claim | after states | simulation: claim | after seeds |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in rows {
        let Fault {
            name,
            sentence,
            source,
            ..
        } = row.fault;
        let (explorer, simulation) = (&row.explorer, &row.simulation);
        writeln!(
            table,
            "| [{sentence}](../tests/verify/faulty-core/faults/{name}.fault) | {source} | {} | {} | {} | {} |",
            explorer.0.unwrap_or("nothing"),
            thousands(explorer.1),
            simulation.0.unwrap_or("nothing"),
            thousands(simulation.1),
        )
        .expect("a String can be written to");
    }
    table
}
