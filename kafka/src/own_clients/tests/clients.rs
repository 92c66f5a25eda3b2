//! A user's context that counts its callbacks, and a runtime of threads.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use rdkafka::TopicPartitionList;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{NoCustomPartitioner, Partitioner, ProducerContext};
use rdkafka::util::{AsyncRuntime, Timeout};

use crate::own_clients::{OwnConsumerContext, OwnContext};

#[derive(Default)]
pub(super) struct User {
    counts: Arc<Counts>,
    partitioner: Option<First>,
}

#[derive(Default)]
struct Counts {
    errors: AtomicUsize,
    logs: AtomicUsize,
    statistics: AtomicUsize,
    deliveries: AtomicUsize,
    partitioned: AtomicUsize,
    before_rebalance: AtomicUsize,
    after_rebalance: AtomicUsize,
    commits: AtomicUsize,
    poll_intervals: AtomicUsize,
}

/// What a user's context has seen.
pub(super) struct Seen(Arc<Counts>);

impl User {
    pub(super) fn with_partitioner() -> Self {
        let counts = Arc::<Counts>::default();
        Self {
            partitioner: Some(First(Arc::clone(&counts))),
            counts,
        }
    }

    pub(super) fn seen(&self) -> Seen {
        Seen(Arc::clone(&self.counts))
    }
}

fn add(count: &AtomicUsize) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn get(count: &AtomicUsize) -> usize {
    count.load(Ordering::Relaxed)
}

impl Seen {
    pub(super) fn errors(&self) -> usize {
        get(&self.0.errors)
    }

    pub(super) fn logs(&self) -> usize {
        get(&self.0.logs)
    }

    pub(super) fn statistics(&self) -> usize {
        get(&self.0.statistics)
    }

    pub(super) fn deliveries(&self) -> usize {
        get(&self.0.deliveries)
    }

    pub(super) fn partitioned(&self) -> usize {
        get(&self.0.partitioned)
    }

    /// The calls before and after rebalances.
    pub(super) fn rebalances(&self) -> (usize, usize) {
        (get(&self.0.before_rebalance), get(&self.0.after_rebalance))
    }

    pub(super) fn commits(&self) -> usize {
        get(&self.0.commits)
    }

    pub(super) fn poll_intervals(&self) -> usize {
        get(&self.0.poll_intervals)
    }
}

impl ClientContext for User {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {
        add(&self.counts.logs);
    }

    fn stats(&self, _: rdkafka::Statistics) {
        add(&self.counts.statistics);
    }

    fn error(&self, _: KafkaError, _: &str) {
        add(&self.counts.errors);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        Ok(OAuthToken {
            token: config.unwrap_or_default().to_owned(),
            principal_name: String::new(),
            lifetime_ms: 0,
        })
    }
}

impl ProducerContext<NoCustomPartitioner> for User {
    type DeliveryOpaque = Box<u8>;

    fn delivery(&self, _: &DeliveryResult<'_>, opaque: Box<u8>) {
        assert_eq!(*opaque, 7);
        add(&self.counts.deliveries);
    }
}

impl ProducerContext<First> for User {
    type DeliveryOpaque = Box<u8>;

    fn delivery(&self, _: &DeliveryResult<'_>, opaque: Box<u8>) {
        assert_eq!(*opaque, 7);
        add(&self.counts.deliveries);
    }

    fn get_custom_partitioner(&self) -> Option<&First> {
        self.partitioner.as_ref()
    }
}

/// Chooses the first partition.
pub(super) struct First(Arc<Counts>);

impl Partitioner for First {
    fn partition(&self, _: &str, _: Option<&[u8]>, _: i32, _: impl Fn(i32) -> bool) -> i32 {
        add(&self.0.partitioned);
        0
    }
}

impl OwnConsumerContext for User {
    fn pre_rebalance(&self, _: &BaseConsumer<OwnContext<Self>>, _: &Rebalance<'_>) {
        add(&self.counts.before_rebalance);
    }

    fn post_rebalance(&self, _: &BaseConsumer<OwnContext<Self>>, _: &Rebalance<'_>) {
        add(&self.counts.after_rebalance);
    }

    fn commit_callback(&self, _: KafkaResult<()>, _: &TopicPartitionList) {
        add(&self.counts.commits);
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        add(&self.counts.poll_intervals);
        Timeout::After(Duration::from_millis(10))
    }
}

/// A thread for each task and each delay.
pub(super) struct Naive;

impl AsyncRuntime for Naive {
    type Delay = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        drop(thread::spawn(move || block_on(task)));
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        let (sender, elapsed) = oneshot::channel();
        drop(thread::spawn(move || {
            thread::sleep(duration);
            let _ = sender.send(());
        }));
        Box::pin(async move {
            let _ = elapsed.await;
        })
    }
}
