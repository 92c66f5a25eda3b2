//! A caller and a call handler of livebus, each a part of a supervision, with the defaults of both.

use std::future::{pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::channel::oneshot;
use futures::future::try_join_all;
use livebus_async_std::AsyncStdRuntime;
use livebus_kafka::KafkaConfig;
use livebus_runner::Builder;
use livebus_runner::calls::{CallHandler, Caller};
use livebus_tests::host::{FullRunner, Host};
use livebus_tests::kafka_supervision::by_produce;
use livebus_tokio::TokioRuntime;

use super::{LIVENESS_TOPIC, measure_loads};
use crate::calls::Measured;
use crate::{Role, Task};

const DEADLINE: Duration = Duration::from_secs(30);

pub(super) fn serve(task: &Task, host: Host) -> anyhow::Result<()> {
    let kafka = by_produce(&task.servers, LIVENESS_TOPIC)?;
    match host {
        Host::TokioCurrentThread | Host::TokioMultiThread => {
            serve_on::<TokioRuntime>(task, host, kafka)
        }
        Host::AsyncStd => serve_on::<AsyncStdRuntime>(task, host, kafka),
    }
}

fn serve_on<R: FullRunner>(task: &Task, host: Host, kafka: KafkaConfig) -> anyhow::Result<()> {
    host.block_on(async {
        match task.role {
            Role::Callee => reply::<R>(task, kafka).await,
            Role::Caller => call::<R>(task, kafka).await,
        }
    })
}

async fn reply<R: FullRunner>(task: &Task, kafka: KafkaConfig) -> anyhow::Result<()> {
    let handler = CallHandler::new("echo")
        .topics([&*task.requests])
        .group(&*task.requests)
        .concurrency(1_000)
        .run(|request, _| ready(Ok(request.payload().to_vec())));
    let bus = Builder::<R, _>::new(kafka)
        .call_handler(handler)
        .start()
        .await?;
    bus.ready().await?;
    println!("ready");
    pending().await
}

async fn call<R: FullRunner>(task: &Task, kafka: KafkaConfig) -> anyhow::Result<()> {
    let caller = Caller::builder("bench", &*task.replies).build()?;
    let bus = Builder::<R, _>::new(kafka).caller(&caller).start().await?;
    bus.ready().await?;
    let topic: Arc<str> = task.requests.as_str().into();
    measure_loads(task, async |load| {
        let left = Arc::new(AtomicUsize::new(load.calls));
        let began = Instant::now();
        let tasks = (0..load.at_once).map(|_| {
            let calls = calls(
                caller.clone(),
                Arc::clone(&topic),
                task.bytes,
                Arc::clone(&left),
            );
            let (sender, round_trips) = oneshot::channel();
            R::spawn(async move {
                // The receiver waits for all of them.
                let _ = sender.send(calls.await);
            });
            round_trips
        });
        let mut all = Vec::with_capacity(load.calls);
        for round_trips in try_join_all(tasks).await? {
            all.append(&mut round_trips?);
        }
        Ok(Measured::new(began, all))
    })
    .await?;
    // The supervision goes on while the CPU time is read.
    pending().await
}

/// Makes one call after the other while some are left. Returns their round trips.
async fn calls(
    caller: Caller,
    topic: Arc<str>,
    bytes: usize,
    left: Arc<AtomicUsize>,
) -> anyhow::Result<Vec<Duration>> {
    let mut round_trips = Vec::new();
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        let request = vec![b'x'; bytes];
        let began = Instant::now();
        let call = caller.call(Arc::clone(&topic), "", request);
        let reply = call.deadline(DEADLINE).await?;
        round_trips.push(began.elapsed());
        ensure!(reply.payload().len() == bytes, "a reply of another size");
    }
    Ok(round_trips)
}
