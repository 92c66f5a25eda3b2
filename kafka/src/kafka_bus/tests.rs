use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use livebus_core::Settings;

use super::*;
use crate::config::LivenessBy;
use crate::embedded::EmbeddedCluster;

/// Much longer than anything here takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_client_that_is_discarded_is_closed() {
    let (_cluster, bus) = cluster_and_bus();
    let client = ClientId::from_number(1);
    assert_eq!(block_on(bus.start(client, deadline())), Ok(()));
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
    bus.discard_client(client);
    assert_eq!(block_on(bus.send_liveness(deadline())), NO_CLIENT);
    bus.must_close_all_clients();
}

#[test]
fn a_client_whose_start_ends_after_its_discard_is_closed() {
    let (_cluster, bus) = cluster_and_bus();
    let client = ClientId::from_number(1);
    let mut start = pin!(bus.start(client, deadline()));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(start.as_mut().poll(&mut context), Poll::Pending);
    bus.discard_client(client);
    assert_eq!(block_on(start), Ok(()));
    assert_eq!(block_on(bus.send_liveness(deadline())), NO_CLIENT);
    bus.must_close_all_clients();
}

#[test]
fn a_start_after_the_stop_leaves_no_client() {
    let (_cluster, bus) = cluster_and_bus();
    assert_eq!(block_on(bus.stop(deadline())), Ok(()));
    let client = ClientId::from_number(1);
    assert_eq!(block_on(bus.start(client, deadline())), Ok(()));
    assert_eq!(block_on(bus.send_liveness(deadline())), NO_CLIENT);
    bus.must_close_all_clients();
}

#[test]
fn the_discard_of_an_older_client_keeps_the_newer_one() {
    let (_cluster, bus) = cluster_and_bus();
    let [older, newer] = [1, 4].map(ClientId::from_number);
    let mut late = pin!(bus.start(older, deadline()));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(late.as_mut().poll(&mut context), Poll::Pending);
    bus.discard_client(older);
    assert_eq!(block_on(bus.start(newer, deadline())), Ok(()));
    assert_eq!(block_on(late), Ok(()));
    assert_eq!(lock(&bus.client).held.as_ref().map(|it| it.id), Some(newer));
    bus.discard_client(older);
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
}

#[test]
fn the_bus_has_the_remedies_of_kafka() {
    for class in FailureClass::ALL {
        let failure = Failure::new(class);
        assert_eq!(KafkaBus::<Inline>::remedy(failure), Some(remedy(failure)));
    }
}

/// The result of a liveness message when there is no client.
const NO_CLIENT: Result<(), Failure> = Err(Failure::new(FailureClass::ClientFatal));

fn cluster_and_bus() -> (EmbeddedCluster, KafkaBus<Inline>) {
    let cluster = EmbeddedCluster::start(1).expect("librdkafka has a mock cluster");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let config = Config::new(Settings::fast()).expect("the preset is valid");
    let bus = KafkaBus::new(kafka.liveness_by(LivenessBy::Metadata), &config);
    (cluster, bus)
}

fn deadline() -> Instant {
    Instant::now() + TEST_TIMEOUT
}

impl KafkaBus<Inline> {
    /// Waits until no producer is left: each holds the observations, and its thread takes a while to drop it.
    fn must_close_all_clients(&self) {
        let end = deadline();
        while Arc::strong_count(&self.observations) > 1 {
            assert!(Instant::now() < end, "a producer is left");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Runs on the thread that polls; blocking work begins with the second poll.
struct Inline;

impl Runtime for Inline {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    fn sleep(_duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        ready(())
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > 1 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        Some(work())
    }
}
