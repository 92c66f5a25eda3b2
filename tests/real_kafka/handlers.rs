//! Request handlers: which records they handle, in which order, and what of it the group knows.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::ensure;
use livebus_runner::handlers::RequestHandler;
use livebus_tests::apache_kafka::NodeOptions;

use crate::context::{Context, START_LIMIT};

mod clusters;
mod ends;
mod evidence;
mod groups;
mod poisoned;
mod recorded;
mod rights;
mod support;
mod topics;

pub(crate) use clusters::rolling_restart_of_three_nodes_loses_no_record;
pub(crate) use ends::{
    hung_or_killed_broker_does_not_hold_the_shutdown, results_out_of_order_survive_a_crash,
};
pub(crate) use evidence::{
    busy_handler_replaces_liveness_messages, prefetched_records_prove_nothing,
};
pub(crate) use groups::{
    eager_group_is_shared_without_duplicates, fenced_member_makes_its_consumer_again,
    function_slower_than_the_poll_interval_keeps_its_partition,
    group_of_the_newer_protocol_is_shared_without_duplicates,
    second_member_takes_over_without_duplicates,
    slow_function_within_narrow_limits_handles_each_record,
};
pub(crate) use poisoned::{
    dead_letters_are_written_and_passed, panics_are_failures, skipped_records_are_passed,
    stopped_partition_continues_when_the_record_succeeds,
};
pub(crate) use recorded::recording_replays_to_the_byte_and_tells_of_another_policy;
pub(crate) use rights::denied_handler_is_the_cause_until_it_is_allowed;
use support::{Handled, committed, produce, records};
pub(crate) use support::{header, kafka, read, wait_until};
pub(crate) use topics::{
    added_partitions_and_matching_topics_are_read_from_the_start,
    broadcast_is_read_by_every_instance_and_follows_partitions,
    deleted_topic_does_not_hold_the_positions_of_another_one,
    missing_topic_is_the_cause_until_it_exists, removed_records_stop_the_partition_or_are_passed,
};

/// How many records a scenario has.
static RECORDS: LazyLock<u32> = LazyLock::new(|| records(10_000));

pub(crate) fn numbered_records_are_handled_once_each_in_order(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let servers = node.bootstrap_servers();
    for &host in context.hosts() {
        let topic = format!("numbered-{host}");
        node.create_topic(&topic, 3)?;
        produce(&servers, &topic, 0..*RECORDS)?;
        let seen = Handled::default();
        let handler = RequestHandler::new("numbered")
            .topics([&topic])
            .group(&topic)
            .run(seen.function());
        let bus = context.serve(&topic, host, kafka(&servers)?, vec![handler])?;
        seen.wait_for(*RECORDS as usize)?;
        bus.shut_down()?;
        seen.check_each_once_in_order(*RECORDS)?;
        let committed = committed(&servers, &topic, &topic, 3)?;
        ensure!(
            committed == i64::from(*RECORDS),
            "{committed} are committed"
        );
    }
    Ok(())
}

pub(crate) fn killed_broker_loses_no_record(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let (servers, host, topic) = (node.bootstrap_servers(), context.host(), "outlived");
    node.create_topic(topic, 3)?;
    produce(&servers, topic, 0..*RECORDS)?;
    let seen = Handled::default();
    let handler = RequestHandler::new("outlived")
        .topics([topic])
        .group(topic)
        .run_blocking(seen.slow_function(Duration::from_micros(200)));
    let mut bus = context.serve(topic, host, kafka(&servers)?, vec![handler])?;
    seen.wait_for(*RECORDS as usize / 4)?;
    node.kill()?;
    bus.expect_status(livebus_core::Status::NotReady)?;
    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    bus.expect_running()?;
    seen.wait_for_each(*RECORDS)?;
    bus.shut_down()?;
    let again = seen.check_each_in_order(*RECORDS)?;
    ensure!(again < *RECORDS as usize, "{again} were handled again");
    let committed = committed(&servers, topic, topic, 3)?;
    ensure!(
        committed == i64::from(*RECORDS),
        "{committed} are committed"
    );
    Ok(())
}
