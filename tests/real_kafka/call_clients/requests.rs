//! What is said about requests.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use livebus_core::FailureClass;
use livebus_core::calls::Sent;
use livebus_runner::calls::ReplySubscription;
use livebus_tests::apache_kafka::NodeOptions;
use rdkafka::Message as _;

use super::support::{Caller, records, request};
use crate::context::{Context, START_LIMIT};
use crate::handlers::{header, read};

pub(crate) fn requests_arrive_as_they_were_handed_over(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-requests");
    node.create_topic(topic, 1)?;
    let replies = ReplySubscription::new("requests", 1, "calls-unused");
    let mut caller = Caller::open(&servers, replies)?;
    let mut first = request(topic, b"payload");
    first.key = Some(b"key".to_vec());
    first.headers = vec![("a", b"1".to_vec()), ("b", b"2".to_vec())];
    first.timestamp = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let call = caller.send(first);
    let answer = caller.answer(call)?;
    ensure!(answer == (Sent::Acknowledged, Some(0)), "{answer:?}");
    let records = read(&servers, topic, 1)?;
    let record = &records[0];
    ensure!(record.key() == Some(b"key") && record.payload() == Some(b"payload"));
    ensure!(record.timestamp().to_millis() == Some(1_700_000_000_123));
    let headers = (header(record, "a"), header(record, "b"));
    ensure!(headers == (Some("1".to_owned()), Some("2".to_owned())));
    // What is queued leaves before the end.
    for number in 0..100 {
        caller.send(request(topic, format!("{number}").as_bytes()));
    }
    caller.close(Duration::from_secs(10));
    read(&servers, topic, 101).context("the queued requests")?;
    Ok(())
}

pub(crate) fn request_that_is_refused_was_not_sent(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-small");
    node.create_topic(topic, 1)?;
    node.configure_topic(topic, "max.message.bytes=1000")?;
    let replies = ReplySubscription::new("refused", 1, "calls-unused");
    let mut caller = Caller::open(&servers, replies)?;
    let call = caller.send(request(topic, b"small"));
    ensure!(caller.answer(call)?.0 == Sent::Acknowledged);
    // By the broker, and by the client.
    for size in [5_000, 5_000_000] {
        let call = caller.send(request(topic, &vec![0; size]));
        let (sent, _) = caller.answer(call)?;
        let class = not_sent(sent)?;
        ensure!(class == FailureClass::RecordRejected, "{size}: {sent:?}");
    }
    for attempt in 0..2 {
        let call = caller.send(request("calls-no-topic", b"lost"));
        let (sent, partition) = caller.answer(call)?;
        ensure!(
            not_sent(sent)? == FailureClass::TopicMissing,
            "{attempt}: {sent:?}"
        );
        ensure!(partition.is_none());
    }
    // It is of use afterwards.
    let call = caller.send(request(topic, b"small"));
    ensure!(caller.answer(call)?.0 == Sent::Acknowledged);
    ensure!(read(&servers, topic, 2)?.len() == 2);
    caller.check_quiet()
}

fn not_sent(sent: Sent) -> anyhow::Result<FailureClass> {
    match sent {
        Sent::NotSent(failure) => Ok(failure.class),
        Sent::Acknowledged | Sent::Unknown(_) => anyhow::bail!("{sent:?}"),
    }
}

/// Whatever becomes of the connection, the topic has each acknowledged request once, those that were not sent never, and none twice.
pub(crate) fn answers_are_true_across_an_outage(context: &Context) -> anyhow::Result<()> {
    const REQUESTS: usize = 3_000;

    let mut node = context.own_node(&NodeOptions::default())?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-outage");
    node.create_topic(topic, 1)?;
    let mut replies = ReplySubscription::new("outage", 1, "calls-unused");
    let timeout = ("message.timeout.ms".to_owned(), "4000".to_owned());
    replies.properties.push(timeout);
    let mut caller = Caller::open(&servers, replies)?;
    let warm_up = caller.send(request(topic, b"warm-up"));
    ensure!(caller.answer(warm_up)?.0 == Sent::Acknowledged);
    let mut calls = BTreeMap::new();
    for number in 0..REQUESTS {
        if number == REQUESTS / 3 {
            node.kill()?;
        }
        let call = caller.send(request(topic, number.to_string().as_bytes()));
        calls.insert(number.to_string(), call);
        if number % 100 == 0 {
            caller.poll();
        }
    }
    // No broker has ever told the partitions of this topic, so nothing can have left.
    let never = caller.send(request("calls-never-seen", b"never"));
    let (sent, _) = caller.answer(never)?;
    ensure!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
    let mut answers = BTreeMap::new();
    for (number, call) in calls {
        answers.insert(number, caller.answer(call)?.0);
    }
    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    let last = caller.send(request(topic, b"last"));
    ensure!(
        caller.answer(last)?.0 == Sent::Acknowledged,
        "after the outage"
    );
    let mut written = BTreeMap::new();
    for record in read(&servers, topic, records(&servers, topic)?)? {
        let text = String::from_utf8_lossy(record.payload().unwrap_or_default()).into_owned();
        *written.entry(text).or_insert(0) += 1;
    }
    ensure!(written.contains_key("last"));
    let mut counts = [0; 3];
    for (number, sent) in &answers {
        let times = written.get(number).copied().unwrap_or_default();
        let (index, is_true) = match sent {
            Sent::Acknowledged => (0, times == 1),
            Sent::NotSent(_) => (1, times == 0),
            Sent::Unknown(_) => (2, times <= 1),
        };
        counts[index] += 1;
        ensure!(is_true, "{number}: {sent:?}, and written {times} times");
    }
    println!("acknowledged, not sent, unknown: {counts:?}");
    ensure!(counts[0] > 0 && counts[2] > 0, "{counts:?}");
    Ok(())
}
