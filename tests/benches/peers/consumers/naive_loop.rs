//! What one writes in an afternoon: a task for each record, which waits for the one before it with the same key. It commits nothing, and
//! holds as many records as come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tokio::sync::Semaphore;

use super::{Handled, TICK, client_config};
use crate::Task;

pub(super) fn consume(task: &Task, handled: Handled) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let consumer: BaseConsumer = client_config(task).create()?;
    consumer.subscribe(&[&task.topic])?;
    let handled = Arc::new(handled);
    let slots = Arc::new(Semaphore::new(task.calls as usize));
    let mut newest: HashMap<Vec<u8>, oneshot::Receiver<()>> = HashMap::new();
    while !handled.is_over() {
        let Some(message) = consumer.poll(TICK) else {
            continue;
        };
        let message = message?.detach();
        let (done, is_done) = oneshot::channel();
        let key = message.key().unwrap_or_default().to_vec();
        let before = newest.insert(key, is_done);
        let (handled, slots, row) = (Arc::clone(&handled), Arc::clone(&slots), task.row);
        runtime.spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            let _slot = slots.acquire().await;
            handled.begin();
            let millis = row.millis(message.offset());
            if millis > 0 {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            handled.end();
            drop(done);
        });
    }
    Ok(())
}
