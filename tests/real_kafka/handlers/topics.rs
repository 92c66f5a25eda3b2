//! Topics that come late, grow, lose records, or are read by every instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_core::dispatch::{Limits, OnRemoved, Settings};
use livebus_core::{Cause, FailureClass, Status};
use livebus_runner::handlers::{Begin, Context as Call, Failed, Record, RequestHandler};
use livebus_tests::WAIT_LIMIT;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::support::{
    Handled, committed, kafka, produce, records, wait_for_cause, wait_until, wait_until_running,
};
use crate::context::Context;

static RECORDS: LazyLock<u32> = LazyLock::new(|| records(100));

/// How many records may be unacknowledged where a scenario needs few.
const WINDOW: u32 = 10;

pub(crate) fn missing_topic_is_the_cause_until_it_exists(context: &Context) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("late-{host}"));
    let seen = Handled::default();
    let handler = RequestHandler::new("late")
        .topics([topic])
        .group(topic)
        .run(seen.function());
    let mut bus = context.begin_serving(topic, host, kafka(&servers)?, vec![handler])?;
    let failed = bus.expect_status(Status::NotReady)?;
    ensure!(
        matches!(failed.report.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::TopicMissing),
        "{}",
        bus.history_text()
    );
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..*RECORDS)?;
    bus.expect_running()?;
    seen.wait_for(*RECORDS as usize)?;
    bus.shut_down()?;
    seen.check_each_once_in_order(*RECORDS)
}

pub(crate) fn broadcast_is_read_by_every_instance_and_follows_partitions(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("broadcast-{host}"));
    node.create_topic(topic, 1)?;
    // Before the start: not read, since a broadcast begins with the latest records.
    produce(&servers, topic, 1_000_000..1_000_010)?;
    let instances = [Handled::default(), Handled::default()];
    let mut buses = Vec::new();
    for (index, seen) in instances.iter().enumerate() {
        let handler = RequestHandler::new("broadcast")
            .topics([topic])
            .broadcast()
            .run(seen.function());
        let name = format!("{topic}-{index}");
        buses.push(context.serve(&name, host, kafka(&servers)?, vec![handler])?);
    }
    produce(&servers, topic, 0..*RECORDS)?;
    for seen in &instances {
        seen.wait_for(*RECORDS as usize)?;
    }
    add_partitions(&servers, topic, 3)?;
    // A producer may take old metadata for a while; each of its records is read in any case.
    produce(&servers, topic, *RECORDS..2 * *RECORDS)?;
    for seen in &instances {
        seen.wait_for(2 * *RECORDS as usize)?;
    }
    for bus in buses {
        bus.shut_down()?;
    }
    for seen in &instances {
        seen.check_each_once_in_order(2 * *RECORDS)?;
        let partitions = seen.all().into_iter().filter(|(number, ..)| *number > 0);
        ensure!(partitions.count() > 0, "no record of a new partition");
    }
    Ok(())
}

pub(crate) fn added_partitions_and_matching_topics_are_read_from_the_start(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, name) = (node.bootstrap_servers(), format!("matching-{host}"));
    let (first, second) = (&format!("{name}.a"), &format!("{name}.b"));
    node.create_topic(first, 1)?;
    node.create_topic(&format!("not-{name}.a"), 1)?;
    let seen = Handled::default();
    let handler = RequestHandler::new("matching")
        .pattern(format!("{name}[.].*"))
        .group(&name)
        .begin(Begin::Latest)
        .property("topic.metadata.refresh.interval.ms", "500")
        .run(seen.function());
    let bus = context.serve(&name, host, kafka(&servers)?, vec![handler])?;
    produce(&servers, &format!("not-{name}.a"), 5_000..5_010)?;
    produce(&servers, first, 0..*RECORDS)?;
    seen.wait_for(*RECORDS as usize)?;
    add_partitions(&servers, first, 3)?;
    node.create_topic(second, 1)?;
    produce(&servers, first, *RECORDS..2 * *RECORDS)?;
    produce(&servers, second, 2 * *RECORDS..3 * *RECORDS)?;
    seen.wait_for(3 * *RECORDS as usize)?;
    bus.shut_down()?;
    let mut numbers = seen.numbers();
    numbers.sort_unstable();
    ensure!(
        numbers.iter().copied().eq(0..3 * *RECORDS),
        "{} records",
        numbers.len()
    );
    Ok(())
}

