//! The liveness topic: missing, created by another client, created by livebus, and not needed.

use std::time::Duration;

use anyhow::ensure;
use livebus_core::{FailureClass, RejectionPolicy, Settings};
use livebus_kafka::LivenessBy;
use livebus_tests::host::Host;
use livebus_tests::http::get;
use livebus_tests::kafka_supervision::{by_produce, fast, kafka_config};

use crate::context::Context;

pub(crate) fn missing_topic_is_a_warning(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for &host in context.hosts() {
        let topic = &format!("warned-{host}");
        let kafka = by_produce(&node.bootstrap_servers(), topic)?;
        let mut bus = context.supervise(topic, host, kafka, fast())?;
        bus.expect_running_with(Some(FailureClass::TopicMissing))?;
        let verbose = get(bus.probes(), "/readyz?verbose")?;
        let remedy = livebus_kafka::remedy(FailureClass::TopicMissing.into());
        ensure!(
            verbose.status == 200
                && verbose.body.contains("TopicMissing")
                && verbose.body.contains(remedy),
            "the warning is not shown: {verbose:?}"
        );

        node.create_topic(topic, 1)?;
        bus.expect_running_with(None)?;
        let verbose = get(bus.probes(), "/readyz?verbose")?;
        ensure!(
            verbose.status == 200 && !verbose.body.contains("warning"),
            "the warning is still shown: {verbose:?}"
        );
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn missing_topic_is_not_ready_if_strict(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for &host in context.hosts() {
        let topic = &format!("strict-{host}");
        let kafka = by_produce(&node.bootstrap_servers(), topic)?;
        let strict = Settings {
            on_rejection: RejectionPolicy::NotLive,
            ..fast()
        };
        let mut bus = context.supervise(topic, host, kafka, strict)?;
        bus.expect_not_ready(&[FailureClass::TopicMissing])?;
        let answer = get(bus.probes(), "/readyz")?;
        let remedy = livebus_kafka::remedy(FailureClass::TopicMissing.into());
        ensure!(
            answer.status == 503 && answer.body.contains(remedy),
            "the remedy is not shown: {answer:?}"
        );

        node.create_topic(topic, 1)?;
        bus.expect_running()?;
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn topic_is_created_by_livebus(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for &host in context.hosts() {
        let topic = &format!("created-{host}");
        let created = LivenessBy::Produce {
            topic: topic.clone(),
            create: true,
        };
        runs_from_the_start(context, host, created)?;
        // The acknowledgement shows that the topic exists.
        node.client().produce(topic, Duration::from_secs(10))?;
    }
    Ok(())
}

pub(crate) fn metadata_needs_no_topic(context: &Context) -> anyhow::Result<()> {
    for &host in context.hosts() {
        runs_from_the_start(context, host, LivenessBy::Metadata)?;
    }
    Ok(())
}

/// Expects Running and then no change until the shutdown.
fn runs_from_the_start(
    context: &Context,
    host: Host,
    liveness_by: LivenessBy,
) -> anyhow::Result<()> {
    let kafka = kafka_config(&context.shared_node()?.bootstrap_servers(), liveness_by)?;
    // A long interval, so that a busy machine does not look like a bus that is unreachable.
    let patient = Settings {
        not_live_interval: Duration::from_secs(5),
        ..fast()
    };
    let mut bus = context.supervise(host.name(), host, kafka, patient)?;
    bus.expect_running()?;
    ensure!(get(bus.probes(), "/readyz")?.body == "ok");
    bus.expect_no_change()?;
    bus.shut_down()?;
    Ok(())
}
