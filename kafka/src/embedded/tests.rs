use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::Instant;

use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::*;

const TOPIC: &str = "alive";
/// Much longer than anything here takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The client's `socket.timeout.ms`: after this time it gives up a silent connection.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
/// Much longer than an answer takes without a fault.
const SILENCE: Duration = Duration::from_millis(300);

#[test]
fn a_cluster_without_brokers_is_rejected() {
    assert!(matches!(
        EmbeddedCluster::start(0),
        Err(EmbeddedError::NoBrokers)
    ));
}

#[test]
fn a_cluster_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>() {}
    shared::<EmbeddedCluster>();
}

#[test]
fn a_healthy_cluster_delivers() {
    let (_cluster, client) = cluster_and_client();
    client.must_deliver();
}

#[test]
fn partitions_get_leaders_in_turn() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    cluster.create_topic(TOPIC, 4).expect("creates");
    let client = Client::connect(&cluster);
    assert_eq!(client.leaders(), [1, 2, 3, 1]);
    cluster.set_leader(TOPIC, 0, Some(3)).expect("moves");
    cluster.set_leader(TOPIC, 1, None).expect("takes away");
    assert_eq!(client.leaders(), [3, -1, 3, 1]);
}

#[test]
fn the_error_of_an_unknown_broker_has_its_number() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    for broker in [0, 3] {
        let error = cluster.kill_broker(broker).expect_err("unknown");
        assert_eq!(
            error.to_string(),
            format!("there is no embedded broker {broker}: they are numbered 1 to 2")
        );
    }
}

#[test]
fn a_killed_broker_refuses_connections_and_is_restored_at_its_address() {
    let (cluster, client) = cluster_and_client();
    client.must_deliver();
    cluster.kill().expect("kills");
    until("the port refuses", || connect(&cluster).is_err());
    client.must_stay_silent();
    cluster.restore().expect("restores");
    until("the port accepts", || connect(&cluster).is_ok());
    client.must_deliver();
}

#[test]
fn a_hung_broker_accepts_and_never_answers() {
    let (cluster, client) = cluster_and_client();
    client.must_deliver();
    cluster.hang().expect("hangs");
    connect(&cluster).expect("accepts");
    client.must_stay_silent();
    Client::connect(&cluster).must_stay_silent();
    cluster.restore().expect("restores");
    client.must_deliver();
}

#[test]
fn a_slow_broker_answers_late() {
    let (cluster, client) = cluster_and_client();
    client.must_deliver();
    cluster.slow(SILENCE).expect("slows");
    assert!(client.must_deliver() >= SILENCE);
    cluster.restore().expect("restores");
    client.must_deliver();
    until("it is fast again", || client.must_deliver() < SILENCE);
}

/// The reason why [`EmbeddedCluster::restore`] closes connections: the client's first one would stall.
#[test]
fn a_hung_broker_can_be_restored_and_made_slow() {
    let (cluster, client) = cluster_and_client();
    client.must_deliver();
    cluster.hang().expect("hangs");
    client.must_stay_silent();
    cluster.restore().expect("restores");
    cluster.slow(Duration::from_millis(10)).expect("slows");
    let start = Instant::now();
    client.must_deliver();
    assert!(start.elapsed() < CLIENT_TIMEOUT, "{:?}", start.elapsed());
}

#[test]
fn one_fault_replaces_another() {
    let (cluster, client) = cluster_and_client();
    cluster.hang().expect("hangs");
    cluster.kill().expect("kills");
    until("the port refuses", || connect(&cluster).is_err());
    cluster.hang().expect("hangs");
    until("the port accepts", || connect(&cluster).is_ok());
    client.must_stay_silent();
    cluster.slow(Duration::from_millis(1)).expect("slows");
    client.must_deliver();
}

#[test]
fn faults_act_at_once() {
    let cluster = EmbeddedCluster::start(3).expect("starts");
    let start = Instant::now();
    for _ in 0..3 {
        cluster.kill().expect("kills");
        cluster.hang().expect("hangs");
        cluster.restore().expect("restores");
    }
    // Each lost wake-up of the mock's thread would add up to a second to the 63 operations.
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_fault_of_one_broker_does_not_affect_another() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    cluster.create_topic(TOPIC, 2).expect("creates");
    let client = Client::connect(&cluster);
    for (fail, fault) in [
        EmbeddedCluster::kill_broker as fn(&_, _) -> _,
        EmbeddedCluster::hang_broker,
    ]
    .into_iter()
    .zip(["killed", "hung"])
    {
        client.must_deliver_to(0);
        client.must_deliver_to(1);
        fail(&cluster, 1).expect(fault);
        assert_eq!(client.deliver(0, SILENCE), None, "{fault}");
        client.must_deliver_to(1);
        cluster.restore_broker(1).expect("restores");
    }
    client.must_deliver_to(0);
}

#[test]
fn a_refused_record_fails_with_the_code() {
    let (cluster, client) = cluster_and_client();
    for code in [
        RDKafkaErrorCode::NotEnoughReplicas,
        RDKafkaErrorCode::TopicAuthorizationFailed,
    ] {
        cluster.refuse_produce(code, 1).expect("refuses");
        assert_eq!(client.deliver(0, TEST_TIMEOUT), Some(Err(code)));
    }
}

#[test]
fn refusals_can_be_cleared() {
    let (cluster, client) = cluster_and_client();
    let code = RDKafkaErrorCode::NotEnoughReplicas;
    cluster.refuse_produce(code, 1_000).expect("refuses");
    assert_eq!(client.deliver(0, TEST_TIMEOUT), Some(Err(code)));
    cluster.clear_refusals().expect("clears");
    client.must_deliver();
}

