//! The table at the end of the demo: each step, and the time until it was noticed.

use std::fmt;
use std::time::Duration;

use livebus_core::Status;

/// The rows, in the order of the script.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    step: String,
    status: Status,
    took: Duration,
}

impl Table {
    pub(crate) fn row(&mut self, step: &str, status: Status, took: Duration) {
        self.0.push(Row {
            step: step.to_owned(),
            status,
            took,
        });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<32} {:<9} {:>10}", "on the bus", "livebus", "after")?;
        for (i, row) in self.0.iter().enumerate() {
            let end = if i + 1 < self.0.len() { "\n" } else { "" };
            let took = format!("{} ms", row.took.as_millis());
            write!(f, "{:<32} {:<9} {took:>10}{end}", row.step, row.status)?;
        }
        Ok(())
    }
}
