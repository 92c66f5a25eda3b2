//! Many calls on one broker.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::StreamExt as _;
use futures::executor::block_on;
use futures::stream;
use livebus_runner::calls::Caller;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::kafka_supervision::Parts;

use super::outages::{REPLIES, TOPIC, level_before};
use super::support::{Place, handler, number, wait_until_drained};
use crate::alone::resident;
use crate::context::Context;

const PARTITIONS: i32 = 4;

/// Calls in flight at once.
const CONCURRENCY: usize = 300;

/// How much more memory the process may have after the calls than after the first tenth of them.
///
/// Nothing grows with the number of calls: the caller remembers the newest 1,000 ids, the callee keeps no reply without an idempotency key,
/// and librdkafka's queues are those of the calls in flight. What is left is the allocator's: 1 MiB was measured, after 10,000 and
/// after 100,000 calls. A leak of the requests, of their records or of their futures, some 500 bytes each, is more than this from 20,000
/// calls on.
const MAX_GROWTH: u64 = 8 << 20;

/// Returns how many calls are made: `LIVEBUS_TESTS_CALLS`.
fn calls() -> u32 {
    let Some(value) = env::var_os("LIVEBUS_TESTS_CALLS") else {
        return 10_000;
    };
    let number = value.to_str().and_then(|it| it.parse().ok());
    number.expect("LIVEBUS_TESTS_CALLS is a number of calls")
}

pub(crate) fn nothing_is_left_of_many_calls(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    node.create_topic(TOPIC, PARTITIONS)?;
    node.create_topic(REPLIES, 2)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let before = level_before(place, PARTITIONS)?;
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler(TOPIC).run(move |request, _cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(request.payload().to_vec()) }
    });
    let parts = Parts {
        call_handlers: vec![handler],
        ..Parts::default()
    };
    let mut stock = place.start("stock", context.other_host(), parts)?;
    let caller = Caller::builder("orders", REPLIES)
        .default_deadline(Duration::from_mins(1))
        .build()?;
    let mut orders = place.call_with(context.host(), &caller)?;
    let call = |of: u32| {
        let request = of.to_string();
        let call = caller.call(TOPIC, request.clone(), request).into_future();
        async move {
            let reply = call.await.with_context(|| format!("the call {of}"))?;
            ensure!(number(reply.payload()) == Some(of), "{of}: {reply:?}");
            anyhow::Ok(())
        }
    };
    let make = |numbers| {
        let mut calls = stream::iter(numbers)
            .map(call)
            .buffer_unordered(CONCURRENCY);
        block_on(async {
            while let Some(ended) = calls.next().await {
                ended?;
            }
            anyhow::Ok(())
        })
    };
    let calls = calls();
    let began = Instant::now();
    make(0..calls / 10)?;
    let first = resident()?;
    make(calls / 10..calls)?;
    let (took, last) = (began.elapsed(), resident()?);
    let per_second = f64::from(calls) / took.as_secs_f64();
    println!(
        "{calls} calls in {took:?}, {per_second:.0} per second; {} KiB, and before {}",
        last >> 10,
        first >> 10
    );
    for service in [&mut orders, &mut stock] {
        service.stayed_running()?;
    }
    ensure!(runs.load(Ordering::Relaxed) == calls, "{runs:?} runs");
    orders.wait_until_idle()?;
    ensure!(
        last.saturating_sub(first) < MAX_GROWTH,
        "the memory grew from {first} to {last} bytes"
    );
    orders.shut_down()?;
    wait_until_drained(&servers, TOPIC, PARTITIONS)?;
    stock.wait_until_idle()?;
    stock.shut_down()?;
    before.wait_until_back()
}
