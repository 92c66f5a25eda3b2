mod knowledge;
mod rounds;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use futures::executor::block_on;
use livebus_core::Settings;

use super::*;
use crate::cluster_identity::ClusterPolicy;
use crate::config::LivenessBy;
use crate::embedded::EmbeddedCluster;
use crate::inquiry::{Inquiry, Reach};
use crate::liveness_client::LivenessClient;
use crate::remedy::explain;

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
    let (_cluster, bus) = cluster_and_bus();
    for class in FailureClass::ALL {
        let failure = Failure::new(class);
        assert_eq!(bus.explain(failure).remedy, explain(failure).remedy);
    }
}

#[test]
fn the_bus_explains_a_failure_by_what_is_known_of_its_brokers() {
    let (_cluster, bus) = cluster_and_bus();
    let failure = Failure::with_code(FailureClass::RecordRejected, 32);
    let explanation = bus.explain(failure);
    assert_eq!(explanation.code_name.as_deref(), Some("INVALID_TIMESTAMP"));
    assert_eq!(
        explanation.reason.as_deref(),
        Some("Broker: Invalid timestamp")
    );
    let silent = bus.explain(FailureClass::Timeout.into());
    assert_eq!(silent.reason.as_deref(), Some("no answer in time"));
    bus.facts
        .set(FailureClass::Tls.into(), Some("kafka-1:9093/1"), "expired");
    let tls = bus.explain(FailureClass::Tls.into());
    assert_eq!(tls.reason.as_deref(), Some("kafka-1:9093: expired"));
}

#[test]
fn the_details_of_the_bus_name_its_servers() {
    let (cluster, bus) = cluster_and_bus();
    let servers = Detail {
        name: "bootstrap_servers",
        value: cluster.bootstrap_servers().to_owned(),
    };
    assert_eq!(bus.details(), [servers]);
}

#[test]
fn a_foreign_bootstrap_server_is_the_wrong_cluster() {
    let clusters = [(); 2].map(|()| EmbeddedCluster::start(1).expect("starts"));
    let both = clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
    let bus = bus_at(&both.join(","), ClusterPolicy::Remember);
    let client = ClientId::from_number(1);
    assert_eq!(block_on(bus.start(client, deadline())), Ok(()));
    let result = block_on(bus.send_liveness(deadline()));
    assert_eq!(result, Err(FailureClass::WrongCluster.into()));
    bus.observations.evidence_at(Instant::now());
    assert_eq!(bus.observations.take().live, None, "its evidence counts");
    let reason = bus.explain(FailureClass::WrongCluster.into()).reason;
    let reason = reason.expect("is explained");
    assert!(
        both.iter().all(|server| reason.contains(server)),
        "{reason}"
    );
}

#[test]
fn another_cluster_than_the_expected_one_is_wrong_and_any_is_right() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let client = ClientId::from_number(1);
    let expected = ClusterPolicy::Expect("another".to_owned());
    let wrong = Err(FailureClass::WrongCluster.into());
    for (policy, result) in [(expected, wrong), (ClusterPolicy::Any, Ok(()))] {
        let bus = bus_at(cluster.bootstrap_servers(), policy);
        assert_eq!(block_on(bus.start(client, deadline())), Ok(()));
        assert_eq!(block_on(bus.send_liveness(deadline())), result);
    }
}

fn bus_at(servers: &str, policy: ClusterPolicy) -> KafkaBus<Inline> {
    let servers = servers.parse().expect("addresses");
    let kafka = KafkaConfig::new(servers, crate::Properties::new()).expect("valid");
    let kafka = kafka.liveness_by(LivenessBy::Metadata).cluster(policy);
    let config = Config::new(Settings::fast()).expect("the preset is valid");
    KafkaBus::new(kafka, &config)
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
    /// Waits until no producer is left: each holds the guard, and its thread takes a while to drop it.
    fn must_close_all_clients(&self) {
        let end = deadline();
        while Arc::strong_count(&self.cluster) > 1 {
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

    async fn sleep(duration: Duration) {
        let (done, slept) = oneshot::channel();
        thread::spawn(move || {
            thread::sleep(duration);
            // Nobody may wait for it.
            let _ = done.send(());
        });
        // The sender is not dropped before.
        let _ = slept.await;
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
