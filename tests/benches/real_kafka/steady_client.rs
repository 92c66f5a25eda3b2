//! A client that shows since when a node works without interruption.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::bail;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord};

use crate::bare_producer::Acknowledgements;
use crate::supervisions::TOPIC;

/// The time between two records.
const INTERVAL: Duration = Duration::from_millis(50);
/// A longer time without an acknowledgement is an interruption.
const MAX_GAP: Duration = Duration::from_millis(500);
/// How long a node must work without an interruption. After a hang, its controller takes it back within some three seconds.
const STEADY: Duration = Duration::from_secs(5);
/// The producers begin one after the other at this interval: metadata that names no broker makes one useless for a while.
const PRODUCERS: u32 = 4;
const PRODUCER_INTERVAL: Duration = Duration::from_secs(1);

/// Producers without livebus that connect again every 50 ms at most, and send a record each 50 ms.
pub(crate) struct SteadyClient {
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl SteadyClient {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When there is no thread.
    pub(crate) fn start(servers: &str) -> anyhow::Result<Self> {
        let mut client = Self {
            acknowledged: Arc::default(),
            is_over: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..PRODUCERS {
            let acknowledged = Arc::clone(&client.acknowledged);
            let is_over = Arc::clone(&client.is_over);
            let servers = servers.to_owned();
            let thread = thread::Builder::new()
                .name("steady-client".to_owned())
                .spawn(move || {
                    thread::sleep(PRODUCER_INTERVAL * number);
                    if let Err(error) = produce(&servers, acknowledged, &is_over) {
                        eprintln!("the steady client: {error}");
                    }
                })?;
            client.threads.push(thread);
        }
        Ok(client)
    }

    /// Waits until the node works, and returns since when it has done so without an interruption.
    ///
    /// # Errors
    ///
    /// When it does not work for some seconds `within` that time.
    pub(crate) fn works_since(&self, within: Duration) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + within;
        loop {
            let now = Instant::now();
            let since = without_interruption(&self.acknowledged(), now);
            if let Some(since) = since
                && now.saturating_duration_since(since) >= STEADY
            {
                return Ok(since);
            }
            if now >= deadline {
                bail!("the node has not worked for {STEADY:?} within {within:?}");
            }
            thread::sleep(INTERVAL);
        }
    }

    fn acknowledged(&self) -> Vec<Instant> {
        let all = self.acknowledged.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner).clone();
        all.sort();
        all
    }
}

impl Drop for SteadyClient {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of it was printed.
            let _ = thread.join();
        }
    }
}

/// Returns the first acknowledgement after the last interruption; `None` during one.
fn without_interruption(acknowledged: &[Instant], now: Instant) -> Option<Instant> {
    let mut later = now;
    let mut since = None;
    for &at in acknowledged.iter().rev() {
        if later.saturating_duration_since(at) > MAX_GAP {
            break;
        }
        since = Some(at);
        later = at;
    }
    since
}

fn produce(
    servers: &str,
    acknowledged: Arc<Mutex<Vec<Instant>>>,
    is_over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("message.timeout.ms", "5000")
        .set("reconnect.backoff.ms", "10")
        .set("reconnect.backoff.max.ms", "50")
        .set("retry.backoff.ms", "10")
        .set("retry.backoff.max.ms", "50")
        .set("topic.metadata.refresh.fast.interval.ms", "50");
    let context = Acknowledgements(Box::new(move |at| {
        let mut all = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(at);
    }));
    let producer: BaseProducer<_> = config.create_with_context(context)?;
    while !is_over.load(Ordering::Relaxed) {
        let record = BaseRecord::<(), [u8]>::to(TOPIC).payload(b"?");
        // Without room in the queue there is no acknowledgement, which is what is measured.
        let _ = producer.send(record);
        producer.poll(INTERVAL);
    }
    Ok(())
}
