//! A `StreamConsumer` that stores the offset of each record after it was handled, as the example `at_least_once` of rust-rdkafka does.

use std::future::Future;
use std::hint::black_box;
use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, DefaultConsumerContext, StreamConsumer};
use rdkafka::util::AsyncRuntime;

use super::{Handled, TICK, client_config};
use crate::Task;

/// tokio, which the feature `tokio` of rdkafka would make the default runtime of every crate of the build.
struct Tokio;

impl AsyncRuntime for Tokio {
    type Delay = tokio::time::Sleep;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        tokio::time::sleep(duration)
    }
}

pub(super) fn consume(task: &Task, handled: &Handled) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let consumer: StreamConsumer<DefaultConsumerContext, Tokio> = client_config(task)
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", TICK.as_millis().to_string())
            .create()?;
        consumer.subscribe(&[&task.topic])?;
        while !handled.is_over() {
            let message = consumer.recv().await?;
            handled.begin();
            black_box(message.payload());
            consumer.store_offset_from_message(&message)?;
            handled.end();
        }
        Ok(())
    })
}
