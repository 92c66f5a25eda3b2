//! Rights that are taken away while a handler runs.

use anyhow::ensure;
use livebus_core::FailureClass;
use livebus_runner::handlers::RequestHandler;
use livebus_tests::apache_kafka::{NodeOptions, TopicOperation, authorizer_properties};
use livebus_tests::http::get;

use super::support::{
    Handled, committed, kafka, produce, records, wait_for_cause, wait_until_running,
};
use crate::context::Context;

pub(crate) fn denied_handler_is_the_cause_until_it_is_allowed(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions {
        properties: authorizer_properties(),
        ..NodeOptions::default()
    })?;
    let (servers, topic, half) = (node.bootstrap_servers(), "denied", records(2_000) / 2);
    node.create_topic(topic, 3)?;
    let mut services = Vec::new();
    for &host in context.hosts() {
        let seen = Handled::default();
        let group = format!("{topic}-{host}");
        let handler = RequestHandler::new("denied")
            .topics([topic])
            .group(&group)
            .run(seen.function());
        let bus = context.serve(&group, host, kafka(&servers)?, vec![handler])?;
        services.push((group, seen, bus));
    }
    produce(&servers, topic, 0..half)?;
    for (_, seen, _) in &services {
        seen.wait_for(half as usize)?;
    }
    // The first rule for the topic denies everything else.
    node.allow(topic, TopicOperation::Write)?;
    for (_, _, bus) in &mut services {
        wait_for_cause(bus, FailureClass::Authorization)?;
        let answer = get(bus.probes(), "/readyz?verbose")?;
        ensure!(
            answer.status == 503 && answer.body.contains("ACLs `Read`"),
            "{answer:?}"
        );
    }
    node.allow(topic, TopicOperation::Read)?;
    // No record is needed to see that they can be fetched again.
    for (_, _, bus) in &mut services {
        wait_until_running(bus)?;
    }
    produce(&servers, topic, half..2 * half)?;
    for (group, seen, bus) in services {
        seen.wait_for(2 * half as usize)?;
        bus.shut_down()?;
        seen.check_each_once_in_order(2 * half)?;
        let committed = committed(&servers, &group, topic, 3)?;
        ensure!(
            committed == i64::from(2 * half),
            "{committed} are committed"
        );
    }
    Ok(())
}
