//! Checks that the explorer alone and the simulation alone detect every seeded fault of the supervisor.
//!
//! The table in `docs/verification.md` shows the result. With `LIVEBUS_WRITE_VERIFICATION=1` the test writes it, otherwise it must be
//! up to date. The core without a fault is a row of its own: there both must find nothing.

mod callee;
mod calls;
mod dispatch;
mod parallel;
mod rows;
mod search;
mod table;

use livebus_core::fault::{FAULTS, Fault};
use parallel::search_each;
use search::{Found, by_explorer, by_simulation};

/// The result for one fault, or for none.
#[derive(Debug)]
struct Row {
    fault: Option<&'static Fault>,
    explorer: Found,
    simulation: Found,
}

#[test]
fn explorer_alone_and_simulation_alone_detect_every_fault() {
    let rows = search_all();
    let mut wrong = Vec::new();
    for row in &rows {
        let name = row.fault.map_or("no fault", |fault| fault.name);
        for (checker, found) in [
            ("the explorer", &row.explorer),
            ("the simulation", &row.simulation),
        ] {
            if found.claim.is_some() != row.fault.is_some() {
                wrong.push(format!("{name}: {checker}: {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    table::compare_or_write_table(&rows);
}

#[test]
fn there_are_enough_faults_and_most_are_from_voltha_or_the_field() {
    let of = |source: &str| {
        FAULTS
            .iter()
            .filter(|it| it.source.starts_with(source))
            .count()
    };
    assert!(FAULTS.len() >= 25, "{}", FAULTS.len());
    assert!(
        of("voltha: ") + of("field: ") >= 25,
        "{} {}",
        of("voltha: "),
        of("field: ")
    );
}

/// Searches for no fault, and for each of the supervisor.
fn search_all() -> Vec<Row> {
    let of_supervisor = FAULTS
        .iter()
        .filter(|it| !dispatch::is_of_dispatcher(it) && !calls::is_of_calls(it))
        .filter(|it| !callee::is_of_callee(it));
    let all = std::iter::once(None).chain(of_supervisor.map(Some));
    search_each(all, |fault| Row {
        fault,
        explorer: by_explorer(fault),
        simulation: by_simulation(fault),
    })
}
