//! What is said about requests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use livebus_core::FailureClass;
use livebus_core::calls::Sent;
use livebus_runner::calls::ReplySubscription;
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, NodeOptions, Replicas,
};
use rdkafka::Message as _;

use super::support::{Caller, check_answers, request, written};
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
    caller.send_unanswered(request(topic, b"unanswered"));
    caller.close(Duration::from_secs(10));
    let records = read(&servers, topic, 102).context("the queued requests")?;
    ensure!(records[101].payload() == Some(b"unanswered".as_slice()));
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
    let (mut calls, mut answers) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..REQUESTS {
        if number == REQUESTS / 3 {
            // Some are acknowledged, and others in flight.
            let early = calls.remove("100").context("it was sent")?;
            answers.insert("100".to_owned(), caller.answer(early)?.0);
            node.kill()?;
        }
        let call = caller.send(request(topic, number.to_string().as_bytes()));
        calls.insert(number.to_string(), call);
        if number % 100 == 0 {
            caller.poll();
        }
    }
    // The client has not received the partitions of this topic from any broker, so nothing can have left.
    let never = caller.send(request("calls-never-seen", b"never"));
    let (sent, _) = caller.answer(never)?;
    ensure!(matches!(sent, Sent::NotSent(_)), "{sent:?}");
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
    let written = written(&servers, topic, 1)?;
    ensure!(written.contains_key("last"));
    let [acknowledged, _, unknown] = check_answers(&answers, &written)?;
    ensure!(acknowledged > 0 && unknown > 0, "nothing was in flight");
    Ok(())
}

/// A leader that gives its partition away while it waits for its followers answers that it is none, though the record may stay.
pub(crate) fn no_request_is_written_twice_across_a_rolling_restart(
    _: &Context,
) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 3,
            controllers: Controllers::Brokers,
            broker_session: BrokerSession::Short,
        },
        START_LIMIT,
    )?;
    let (servers, topic) = (cluster.bootstrap_servers(), "requests");
    let partitions: &[&[i32]] = &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    let replicas = Replicas {
        partitions,
        min_in_sync: 2,
    };
    cluster.create_topic(topic, replicas)?;
    let mut caller = Caller::open(&servers, ReplySubscription::new("rolling", 1, "unused"))?;
    let is_over = AtomicBool::new(false);
    let answers = thread::scope(|scope| {
        let sender = scope.spawn(|| send_until(&mut caller, topic, &is_over));
        let restarted = restart_each(&mut cluster, topic);
        is_over.store(true, Ordering::Relaxed);
        let answers = sender.join().expect("it does not panic");
        restarted.and(answers)
    })?;
    let written = written(&servers, topic, 3)?;
    let [acknowledged, ..] = check_answers(&answers, &written)?;
    ensure!(acknowledged * 10 > answers.len() * 9, "too few arrived");
    Ok(())
}

/// Terminates, kills and stops one broker each.
fn restart_each(cluster: &mut KafkaCluster, topic: &str) -> anyhow::Result<()> {
    for id in 1..=3 {
        let broker = cluster.broker(id);
        match id {
            1 => {
                broker.terminate(START_LIMIT)?;
                broker.start()?;
            }
            2 => {
                broker.kill()?;
                broker.restart()?;
            }
            _ => {
                broker.stop()?;
                thread::sleep(Duration::from_secs(2));
                broker.cont()?;
            }
        }
        cluster.client().wait_until_in_sync(topic, START_LIMIT)?;
        // Some more go through a cluster that works.
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// Sends numbered requests, 200 in flight at most, and returns what became of them.
fn send_until(
    caller: &mut Caller,
    topic: &str,
    is_over: &AtomicBool,
) -> anyhow::Result<BTreeMap<String, Sent>> {
    let (mut in_flight, mut answers) = (VecDeque::new(), BTreeMap::new());
    let mut number = 0_u32;
    while !(is_over.load(Ordering::Relaxed) && in_flight.is_empty()) {
        if !is_over.load(Ordering::Relaxed) && in_flight.len() < 200 {
            let payload = number.to_string();
            let call = caller.send(request(topic, payload.as_bytes()));
            in_flight.push_back((payload, call));
            number += 1;
            continue;
        }
        if let Some((payload, call)) = in_flight.pop_front() {
            answers.insert(payload, caller.answer(call)?.0);
        }
    }
    Ok(answers)
}
