//! Causes that only a real broker shows.

use std::thread;
use std::time::Duration;

use anyhow::ensure;
use livebus_core::{FailureClass, Settings, Status};
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::http::get;
use livebus_tests::kafka_supervision::by_produce;

use crate::context::Context;

/// Several times the delay that a quota of 10 bytes per second brings about.
const OBSERVED: Duration = Duration::from_secs(40);

pub(crate) fn produce_quota_is_a_warning(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions::default())?;
    node.create_topic("throttled", 1)?;
    node.set_produce_quota(10)?;
    let kafka = by_produce(&node.bootstrap_servers(), "throttled")?;
    let mut bus = context.supervise("throttled", context.host(), kafka, Settings::default())?;
    bus.expect_running()?;
    bus.expect_running_with(Some(FailureClass::Throttled))?;
    let verbose = get(bus.probes(), "/readyz?verbose")?;
    ensure!(
        verbose.status == 200 && verbose.body.contains("because of a quota"),
        "the quota is not named: {verbose:?}"
    );
    bus.take_changes();
    thread::sleep(OBSERVED);
    let changes = bus.take_changes();
    let is_ready = changes
        .iter()
        .all(|change| change.report.status == Status::Running);
    ensure!(is_ready, "not ready: {changes:?}");
    bus.shut_down()?;
    Ok(())
}

pub(crate) fn refused_record_is_a_warning(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    node.create_topic("too-small", 1)?;
    node.configure_topic("too-small", "max.message.bytes=1")?;
    let kafka = by_produce(&node.bootstrap_servers(), "too-small")?;
    let mut bus = context.supervise("too-small", context.host(), kafka, Settings::default())?;
    bus.expect_running_with(Some(FailureClass::RecordRejected))?;
    let verbose = get(bus.probes(), "/readyz?verbose")?;
    ensure!(
        verbose.status == 200
            && verbose.body.contains("MSG_SIZE_TOO_LARGE")
            && verbose.body.contains("max.message.bytes"),
        "the limit is not named: {verbose:?}"
    );
    bus.shut_down()?;
    Ok(())
}
