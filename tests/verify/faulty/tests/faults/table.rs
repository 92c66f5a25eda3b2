//! The table of faults in the documentation.

use std::fmt::Write as _;

use livebus_core::fault::Fault;
use livebus_verify_faulty::explore::report::thousands;
use livebus_verify_faulty::figures::compare_or_write;

use crate::Row;
use crate::search::Found;

/// Compares the table with the documentation, or writes it.
pub(crate) fn compare_or_write_table(rows: &[Row]) {
    compare_or_write("verification.md", "seeded faults", &table(rows))
        .unwrap_or_else(|error| panic!("{error:#}"));
}

fn table(rows: &[Row]) -> String {
    let mut table = String::from(
        "| fault | source | explorer: claim | after states | simulation: claim | after events |\n\
         |---|---|---|---|---|---|\n",
    );
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| SOURCES.iter().position(|source| is_of(row, source)));
    for row in rows {
        let (what, source) = match row.fault {
            Some(fault) => (link(fault), fault.source),
            None => ("none: the core without a fault".to_owned(), "-"),
        };
        let (states, events) = (&row.explorer, &row.simulation);
        writeln!(
            table,
            "| {what} | {source} | {} | {} | {} | {} |",
            claim(states),
            thousands(states.after),
            claim(events),
            thousands(events.after),
        )
        .expect("a String can be written to");
    }
    table
}

const SOURCES: [&str; 4] = ["voltha: ", "field: ", "ours: ", "rule: "];

fn is_of(row: &Row, source: &str) -> bool {
    row.fault
        .is_some_and(|fault| fault.source.starts_with(source))
}

fn link(fault: &Fault) -> String {
    let Fault { name, sentence, .. } = fault;
    format!("[{sentence}](../tests/verify/faulty-core/faults/{name}.fault)")
}

/// Returns the id of a claim. Its sentence is in the table of claims.
fn claim(found: &Found) -> &str {
    let claim = found.claim.as_deref().unwrap_or("nothing");
    claim.split(':').next().unwrap_or(claim)
}
