//! What the explorer and the simulation of one machine found for each seeded fault, as a table.

use std::fmt::Write as _;

use livebus_core::fault::Fault;
use livebus_verify_faulty::explore::report::thousands;
use livebus_verify_faulty::figures::compare_or_write;

/// What a checker found: the id of the claim, and after how many states or seeds.
pub(crate) type Found = (Option<&'static str>, usize);

pub(crate) struct Row {
    pub(crate) fault: &'static Fault,
    pub(crate) explorer: Found,
    pub(crate) simulation: Found,
}

/// Checks that both found each fault, and compares the table with a section of `docs/verification.md`.
pub(crate) fn check(rows: &[Row], section: &str) {
    let missed: Vec<&str> = rows
        .iter()
        .filter(|row| row.explorer.0.is_none() || row.simulation.0.is_none())
        .map(|row| row.fault.name)
        .collect();
    assert!(missed.is_empty(), "not detected: {missed:?}");
    compare_or_write("verification.md", section, &table(rows))
        .unwrap_or_else(|error| panic!("{error:#}"));
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
