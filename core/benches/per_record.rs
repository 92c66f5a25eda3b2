//! The cost of a record in the dispatcher of a request handler, from its fetch to its commit. The target: 40 ns.
//!
//! `cargo bench -p livebus-core --bench per_record`. Each iteration fetches a batch of 1,000 records and does everything that follows: the
//! runs, their verdicts, and a commit. Divide the time by 1,000.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark needs one instant to count from"
)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use livebus_core::dispatch::{
    Action, Config, Dispatcher, Event, Generation, Order, PartitionId, Record, RunEnd, Settings,
    Start,
};

const RECORDS: u32 = 1_000;
const PARTITION: PartitionId = PartitionId(0);
const GENERATION: Generation = Generation(1);

fn records(c: &mut Criterion) {
    let mut group = c.benchmark_group("1,000 records, handled and committed");
    group.throughput(Throughput::Elements(RECORDS.into()));
    for (name, order) in [
        ("order of the partition", Order::Partition),
        ("order of 100 keys", Order::Key),
        ("no order", Order::None),
    ] {
        let mut now = Instant::now();
        let mut dispatcher = assigned(order, now);
        let mut batch = batch();
        group.bench_function(name, |b| {
            b.iter(|| {
                // A commit follows each batch.
                now += Duration::from_millis(100);
                handle(&mut dispatcher, now, &batch);
                for record in &mut batch {
                    record.offset += i64::from(RECORDS);
                }
            });
        });
        assert_eq!(dispatcher.records_held(), 0, "a record is left");
    }
    group.finish();
}

fn assigned(order: Order, now: Instant) -> Dispatcher {
    let settings = Settings {
        order,
        ..Settings::default()
    };
    let config = Config::new(settings).expect("the settings are valid");
    let mut dispatcher = Dispatcher::new(config, now);
    dispatcher.handle_event(now, Event::BusUsable(true));
    let assigned = Event::Assigned {
        partition: PARTITION,
        generation: GENERATION,
        start: Start::Committed(0),
        done: &[],
    };
    dispatcher.handle_event(now, assigned);
    follow(&mut dispatcher, now);
    dispatcher
}

fn batch() -> Vec<Record> {
    let record = |number: u32| Record {
        offset: number.into(),
        key: Some((number % 100).into()),
        bytes: 156,
        fingerprint: number,
    };
    (0..RECORDS).map(record).collect()
}

fn handle(dispatcher: &mut Dispatcher, now: Instant, records: &[Record]) {
    let fetched = Event::Fetched {
        partition: PARTITION,
        generation: GENERATION,
        records,
    };
    dispatcher.handle_event(now, fetched);
    follow(dispatcher, now);
}

/// Does what the dispatcher asks for, at once.
fn follow(dispatcher: &mut Dispatcher, now: Instant) {
    while let Some(action) = dispatcher.poll_action() {
        match action {
            Action::Run(run) => {
                let ended = Event::RunEnded {
                    run: run.id,
                    end: RunEnd::Done,
                };
                dispatcher.handle_event(now, ended);
            }
            Action::Commit { id, .. } => {
                let acknowledged = &[PARTITION];
                dispatcher.handle_event(now, Event::CommitAnswered { id, acknowledged });
            }
            Action::Cancel { .. }
            | Action::WriteDeadLetter { .. }
            | Action::Forget { .. }
            | Action::SetPace(_)
            | Action::Seek { .. }
            | Action::Release { .. }
            | Action::SetHealth(_)
            | Action::Stopped { .. } => {}
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50);
    targets = records
}
criterion_main!(benches);
