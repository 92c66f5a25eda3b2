//! Checks that the explorer alone and the simulation alone detect every seeded fault of the core.
//!
//! The table in `docs/verification.md` shows the result. With `LIVEBUS_WRITE_VERIFICATION=1` the test writes it, otherwise it must be
//! up to date. The core without a fault is a row of its own: there both must find nothing.

mod search;
mod table;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use livebus_core::fault::{FAULTS, Fault};
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

/// Searches for all faults, on one thread per core. The result of a search does not depend on its thread.
fn search_all() -> Vec<Row> {
    let all = std::iter::once(None).chain(FAULTS.iter().map(Some));
    let rest: Mutex<VecDeque<_>> = Mutex::new(all.enumerate().collect());
    let rows = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = rest.lock().expect("no search panics").pop_front();
            let Some((index, fault)) = next else { return };
            let row = Row {
                fault,
                explorer: by_explorer(fault),
                simulation: by_simulation(fault),
            };
            rows.lock().expect("no search panics").push((index, row));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut rows = rows.into_inner().expect("no search panics");
    rows.sort_by_key(|(index, _)| *index);
    rows.into_iter().map(|(_, row)| row).collect()
}
