//! Every seeded fault of the core is noticed by the model checker alone, and by the simulator alone.
//!
//! The table in `docs/verification.md` is what this found: with `LIVEBUS_WRITE_VERIFICATION=1` it is written, else it must be the
//! same. No fault at all is a row of its own: there both must find nothing.

mod hunt;
mod table;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use hunt::{Found, by_the_model_checker, by_the_simulator};
use livebus_core::fault::{FAULTS, Fault};

/// What became of one fault, or of none.
#[derive(Debug)]
struct Row {
    fault: Option<&'static Fault>,
    model_checker: Found,
    simulator: Found,
}

#[test]
fn every_fault_is_noticed_by_the_model_checker_alone_and_by_the_simulator_alone() {
    let rows = hunt_all();
    let mut wrong = Vec::new();
    for row in &rows {
        let name = row.fault.map_or("no fault", |fault| fault.name);
        for (machine, found) in [
            ("the model checker", &row.model_checker),
            ("the simulator", &row.simulator),
        ] {
            if found.claim.is_some() != row.fault.is_some() {
                wrong.push(format!("{name}: {machine}: {found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    table::keep(&rows);
}

#[test]
fn there_are_enough_faults_and_most_are_somebody_s() {
    let of = |source: &str| {
        FAULTS
            .iter()
            .filter(|it| it.source.starts_with(source))
            .count()
    };
    assert!(FAULTS.len() >= 25, "{}", FAULTS.len());
    assert!(
        of("seed: ") + of("field: ") >= 25,
        "{} {}",
        of("seed: "),
        of("field: ")
    );
}

/// Hunts all of them, on as many threads as there are cores: each hunt is as long as it is wherever it runs.
fn hunt_all() -> Vec<Row> {
    let all = std::iter::once(None).chain(FAULTS.iter().map(Some));
    let rest: Mutex<VecDeque<_>> = Mutex::new(all.enumerate().collect());
    let rows = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = rest.lock().expect("no hunt panics").pop_front();
            let Some((place, fault)) = next else { return };
            let row = Row {
                fault,
                model_checker: by_the_model_checker(fault),
                simulator: by_the_simulator(fault),
            };
            rows.lock().expect("no hunt panics").push((place, row));
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut rows = rows.into_inner().expect("no hunt panics");
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}
