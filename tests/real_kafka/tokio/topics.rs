//! The liveness topic: missing, created by somebody, created by livebus, and not needed.

use anyhow::ensure;
use livebus_tests::apache_kafka::KafkaNode;
use livebus_tokio::{Answers, FailureClass, LivenessBy, Settings};

use super::http::get;
use super::watched::{Scheduler, Watched, by, by_produce, fast};
use crate::context::Context;

const BOTH: [Scheduler; 2] = [Scheduler::CurrentThread, Scheduler::MultiThread];

pub(crate) fn missing_topic_is_a_warning(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for (scheduler, topic) in BOTH.into_iter().zip(["warned-1", "warned-2"]) {
        let kafka = by_produce(&node.bootstrap_servers(), topic)?;
        let mut bus = Watched::start(topic, scheduler, kafka, fast())?;
        bus.runs_with(Some(FailureClass::TopicMissing))?;
        let verbose = get(bus.probes(), "/readyz?verbose")?;
        let remedy = FailureClass::TopicMissing.remedy();
        ensure!(
            verbose.status == 200
                && verbose.body.contains("TopicMissing")
                && verbose.body.contains(remedy),
            "the warning is not shown: {verbose:?}"
        );

        node.create_topic(topic, 1)?;
        bus.runs_with(None)?;
        let verbose = get(bus.probes(), "/readyz?verbose")?;
        ensure!(
            verbose.status == 200 && !verbose.body.contains("warning"),
            "the warning is still shown: {verbose:?}"
        );
        bus.shuts_down()?;
    }
    Ok(())
}

pub(crate) fn missing_topic_is_not_ready_if_strict(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for (scheduler, topic) in BOTH.into_iter().zip(["strict-1", "strict-2"]) {
        let kafka = by_produce(&node.bootstrap_servers(), topic)?;
        let strict = Settings {
            answers: Answers::NotLive,
            ..fast()
        };
        let mut bus = Watched::start(topic, scheduler, kafka, strict)?;
        bus.loses(&[FailureClass::TopicMissing])?;
        let answer = get(bus.probes(), "/readyz")?;
        let remedy = FailureClass::TopicMissing.remedy();
        ensure!(
            answer.status == 503 && answer.body.contains(remedy),
            "the remedy is not shown: {answer:?}"
        );

        node.create_topic(topic, 1)?;
        bus.runs()?;
        bus.shuts_down()?;
    }
    Ok(())
}

pub(crate) fn topic_is_created_by_livebus(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for (scheduler, topic) in BOTH.into_iter().zip(["created-1", "created-2"]) {
        runs_from_the_start(
            node,
            topic,
            scheduler,
            LivenessBy::Produce {
                topic: topic.to_owned(),
                create: true,
            },
        )?;
        // It is there, or this would not be acknowledged.
        node.client()
            .produce(topic, std::time::Duration::from_secs(10))?;
    }
    Ok(())
}

pub(crate) fn metadata_needs_no_topic(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    for (scheduler, name) in BOTH.into_iter().zip(["metadata-1", "metadata-2"]) {
        runs_from_the_start(node, name, scheduler, LivenessBy::Metadata)?;
    }
    Ok(())
}

/// Prepared, Running, and then nothing until the shutdown.
fn runs_from_the_start(
    node: &KafkaNode,
    name: &str,
    scheduler: Scheduler,
    liveness_by: LivenessBy,
) -> anyhow::Result<()> {
    let kafka = by(&node.bootstrap_servers(), liveness_by)?;
    let mut bus = Watched::start(name, scheduler, kafka, fast())?;
    bus.runs()?;
    ensure!(get(bus.probes(), "/readyz")?.body == "ok");
    bus.has_said_nothing()?;
    bus.shuts_down()?;
    Ok(())
}
