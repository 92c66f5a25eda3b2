//! The latency of a flip, at 10,000 calls per second on each runtime: `cargo bench -p livebus-tests --bench grpc_flip`.
//!
//! From the report that ends Running to the first call that a client sees refused, and to the edge of its watch; over HTTP/2, with the
//! client in the same process on a runtime of its own. It prints percentiles, and checks none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Parser;
use futures::channel::oneshot;
use livebus_async_std::AsyncStdRuntime;
use livebus_core::Status;
use livebus_grpc::{Gate, Health, HealthClient, ServeHttp2, ServingStatus, serve};
use livebus_readiness::{Readiness, Registry};
use livebus_runner::Runner;
use livebus_tests::grpc::{Echo, connect, say};
use livebus_tests::host::Host;
use livebus_tokio::TokioRuntime;
use tonic::service::Routes;

/// The calls that the client begins in each millisecond.
const CALLS_PER_MILLISECOND: u32 = 10;
/// The connections of the client.
const CONNECTIONS: usize = 4;
/// The minimum time in which the process is ready before each flip.
const READY_FOR: Duration = Duration::from_millis(40);
/// The maximum number of calls in flight: a machine that is too slow for the rate begins fewer.
const MAX_IN_FLIGHT: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(10);
const NEVER: u64 = u64::MAX;

#[derive(Debug, Parser)]
struct Options {
    /// The number of flips on each runtime.
    #[arg(long, default_value_t = 300)]
    flips: u32,
    /// Cargo sets it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    println!(
        "| runtime | calls per second | first refused call, p50 | p99 | edge of the watch, p50 | p99 |"
    );
    println!("|---|---|---|---|---|---|");
    for &host in Host::EACH {
        measure(host, options.flips)?;
    }
    Ok(())
}

/// What the client saw first since the newest report, in nanoseconds since the beginning.
struct Seen {
    began: Instant,
    refused: AtomicU64,
    edge: AtomicU64,
    is_serving: AtomicBool,
    answered: AtomicU64,
    ended: AtomicBool,
}

impl Seen {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(NEVER)
    }
}

fn measure(host: Host, flips: u32) -> anyhow::Result<()> {
    let registry = Registry::builder().required("message-bus").build()?;
    let bus = registry.reporter("message-bus")?;
    let (_server, address) = start(host, registry.readiness())?;
    let seen = Arc::new(Seen {
        began: Instant::now(),
        refused: AtomicU64::new(NEVER),
        edge: AtomicU64::new(NEVER),
        is_serving: AtomicBool::new(false),
        answered: AtomicU64::new(0),
        ended: AtomicBool::new(false),
    });
    let client = thread::spawn({
        let seen = Arc::clone(&seen);
        move || Host::TokioCurrentThread.block_on(call_until_the_end(address, &seen))
    });

    let (mut refused, mut edges) = (Vec::new(), Vec::new());
    let (mut calls, mut ready_for) = (0, Duration::ZERO);
    for _ in 0..flips {
        let now = Instant::now();
        bus.set(now, Status::Running, now + Duration::from_hours(1));
        wait_until(|| seen.is_serving.load(Ordering::Acquire))?;
        let before = seen.answered.load(Ordering::Relaxed);
        // Not in step with the milliseconds of the client.
        thread::sleep(READY_FOR + Duration::from_micros(fastrand::u64(..2_000)));
        calls += seen.answered.load(Ordering::Relaxed) - before;
        ready_for += now.elapsed();
        seen.refused.store(NEVER, Ordering::Release);
        seen.edge.store(NEVER, Ordering::Release);
        let reported = seen.now();
        let now = Instant::now();
        bus.set(now, Status::NotReady, now);
        let both = || [&seen.refused, &seen.edge].map(|it| it.load(Ordering::Acquire));
        wait_until(|| both().iter().all(|it| *it != NEVER))?;
        let [first_refused, edge] = both();
        refused.push(first_refused - reported);
        edges.push(edge - reported);
    }
    seen.ended.store(true, Ordering::Release);
    client.join().ok().context("the client panicked")?;
    let rate = f64::from(u32::try_from(calls)?) / ready_for.as_secs_f64();
    println!(
        "| {host} | {rate:.0} | {} | {} | {} | {} |",
        percentile(&mut refused, 50),
        percentile(&mut refused, 99),
        percentile(&mut edges, 50),
        percentile(&mut edges, 99),
    );
    Ok(())
}

