//! The recording of a handler: what it says of a real run, and what another policy would have done.

use std::fs;
use std::future::ready;

use anyhow::{Context as _, ensure};
use livebus_core::dispatch::{Order, Then};
use livebus_recording::dispatch::Replay;
use livebus_recording::dispatch::policy::{Analysis, Change};
use livebus_recording::{End, Outcome, RecordOptions, Recorder};
use livebus_runner::handlers::{Failed, RequestHandler};
use livebus_tests::WAIT_LIMIT;

use super::support::{Handled, kafka, number, policy, produce_padded, wait_until};
use crate::context::Context;

const RECORDS: u32 = 200;

/// The record that fails.
const POISONED: u32 = 42;

pub(crate) fn recording_replays_to_the_byte_and_tells_of_another_policy(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), format!("recorded-{host}"));
    node.create_topic(&topic, 2)?;
    produce_padded(&servers, &topic, 0..RECORDS, 30)?;
    let seen = Handled::default();
    let of_function = seen.clone();
    let handler = RequestHandler::new("recorded")
        .topics([&topic])
        .group(&topic)
        .order(Order::Key)
        .on_failure(policy(1, Then::Skip))
        .run(move |record, _| {
            if number(&record) == POISONED {
                return ready(Err(Failed::transient("poisoned on purpose")));
            }
            of_function.note(&record);
            ready(Ok(()))
        });
    let folder = tempfile::tempdir()?;
    let options = RecordOptions::new(folder.path().join("bus.jsonl"));
    let (recorder, recording) = Recorder::new(options);
    let bus = context.serve_recorded(&topic, host, kafka(&servers)?, vec![handler], recorder)?;
    seen.wait_for(RECORDS as usize - 1)?;
    // The back-off of the poisoned record, and another fetch after it.
    produce_padded(&servers, &topic, RECORDS..RECORDS + 1, 30)?;
    wait_until(|| seen.count() == RECORDS as usize)?;
    std::thread::sleep(std::time::Duration::from_millis(200));
    bus.shut_down()?;
    let end = recording.wait(WAIT_LIMIT);
    ensure!(end == Some(End::Stopped), "{end:?}");

    let text = fs::read_to_string(folder.path().join("bus.recorded.jsonl"))?;
    ensure!(!text.contains("    "), "it has the payload of a record");
    let replay = Replay::new(text.as_bytes())?;
    let mut analysis = Analysis::new(&replay);
    let outcome = replay.run_with(|_, line, dispatcher| analysis.add(line, dispatcher))?;
    ensure!(
        matches!(&outcome, Outcome::Same(summary) if summary.end == Some(End::Stopped)),
        "{outcome:?}"
    );
    let report = analysis.report();
    ensure!(report.counters.done == u64::from(RECORDS), "{report:?}");
    ensure!(report.skipped.len() == 1, "{:?}", report.skipped);
    let committed: i64 = report.committed.iter().map(|(_, offset)| offset).sum();
    ensure!(committed == i64::from(RECORDS) + 1, "{report:?}");
    ensure!(report.duplicates_at_end == 0, "{report:?}");

    let stop = Change {
        then: Some(Then::Stop),
        ..Change::default()
    };
    let config = stop.apply(analysis.config())?;
    let stopped = analysis.simulate(&config);
    let first = stopped.stopped.first().context("no partition stops")?;
    let skipped = &report.skipped[0];
    ensure!(
        (first.partition, first.offset) == (skipped.partition, skipped.offset),
        "{stopped:?}"
    );
    ensure!(stopped.skipped.is_empty() && first.until.is_none());
    Ok(())
}
