//! Rights that are missing.

use std::time::Duration;

use anyhow::ensure;
use livebus_core::FailureClass;
use livebus_core::calls::Sent;
use livebus_runner::calls::{CallBus as _, ReplySubscription};
use livebus_tests::apache_kafka::{NodeOptions, TopicOperation, authorizer_properties};

use super::support::{Caller, ReplyWriter, request};
use crate::context::Context;

pub(crate) fn denied_topics_are_reported_until_they_are_allowed(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions {
        properties: authorizer_properties(),
        ..NodeOptions::default()
    })?;
    let servers = node.bootstrap_servers();
    for topic in ["replies", "requests"] {
        node.create_topic(topic, 1)?;
    }
    let mut caller = Caller::open(&servers, ReplySubscription::new("denied", 1, "replies"))?;
    caller.assign()?;
    let call = caller.send(request("requests", b"allowed"));
    ensure!(caller.answer(call)?.0 == Sent::Acknowledged);
    // The first rule for a topic denies everything else.
    node.allow("replies", TopicOperation::Write)?;
    node.allow("requests", TopicOperation::Read)?;
    let answering = ReplyWriter::new(&servers)?;
    // A fetch that waits at the broker is answered for this.
    answering.reply("replies", 0, "unread")?;
    let failure = caller.unreachable(Duration::from_secs(20))?;
    ensure!(failure.class == FailureClass::Authorization, "{failure}");
    let remedy = caller.bus().explain_caller(failure).remedy;
    let remedy = remedy.unwrap_or_default();
    ensure!(
        remedy.contains("`Read`") && remedy.contains("`Write`"),
        "{remedy}"
    );
    // Refused by the broker, and then by the client.
    for _ in 0..2 {
        let call = caller.send(request("requests", b"denied"));
        let (sent, _) = caller.answer(call)?;
        let is_denied =
            matches!(sent, Sent::NotSent(failure) if failure.class == FailureClass::Authorization);
        ensure!(is_denied, "{sent:?}");
    }
    node.allow("replies", TopicOperation::Read)?;
    node.allow("requests", TopicOperation::Write)?;
    caller.reachable()?;
    answering.reply("replies", 0, "read")?;
    let mut seen = caller.fetch(1)?;
    while seen.len() < 2 {
        seen.extend(caller.fetch(1)?);
    }
    // librdkafka refuses the topic itself until it has looked at it again.
    let is_allowed = |sent| matches!(sent, Sent::Acknowledged);
    crate::handlers::wait_until(|| {
        let call = caller.send(request("requests", b"allowed again"));
        caller.answer(call).is_ok_and(|(sent, _)| is_allowed(sent))
    })
}