#[test]
fn a_refused_topic_has_the_code_in_its_metadata() {
    let (cluster, client) = cluster_and_client();
    assert_eq!(client.topic_error(), None);
    let code = RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_topic(TOPIC, code).expect("refuses");
    assert_eq!(client.topic_error(), Some(code));
    cluster.clear_refusals().expect("clears");
    assert_eq!(client.topic_error(), None);
}

#[test]
fn a_client_recovers_from_five_kills() {
    recovers_repeatedly(EmbeddedCluster::kill);
}

#[test]
fn a_client_recovers_from_five_hangs() {
    recovers_repeatedly(EmbeddedCluster::hang);
}

/// Outages on both sides of `socket.timeout.ms`: within it the old connection hangs, beyond it a new one does.
fn recovers_repeatedly(fail: fn(&EmbeddedCluster) -> Result<(), EmbeddedError>) {
    let (cluster, client) = cluster_and_client();
    let recoveries = [300, 600, 1_200, 1_800, 2_400].map(|outage| {
        client.must_deliver();
        fail(&cluster).expect("fails");
        let end = Instant::now() + Duration::from_millis(outage);
        while Instant::now() < end {
            assert_ne!(client.deliver(0, Duration::from_millis(250)), Some(Ok(())));
        }
        cluster.restore().expect("restores");
        let restored = Instant::now();
        until("it delivers", || client.deliver(0, SILENCE) == Some(Ok(())));
        restored.elapsed()
    });
    println!("delivered again after {recoveries:?}");
    let slowest = recoveries.iter().max().expect("five");
    assert!(*slowest < Duration::from_secs(2), "{recoveries:?}");
}

fn cluster_and_client() -> (EmbeddedCluster, Client) {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    cluster.create_topic(TOPIC, 1).expect("creates");
    let client = Client::connect(&cluster);
    (cluster, client)
}

fn connect(cluster: &EmbeddedCluster) -> std::io::Result<TcpStream> {
    TcpStream::connect(cluster.bootstrap_servers())
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !holds() {
        assert!(Instant::now() < end, "not within {TEST_TIMEOUT:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

type Delivery = Arc<OnceLock<Result<(), RDKafkaErrorCode>>>;

/// A producer like that of a user of the cluster, configured to reconnect fast.
struct Client(BaseProducer<Deliveries>);

struct Deliveries;

impl ClientContext for Deliveries {
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Delivery;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.rdkafka_error_code().expect("has a code")),
        };
        delivery.set(outcome).expect("one report per record");
    }
}

impl Client {
    fn connect(cluster: &EmbeddedCluster) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .set("acks", "1")
            .set("linger.ms", "0")
            .set("message.timeout.ms", "1000")
            // A refusal must be reported, and not retried until it times out.
            .set("message.send.max.retries", "0")
            .set("socket.timeout.ms", "1000")
            .set("api.version.request.timeout.ms", "1000")
            .set("socket.connection.setup.timeout.ms", "1000")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "250")
            .create_with_context(Deliveries)
            .expect("is created");
        Self(producer)
    }

    fn must_deliver(&self) -> Duration {
        self.must_deliver_to(0)
    }

    /// Delivers a record within [`TEST_TIMEOUT`], with any number of attempts. Returns how long the last one took.
    fn must_deliver_to(&self, partition: i32) -> Duration {
        let mut took = Duration::ZERO;
        until("a record is delivered", || {
            let start = Instant::now();
            let outcome = self.deliver(partition, TEST_TIMEOUT);
            took = start.elapsed();
            outcome == Some(Ok(()))
        });
        took
    }

    fn must_stay_silent(&self) {
        assert_eq!(self.deliver(0, SILENCE), None);
    }

    /// Returns the outcome of one record within `timeout`; `None` if it was neither delivered nor refused.
    fn deliver(&self, partition: i32, timeout: Duration) -> Option<Result<(), RDKafkaErrorCode>> {
        let delivery = Delivery::default();
        let record = BaseRecord::<(), [u8], _>::with_opaque_to(TOPIC, Arc::clone(&delivery))
            .partition(partition)
            .payload(b"alive");
        self.0.send(record).map_err(|(error, _)| error).ok()?;
        let end = Instant::now() + timeout;
        while delivery.get().is_none() && Instant::now() < end {
            self.0.poll(Duration::from_millis(1));
        }
        delivery.get().copied()
    }

    fn leaders(&self) -> Vec<i32> {
        let metadata = self.0.client().fetch_metadata(Some(TOPIC), TEST_TIMEOUT);
        metadata.expect("answers").topics()[0]
            .partitions()
            .iter()
            .map(rdkafka::metadata::MetadataPartition::leader)
            .collect()
    }

    fn topic_error(&self) -> Option<RDKafkaErrorCode> {
        let metadata = self.0.client().fetch_metadata(Some(TOPIC), TEST_TIMEOUT);
        let error = metadata.expect("answers").topics()[0].error();
        error.map(RDKafkaErrorCode::from)
    }
}

#[test]
fn one_broker_is_hung_and_restored() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    cluster.hang_broker(2).expect("hangs");
    let hung = Some(Fault::Delayed(Duration::MAX));
    assert_eq!(cluster.state().faults, [None, hung]);
    assert!(format!("{cluster:?}").contains(cluster.bootstrap_servers()));
    cluster.restore_broker(2).expect("restores");
    assert_eq!(cluster.state().faults, [None, None]);
    assert_eq!(cluster.brokers().collect::<Vec<_>>(), [1, 2]);
}
