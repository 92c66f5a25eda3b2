//! Idempotent calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::executor::block_on;
use futures::future::join_all;
use livebus_core::Status;
use livebus_core::calls::Settings;
use livebus_runner::calls::Caller;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::kafka_supervision::Parts;

use super::support::{Place, handler};
use crate::context::{Context, START_LIMIT};

/// Longer than an outage.
const DEADLINE: Duration = Duration::from_mins(1);

const TOPIC: &str = "stock";

/// How many keys a batch of calls has.
const KEYS: u32 = 100;

/// The replies of each key, one for each run.
type Replies = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

pub(crate) fn idempotent_calls_are_replied_through_a_killed_broker(
    context: &Context,
) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    node.create_topic(TOPIC, 2)?;
    node.create_topic("replies", 1)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: true,
    };
    let made = Replies::default();
    let noted = Arc::clone(&made);
    let handler = handler(TOPIC).run(move |request, _cx| {
        let key = String::from_utf8_lossy(request.idempotency_key().unwrap_or_default());
        let mut made = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let of_key = made.entry(key.clone().into_owned()).or_default();
        // No two runs have the same reply.
        let reply = format!("{key}, run {}", of_key.len());
        of_key.push(reply.clone());
        async move { Ok(reply.into_bytes()) }
    });
    let parts = Parts {
        call_handlers: vec![handler],
        ..Parts::default()
    };
    let mut stock = place.start("stock", context.other_host(), parts)?;
    let settings = Settings {
        attempts: 100,
        attempt_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    let caller = Caller::builder("orders", "replies")
        .settings(settings)
        .build()?;
    let mut orders = place.call_with(host, &caller)?;
    let batch = |name: &'static str| {
        let calls = (0..KEYS).map(|number| {
            let call = caller.call(TOPIC, "", name);
            let call = call.idempotent(format!("{name} {number}"));
            call.deadline(DEADLINE).into_future()
        });
        join_all(calls.collect::<Vec<_>>())
    };
    let call = |name: &'static str| -> anyhow::Result<Vec<String>> {
        let replies = block_on(batch(name)).into_iter();
        let texts = replies.map(|reply| Ok(String::from_utf8(reply?.payload().to_vec())?));
        texts
            .collect::<anyhow::Result<_>>()
            .with_context(|| format!("the batch {name}"))
    };
    let runs = || -> usize {
        let made = made.lock().unwrap_or_else(PoisonError::into_inner);
        made.values().map(Vec::len).sum()
    };

    let first = call("before")?;
    ensure!(runs() == KEYS as usize, "{} runs", runs());
    ensure!(first == call("before")?, "the callee keeps its partition");
    ensure!(runs() == KEYS as usize, "{} runs", runs());

    // Requests are handed over right before the broker dies; their calls are made before it is NotReady.
    let sends = caller.counters().sends;
    let in_flight = batch("through");
    let in_flight = std::thread::spawn(move || block_on(in_flight));
    crate::handlers::wait_until(|| caller.counters().sends > sends || in_flight.is_finished())?;
    node.kill()?;
    orders.next(Status::NotReady)?;
    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    for service in [&mut orders, &mut stock] {
        service.wait_for(Status::Running)?;
    }
    let ended = in_flight.join().expect("no call panics");
    for reply in ended {
        let reply = reply.context("a call through the kill")?;
        let text = String::from_utf8_lossy(reply.payload()).into_owned();
        ensure!(text.starts_with("through "), "{text}");
    }
    // What ran once, while the callee kept its partition or not, has one reply; what ran again has one of its own.
    let again = call("before")?;
    {
        let made = made.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, reply) in again.iter().enumerate() {
            let of_key = &made[&format!("before {number}")];
            ensure!(of_key.last() == Some(reply), "{reply}: {of_key:?}");
        }
    }
    let before = runs();
    ensure!(again == call("before")?, "the callee keeps its partition");
    ensure!(runs() == before, "a request ran again");
    println!(
        "{} runs of {} keys, {:?}",
        before,
        2 * KEYS,
        stock.callees()
    );
    orders.wait_until_idle()?;
    stock.wait_until_idle()?;
    orders.shut_down()?;
    stock.shut_down()
}