pub(crate) fn removed_records_stop_the_partition_or_are_passed(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let servers = node.bootstrap_servers();
    for policy in [OnRemoved::Stop, OnRemoved::Continue] {
        let topic = &format!("removed-{host}-{policy:?}").to_lowercase();
        node.create_topic(topic, 1)?;
        produce(&servers, topic, 0..*RECORDS)?;
        commit(&servers, topic, 10)?;
        delete_records(&servers, topic, 50)?;
        let seen = Handled::default();
        let handler = RequestHandler::new("removed").topics([topic]).group(topic);
        let settings = Settings {
            on_removed: policy,
            ..handler.current_settings().clone()
        };
        let handler = handler.settings(settings).run(seen.function());
        let mut bus = context.begin_serving(topic, host, kafka(&servers)?, vec![handler])?;
        match policy {
            OnRemoved::Continue => {
                seen.wait_for(*RECORDS as usize - 50)?;
                wait_until_running(&mut bus)?;
            }
            OnRemoved::Stop => wait_for_cause(&mut bus, FailureClass::RecordsRemoved)?,
        }
        bus.shut_down()?;
        let (numbers, position) = (seen.numbers(), committed(&servers, topic, topic, 1)?);
        match policy {
            OnRemoved::Continue => {
                ensure!(numbers.iter().copied().eq(50..*RECORDS), "{numbers:?}");
                ensure!(position == i64::from(*RECORDS), "{position} is committed");
            }
            OnRemoved::Stop => {
                ensure!(
                    numbers.is_empty() && position == 10,
                    "{numbers:?}, {position}"
                );
            }
        }
    }
    Ok(())
}

pub(crate) fn deleted_topic_does_not_hold_the_positions_of_another_one(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let servers = node.bootstrap_servers();
    for &host in context.hosts() {
        let (kept, deleted) = (&format!("kept-{host}"), &format!("deleted-{host}"));
        for topic in [kept, deleted] {
            node.create_topic(topic, 1)?;
        }
        produce(&servers, kept, 0..*RECORDS)?;
        produce(&servers, deleted, *RECORDS..*RECORDS + 1)?;
        let (seen, is_deleted) = (Handled::default(), Arc::new(AtomicBool::new(false)));
        let function = {
            let (seen, is_deleted, deleted) =
                (seen.clone(), Arc::clone(&is_deleted), deleted.clone());
            move |record: Record, _: Call| {
                if record.topic() == deleted {
                    wait_until(|| is_deleted.load(Ordering::Acquire))
                        .map_err(|error| Failed::permanent(error.to_string()))?;
                }
                seen.note(&record);
                Ok(())
            }
        };
        let handler = RequestHandler::new("two-topics")
            .topics([kept, deleted])
            .group(kept)
            .concurrency(2)
            // The deletion is noticed by a failed position, not by newer metadata.
            .property("topic.metadata.refresh.interval.ms", "300000");
        // Without acknowledgements the records of one window could run, and no more.
        let settings = handler.current_settings();
        let settings = Settings {
            limits: Limits {
                unacknowledged: WINDOW,
                ..settings.limits
            },
            commit_interval: Duration::from_millis(50),
            ..settings.clone()
        };
        let handler = handler.settings(settings).run_blocking(function);
        let bus = context.serve(kept, host, kafka(&servers)?, vec![handler])?;
        seen.wait_for(*RECORDS as usize)?;
        node.delete_topic(deleted)?;
        is_deleted.store(true, Ordering::Release);
        seen.wait_for(*RECORDS as usize + 1)?;
        // From here on every commit would have a position that fails.
        produce(&servers, kept, *RECORDS + 1..2 * *RECORDS + 1)?;
        seen.wait_for_each(2 * *RECORDS + 1)?;
        wait_until(|| {
            let position = committed(&servers, kept, kept, 1);
            position.is_ok_and(|position| position == i64::from(2 * *RECORDS))
        })?;
        bus.shut_down()?;
        ensure!(
            seen.count() == 2 * *RECORDS as usize + 1,
            "{} records were handled",
            seen.count()
        );
    }
    Ok(())
}

fn admin(servers: &str) -> anyhow::Result<AdminClient<DefaultClientContext>> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()?)
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(WAIT_LIMIT))
        .operation_timeout(Some(WAIT_LIMIT))
}

fn add_partitions(servers: &str, topic: &str, count: usize) -> anyhow::Result<()> {
    let added = NewPartitions::new(topic, count);
    // A client that is dropped before its answer never answers.
    let admin = admin(servers)?;
    let results = pollster::block_on(admin.create_partitions([&added], &options()))?;
    for result in results {
        result.map_err(|(topic, code)| anyhow::anyhow!("{topic}: {code}"))?;
    }
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()?;
    wait_until(|| {
        let metadata = client.fetch_metadata(Some(topic), WAIT_LIMIT);
        metadata.is_ok_and(|it| it.topics()[0].partitions().len() == count)
    })
}

fn delete_records(servers: &str, topic: &str, before: i64) -> anyhow::Result<()> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(before))?;
    let admin = admin(servers)?;
    let deleted = pollster::block_on(admin.delete_records(&list, &options()))?;
    for partition in deleted.elements() {
        partition.error().context("records were not deleted")?;
    }
    Ok(())
}

fn commit(servers: &str, topic: &str, position: i64) -> anyhow::Result<()> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", topic)
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(position))?;
    client.commit(&list, CommitMode::Sync)?;
    Ok(())
}