/// Serves on the runtime until the guard is dropped.
fn start(host: Host, readiness: Readiness) -> anyhow::Result<(oneshot::Sender<()>, SocketAddr)> {
    let (guard, ended) = oneshot::channel::<()>();
    let (started, start) = mpsc::channel();
    thread::spawn(move || {
        host.block_on(async {
            let server = match host {
                Host::AsyncStd => serve_gated::<AsyncStdRuntime>(readiness),
                Host::TokioCurrentThread | Host::TokioMultiThread => {
                    serve_gated::<TokioRuntime>(readiness)
                }
            }?;
            let _ = started.send(server.address());
            let _ = ended.await;
            anyhow::Ok(())
        })
    });
    Ok((guard, start.recv().context("it does not serve")?))
}

fn serve_gated<R: Runner + ServeHttp2>(
    readiness: Readiness,
) -> anyhow::Result<livebus_endpoints::http::Server> {
    let health = Health::new(readiness.clone(), R::time());
    let routes = Routes::new(health).add_service(Gate::new(readiness).layer(Echo));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Ok(serve::<R>(any, routes.prepare())?)
}

/// Watches, and begins calls at the same rate whatever comes back.
async fn call_until_the_end(address: SocketAddr, seen: &Arc<Seen>) {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(connect(address).await);
    }
    let watching = tokio::spawn({
        let (transport, seen) = (connect(address).await, Arc::clone(seen));
        async move {
            let watch = HealthClient::new(transport).watch("").await;
            let mut watch = watch.expect("it is served");
            while let Ok(Some(status)) = watch.next().await {
                let is_serving = status == ServingStatus::Serving;
                if !is_serving {
                    seen.edge.fetch_min(seen.now(), Ordering::AcqRel);
                }
                seen.is_serving.store(is_serving, Ordering::Release);
            }
        }
    });
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let in_flight = Arc::new(());
    let mut connections = connections.iter().cycle();
    while !seen.ended.load(Ordering::Acquire) {
        ticks.tick().await;
        for _ in 0..CALLS_PER_MILLISECOND {
            // The client and each call hold one.
            if Arc::strong_count(&in_flight) > MAX_IN_FLIGHT {
                break;
            }
            let one = Arc::clone(&in_flight);
            let transport = connections.next().expect("it is endless").clone();
            let seen = Arc::clone(seen);
            tokio::spawn(async move {
                match say(&transport, "a").await {
                    Ok(_) => drop(seen.answered.fetch_add(1, Ordering::Relaxed)),
                    Err(_) => drop(seen.refused.fetch_min(seen.now(), Ordering::AcqRel)),
                }
                drop(one);
            });
        }
    }
    watching.abort();
}

fn wait_until(condition: impl Fn() -> bool) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !condition() {
        ensure!(begin.elapsed() < LIMIT, "waited {LIMIT:?}");
        thread::sleep(Duration::from_micros(100));
    }
    Ok(())
}

/// Returns a percentile of these nanoseconds, as text.
fn percentile(values: &mut [u64], percent: usize) -> String {
    values.sort_unstable();
    let index = (values.len() * percent / 100).min(values.len() - 1);
    let microseconds = values[index] / 1_000;
    format!(
        "{}.{:02} ms",
        microseconds / 1_000,
        microseconds % 1_000 / 10
    )
}
