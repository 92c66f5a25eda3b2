//! How the clients end, and the client of a call handler.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_core::{Config, Failure, FailureClass, Settings};
use livebus_kafka::{KafkaBus, KafkaConfig, LivenessBy, Properties};
use livebus_runner::calls::{CallBus as _, ReplyClient, ReplySubscription};
use livebus_runner::handlers::{RequestHandler, RunnableHandler};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tokio::TokioRuntime;

use super::support::{Caller, records, request};
use crate::context::Context;
use crate::handlers::{read, wait_until};

/// How long a close may take.
const BOUND: Duration = Duration::from_secs(1);

/// For a thread that is late on a busy machine.
const SLACK: Duration = Duration::from_millis(500);

pub(crate) fn hung_or_dead_broker_does_not_hold_the_close(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    for topic in ["replies", "requests"] {
        node.create_topic(topic, 1)?;
    }
    let open = || -> anyhow::Result<Caller> {
        let mut caller = Caller::open(&servers, ReplySubscription::new("ends", 1, "replies"))?;
        caller.assign()?;
        Ok(caller)
    };
    let took = open()?.close(Duration::from_secs(10));
    ensure!(took < Duration::from_secs(5), "with a broker: {took:?}");
    let mut callers = Vec::new();
    for _ in 0..3 {
        callers.push(open()?);
    }
    node.stop()?;
    for (index, caller) in callers.iter_mut().enumerate() {
        if index == 1 {
            node.kill()?;
        }
        for _ in 0..10 {
            caller.send(request("requests", b"queued"));
        }
        let took = caller.close(BOUND);
        println!("closed in {took:?}");
        ensure!(took < BOUND + SLACK, "{index}: {took:?}");
    }
    Ok(())
}

pub(crate) fn replies_of_a_handler_are_sent(context: &Context) -> anyhow::Result<()> {
    const REPLIES: usize = 1_000;

    let node = context.shared_node()?;
    let (servers, topic) = (node.bootstrap_servers(), "calls-replies");
    node.create_topic(topic, 1)?;
    let properties = Properties::parse(["queue.buffering.max.messages=10000"])?;
    let kafka = KafkaConfig::new(servers.parse()?, properties)?.liveness_by(LivenessBy::Metadata);
    let config = Config::new(Settings::default())?;
    let bus = KafkaBus::<TokioRuntime>::new(kafka, &config);
    let handler = RequestHandler::new("callee")
        .topics(["calls-requests"])
        .group("callee");
    let runnable: RunnableHandler = handler.run(|_, _| async { Ok(()) });
    let subscription = runnable.subscription()?;
    let failures = Arc::<Mutex<Vec<Failure>>>::default();
    let noted = Arc::clone(&failures);
    let on_failure = move |failure| noted.lock().expect("no thread panics").push(failure);
    let client = bus.open_reply_client(&subscription, Arc::new(on_failure))?;
    for _ in 0..REPLIES {
        client.send(request(topic, b"reply"))?;
    }
    client.flush(Instant::now() + WAIT_LIMIT);
    ensure!(records(&servers, topic)? == REPLIES);
    read(&servers, topic, REPLIES)?;
    let all = || failures.lock().expect("no thread panics").clone();
    ensure!(all().is_empty(), "{:?}", all());
    // What does not arrive is reported, and what is not taken is an error.
    client.send(request("calls-no-such-topic", b"lost"))?;
    wait_until(|| !all().is_empty()).context("the lost reply was not reported")?;
    ensure!(all()[0].class == FailureClass::TopicMissing, "{:?}", all());
    fill(&*client)
}

/// Checks that the queue has a bound, and that nobody waits for it.
fn fill(client: &dyn ReplyClient) -> anyhow::Result<()> {
    let began = Instant::now();
    for _ in 0..1_000_000 {
        if let Err(failure) = client.send(request("calls-nor-this", b"lost")) {
            let is_known = matches!(
                failure.class,
                FailureClass::QueueFull | FailureClass::TopicMissing
            );
            ensure!(is_known, "{failure}");
            client.flush(Instant::now() + Duration::from_millis(10));
            ensure!(began.elapsed() < WAIT_LIMIT);
            return Ok(());
        }
    }
    anyhow::bail!("the queue has no bound")
}
