//! Groups: other protocols, members that fence each other, and a consumer that is faster than its function.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::dispatch::{Limits, Order, Settings};
use livebus_runner::handlers::RequestHandler;
use livebus_tests::WAIT_LIMIT;

use super::support::{
    Handled, committed, kafka, produce, produce_padded, wait_until, wait_until_running,
};
use crate::context::Context;

/// How many records two members share, a batch at a time, until both have a share.
const BATCH: u32 = 500;

pub(crate) fn second_member_takes_over_without_duplicates(context: &Context) -> anyhow::Result<()> {
    shared_by_two(context, "cooperative", &[("heartbeat.interval.ms", "300")])
}

pub(crate) fn eager_group_is_shared_without_duplicates(context: &Context) -> anyhow::Result<()> {
    let properties = [
        ("heartbeat.interval.ms", "300"),
        ("partition.assignment.strategy", "range"),
    ];
    shared_by_two(context, "eager", &properties)
}

pub(crate) fn group_of_the_newer_protocol_is_shared_without_duplicates(
    context: &Context,
) -> anyhow::Result<()> {
    shared_by_two(context, "newer", &[("group.protocol", "consumer")])
}

fn shared_by_two(context: &Context, kind: &str, properties: &[(&str, &str)]) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let topic = format!("shared-{kind}-{host}");
    node.create_topic(&topic, 4)?;
    let mut produced = 0;
    let mut produce_batch = || {
        produce(&servers, &topic, produced..produced + BATCH)?;
        produced += BATCH;
        anyhow::Ok(produced)
    };
    let (first, second) = (Handled::default(), Handled::default());
    let member = |seen: &Handled| {
        let handler = RequestHandler::new("shared")
            .topics([&topic])
            .group(&topic)
            .order(Order::Key)
            .concurrency(4);
        let handler = properties.iter().fold(handler, |handler, &(key, value)| {
            handler.property(key, value)
        });
        handler.run_blocking(seen.slow_function(Duration::from_millis(10)))
    };
    let serve = |name: &str, seen| {
        let name = format!("{topic}-{name}");
        context.serve(&name, host, kafka(&servers)?, vec![member(seen)])
    };
    let mut total = produce_batch()?;
    let one = serve("one", &first)?;
    first.wait_for(BATCH as usize / 2)?;
    let two = serve("two", &second)?;
    // The second one gets its partitions while the first one is busy, however long that takes.
    let deadline = Instant::now() + WAIT_LIMIT;
    while second.count() < BATCH as usize {
        ensure!(
            Instant::now() < deadline,
            "{} records of the second member",
            second.count()
        );
        let handled = first.count() + second.count();
        if handled + BATCH as usize / 2 >= total as usize {
            total = produce_batch()?;
        }
        thread::sleep(Duration::from_millis(10));
    }
    two.shut_down()?;
    wait_until(|| first.count() + second.count() >= total as usize)?;
    one.shut_down()?;
    let mut numbers = [first.numbers(), second.numbers()].concat();
    numbers.sort_unstable();
    ensure!(
        numbers.iter().copied().eq(0..total),
        "{} of {total} records were handled",
        numbers.len()
    );
    let committed = committed(&servers, &topic, &topic, 4)?;
    ensure!(
        committed == i64::from(total),
        "{committed} of {total} are committed"
    );
    Ok(())
}

pub(crate) fn fenced_member_makes_its_consumer_again(context: &Context) -> anyhow::Result<()> {
    const RECORDS: u32 = 500;

    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let topic = format!("fenced-{host}");
    node.create_topic(&topic, 2)?;
    let (first, second) = (Handled::default(), Handled::default());
    let member = |seen: &Handled| {
        RequestHandler::new("fenced")
            .topics([&topic])
            .group(&topic)
            .property("group.instance.id", "the-same")
            .property("session.timeout.ms", "6000")
            .property("heartbeat.interval.ms", "500")
            .run(seen.function())
    };
    let serve = |name: &str, seen| {
        let name = format!("{topic}-{name}");
        context.serve(&name, host, kafka(&servers)?, vec![member(seen)])
    };
    let mut one = serve("one", &first)?;
    let two = serve("two", &second)?;
    produce(&servers, &topic, 0..RECORDS)?;
    wait_until(|| first.count() + second.count() >= RECORDS as usize)?;
    // A static member does not leave its group: the partitions are the first one's only when it has joined again.
    two.shut_down()?;
    produce(&servers, &topic, RECORDS..2 * RECORDS)?;
    wait_until(|| {
        let numbers = [first.numbers(), second.numbers()].concat();
        let numbers: std::collections::BTreeSet<_> = numbers.into_iter().collect();
        numbers.into_iter().eq(0..2 * RECORDS)
    })?;
    // It was not ready while it had no consumer.
    wait_until_running(&mut one)?;
    one.shut_down()?;
    Ok(())
}

pub(crate) fn slow_function_within_narrow_limits_handles_each_record(
    context: &Context,
) -> anyhow::Result<()> {
    const RECORDS: u32 = 400;

    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let topic = format!("narrow-{host}");
    node.create_topic(&topic, 2)?;
    produce_padded(&servers, &topic, 0..RECORDS, 10_000)?;
    let seen = Handled::default();
    let handler = RequestHandler::new("narrow").topics([&topic]).group(&topic);
    let settings = Settings {
        limits: Limits {
            bytes: 300_000,
            high_water_bytes: 100_000,
            record_bytes: 64_000,
            ..Limits::default()
        },
        ..handler.current_settings().clone()
    };
    let handler = handler
        .settings(settings)
        .run_blocking(seen.slow_function(Duration::from_millis(5)));
    let bus = context.serve(&topic, host, kafka(&servers)?, vec![handler])?;
    seen.wait_for_each(RECORDS)?;
    bus.shut_down()?;
    seen.check_each_once_in_order(RECORDS)?;
    let committed = committed(&servers, &topic, &topic, 2)?;
    ensure!(committed == i64::from(RECORDS), "{committed} are committed");
    Ok(())
}

pub(crate) fn function_slower_than_the_poll_interval_keeps_its_partition(
    context: &Context,
) -> anyhow::Result<()> {
    const RECORDS: u32 = 3;

    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let topic = format!("slower-{host}");
    node.create_topic(&topic, 1)?;
    produce(&servers, &topic, 0..RECORDS)?;
    let seen = Handled::default();
    let handler = RequestHandler::new("slower");
    let settings = Settings {
        revocation_drain: Duration::from_secs(1),
        ..handler.current_settings().clone()
    };
    let handler = handler
        .settings(settings)
        .topics([&topic])
        .group(&topic)
        .property("session.timeout.ms", "6000")
        .property("max.poll.interval.ms", "6000")
        .run_blocking(seen.slow_function(Duration::from_secs(8)));
    let bus = context.serve(&topic, host, kafka(&servers)?, vec![handler])?;
    seen.wait_for(RECORDS as usize)?;
    wait_until(|| committed(&servers, &topic, &topic, 1).is_ok_and(|it| it == 3))?;
    bus.shut_down()?;
    seen.check_each_once_in_order(RECORDS)
}
