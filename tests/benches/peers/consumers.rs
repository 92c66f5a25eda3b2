//! The consumers on rdkafka, each in a process of its own.

mod bare;
mod livebus;
mod naive_loop;
mod stream;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::bail;
use rdkafka::config::ClientConfig;

use crate::Task;
use crate::rows::LIVEBUS;

/// The time from one commit to the next.
const TICK: Duration = Duration::from_millis(100);

/// Handles the records of the task. The measurement reads the memory of the process after the last one, and ends it.
pub(crate) fn consume(task: &Task) -> anyhow::Result<()> {
    let handled = Handled::new(task);
    match task.name.as_str() {
        "bare" => bare::consume(task, &handled, false),
        "bare-with-commits" => bare::consume(task, &handled, true),
        "at-least-once" => stream::consume(task, &handled),
        "naive-loop" => naive_loop::consume(task, handled),
        LIVEBUS => livebus::consume(task, handled),
        name => bail!("no consumer is named `{name}`"),
    }?;
    loop {
        thread::park();
    }
}

/// Counts the records that were handled, and prints `first` and `last`.
#[derive(Debug)]
struct Handled {
    records: u64,
    count: AtomicU64,
    begun: std::sync::Once,
}

impl Handled {
    const fn new(task: &Task) -> Self {
        Self {
            records: task.records,
            count: AtomicU64::new(0),
            begun: std::sync::Once::new(),
        }
    }

    /// Called before each record.
    fn begin(&self) {
        self.begun.call_once(|| println!("first"));
    }

    /// Called after each record.
    fn end(&self) {
        if self.count.fetch_add(1, Ordering::Relaxed) + 1 == self.records {
            println!("last");
        }
    }

    fn is_over(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= self.records
    }
}

/// Returns the properties of a consumer, as the request handler has them.
fn client_config(task: &Task) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &task.servers)
        .set("group.id", &task.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("queued.max.messages.kbytes", "6553");
    config
}
