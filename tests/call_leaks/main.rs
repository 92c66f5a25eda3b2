//! Nothing is left of calls that are over, on each runtime and a real Kafka: `cargo test -p livebus-tests --test call_leaks`.
//!
//! It has a process of its own, since it counts what the process has: threads, descriptors, memory. A caller and a callee are in it. Calls end in
//! all ways that a working bus allows, a hundred at once. `LIVEBUS_CALLS` sets how many are measured.

mod calls;
mod process;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use livebus_async_std::AsyncStdRuntime;
use livebus_runner::Builder;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, availability};
use livebus_tests::host::{FullRunner, Host};
use livebus_tests::kafka_supervision::{by_produce, fast};
use livebus_tests::{WAIT_LIMIT, is_enabled};
use livebus_tokio::TokioRuntime;

use crate::calls::{call_all, callee, caller};
use crate::process::Usage;

const START_LIMIT: Duration = Duration::from_secs(90);
const LIVENESS_TOPIC: &str = "livebus-liveness";

/// The calls before the measurement: memory that is used again is there after them.
const WARM_UP: usize = 30_000;

/// What the memory of the process may be larger by, for 100,000 calls: less than one hash map entry of each. It varies by as much.
const MEMORY_KIB: u64 = 4 * 1_024;

/// How often it is looked whether what is closed in the background is gone.
const INTERVAL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They count what the process has.
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("tokio", || {
            nothing_is_left::<TokioRuntime>(Host::TokioMultiThread)
        }),
        trial("async-std", || {
            nothing_is_left::<AsyncStdRuntime>(Host::AsyncStd)
        }),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(runtime: &str, check: fn() -> anyhow::Result<()>) -> Trial {
    let name = format!("nothing is left of calls that are over, on {runtime}");
    Trial::ignorable_test(name, move || match availability() {
        Ok(()) => match check() {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(Failed::from(format!("{error:#}"))),
        },
        Err(reason) if is_enabled("LIVEBUS_REQUIRE_KAFKA") => Err(Failed::from(reason)),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

fn nothing_is_left<R: FullRunner>(host: Host) -> anyhow::Result<()> {
    let count = match std::env::var("LIVEBUS_CALLS") {
        Ok(text) => text.parse().context("LIVEBUS_CALLS")?,
        Err(_) => 100_000,
    };
    let mut node = KafkaNode::new(&NodeOptions::default())?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    for topic in [LIVENESS_TOPIC, calls::REQUESTS, calls::REPLIES] {
        node.create_topic(topic, 1)?;
    }
    host.block_on(async {
        // What a runtime has for itself stays: the threads of async-std, and those that tokio blocks.
        run::<R>(&node, WARM_UP / 10).await?;
        let before = Usage::now()?;
        run::<R>(&node, count).await?;
        wait_until_gone(before)
    })
}

/// Starts the caller and the callee, makes the calls, checks that nothing is left of them, and shuts both down.
async fn run<R: FullRunner>(node: &KafkaNode, count: usize) -> anyhow::Result<()> {
    let kafka = || by_produce(&node.bootstrap_servers(), LIVENESS_TOPIC);
    let caller = caller()?;
    let serving = Builder::<R, _>::new(kafka()?).settings(fast());
    let serving = serving
        .service("callee")
        .call_handler(callee())
        .start()
        .await?;
    let calling = Builder::<R, _>::new(kafka()?).settings(fast());
    let calling = calling.service("caller").caller(&caller).start().await?;
    serving.ready().await?;
    calling.ready().await?;

    call_all::<R>(&caller, WARM_UP).await?;
    let before = Usage::now()?;
    let ended = call_all::<R>(&caller, count).await?;
    let after = Usage::now()?;
    println!("{count} calls: {ended:?}; before: {before:?}, after: {after:?}");
    ensure!(ended.total() == count, "each call ends once: {ended:?}");
    ensure!(
        after.threads <= before.threads && after.descriptors <= before.descriptors,
        "threads or descriptors are left: {before:?}, then {after:?}"
    );
    ensure!(
        after.memory_kib <= before.memory_kib + MEMORY_KIB,
        "memory is left: {before:?}, then {after:?}"
    );
    calling.shutdown().await;
    serving.shutdown().await;
    Ok(())
}

/// Waits until the threads and descriptors of a supervision are gone.
fn wait_until_gone(before: Usage) -> anyhow::Result<()> {
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        let now = Usage::now()?;
        if now.threads <= before.threads && now.descriptors <= before.descriptors {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "threads or descriptors of a supervision are left: {before:?}, then {now:?}"
        );
        thread::sleep(INTERVAL);
    }
}
