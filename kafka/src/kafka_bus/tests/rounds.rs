//! Rounds on an embedded cluster: what proves that the bus works, what only fails, and what ends a client.

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::channel::oneshot;
use livebus_core::FailureKind;
use rdkafka::ClientContext as _;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::*;
use crate::context::Vote;
use crate::inquiry::{Inquiry, Reach};

pub(super) const TOPIC: &str = "liveness";
pub(super) const CLIENT: ClientId = ClientId::from_number(7);

/// Returns a bus with a client, and a topic that each of `brokers` leads a partition of.
pub(super) fn started(brokers: u8) -> (EmbeddedCluster, KafkaBus<Sleeping>) {
    started_with(brokers, |kafka| kafka)
}

fn started_with(
    brokers: u8,
    change: impl FnOnce(KafkaConfig) -> KafkaConfig,
) -> (EmbeddedCluster, KafkaBus<Sleeping>) {
    let (cluster, bus) = not_started(brokers, change);
    assert_eq!(block_on(bus.start(CLIENT, deadline())), Ok(()));
    (cluster, bus)
}

fn not_started(
    brokers: u8,
    change: impl FnOnce(KafkaConfig) -> KafkaConfig,
) -> (EmbeddedCluster, KafkaBus<Sleeping>) {
    let cluster = EmbeddedCluster::start(brokers).expect("librdkafka has a mock cluster");
    let created = cluster.create_topic(TOPIC, brokers.into());
    created.expect("there is none");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let kafka = kafka.liveness_by(LivenessBy::Produce {
        topic: TOPIC.to_owned(),
        create: false,
    });
    let config = Config::new(Settings::fast()).expect("the preset is valid");
    (cluster, KafkaBus::new(change(kafka), &config))
}

/// Returns the open client.
pub(super) fn client<R: Runtime>(bus: &KafkaBus<R>) -> Arc<LivenessClient> {
    let client = bus.connection().and_then(|it| it.client());
    client.expect("it is open")
}

pub(super) fn must_send(bus: &KafkaBus<Sleeping>) {
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
    assert!(bus.observations.take().live.is_some());
}

/// Returns the failure of a message that has three seconds.
fn fails(bus: &KafkaBus<Sleeping>) -> Failure {
    let deadline = Instant::now() + Duration::from_secs(3);
    let failure = block_on(bus.send_liveness(deadline));
    failure.expect_err("it is not acknowledged")
}

#[test]
fn an_acknowledgement_is_evidence_and_a_refusal_is_none() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let code = RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_produce(code, 1_000).expect("refuses");
    assert_eq!(fails(&bus).code, Some(code as i32));
    assert_eq!(bus.observations.take().live, None);
    assert_eq!(bus.newest_round().map(|it| it.answered), Some(0));
    cluster.clear_refusals().expect("clears");
    must_send(&bus);
    assert_eq!(
        bus.newest_round(),
        Some(RoundTally {
            sent: 1,
            answered: 1
        })
    );
}

#[test]
fn a_fatal_error_loses_the_client_and_any_other_is_a_suspicion() {
    let (_cluster, bus) = started(1);
    let client = client(&bus);
    let _before = bus.observations.take();
    let context = client.producer.context();
    context.error(
        KafkaError::Global(RDKafkaErrorCode::SSL),
        "ssl://broker:9093/bootstrap: SSL handshake failed",
    );
    let observed = bus.observations.take();
    assert_eq!(observed.lost, None);
    let suspicion = observed.suspicion.map(|it| it.class);
    assert_eq!(suspicion, Some(FailureClass::Tls));
    context.error(KafkaError::Global(RDKafkaErrorCode::Fatal), "it is fenced");
    let observed = bus.observations.take();
    let lost = observed.lost.map(|(id, failure)| (id, failure.class));
    assert_eq!(lost, Some((CLIENT, FailureClass::ClientFatal)));
    assert_eq!(observed.suspicion, None);
}

/// Another cluster may answer on the next connection.
#[test]
fn the_cluster_is_looked_up_again_after_a_connection_has_ended() {
    let (_cluster, bus) = started(1);
    must_send(&bus);
    let client = bus.connection().and_then(|it| it.client());
    let client = client.expect("it is open");
    let context = client.producer.context();
    let looks_up = |facility, message| {
        client.forget_look_up();
        context.log(RDKafkaLogLevel::Info, facility, message);
        must_send(&bus);
        assert!(!context.cluster.is_unconfirmed());
        lock(&client.look_up).is_some()
    };
    assert!(!looks_up("CONNECT", "127.0.0.1:1/1: a line"));
    let refused = "127.0.0.1:1/1: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)";
    assert!(!looks_up("FAIL", refused));
    let ended = "127.0.0.1:1/1: Disconnected (after 4999ms in state UP)";
    assert!(looks_up("FAIL", ended));
    assert!(!looks_up("FAIL", refused), "once for each end");
}

#[test]
fn an_acknowledgement_is_no_proof_before_the_cluster_is_looked_up() {
    let (_cluster, bus) = started(1);
    must_send(&bus);
    let client = bus.connection().and_then(|it| it.client());
    let client = client.expect("it is open");
    let context = client.producer.context();
    let ended = "127.0.0.1:1/1: Disconnected (after 4999ms in state UP)";
    context.log(RDKafkaLogLevel::Info, "FAIL", ended);
    let _before = bus.observations.take();
    let (outcome, outcomes) = futures::channel::mpsc::unbounded();
    let vote = Vote {
        outcome,
        tally: client.tally(),
    };
    let record = BaseRecord::with_opaque_to(TOPIC, Box::new(vote)).partition(0);
    client
        .producer
        .send(record.key("").payload(""))
        .map_err(|(error, _)| error)
        .expect("is sent");
    assert_eq!(block_on(outcomes.into_future()).0, Some(Ok(())));
    assert_eq!(bus.observations.take().live, None);
    must_send(&bus);
}

/// Each client that asks besides would repeat its login.
#[test]
fn nothing_else_is_asked_after_a_rejected_login() {
    let (cluster, bus) = started_with(1, |kafka| {
        kafka.needs_topic("orders".parse().expect("a topic"))
    });
    // The topic is missing, or not known yet.
    let _first = block_on(bus.send_liveness(deadline()));
    assert!(bus.needed.goes_on());
    let client = bus.connection().and_then(|it| it.client());
    let context = client.as_ref().expect("it is open").producer.context();
    let inquiry = Inquiry::open(&bus.kafka, [], Reach::AsNeeded).expect("opens");
    context.cluster.set_inquiry(Arc::new(inquiry));
    cluster.hang().expect("hangs");
    let login = "sasl_plaintext://127.0.0.1:1/1: SASL authentication error: wrong";
    let error = KafkaError::Global(RDKafkaErrorCode::Authentication);
    context.error(error, login);
    assert!(context.cluster.inquiry().is_none());
    assert_eq!(fails(&bus).class, FailureClass::Authentication);
    assert!(!bus.needed.goes_on());
}

/// A rejection comes from where records would be acknowledged.
#[test]
fn a_rejection_ends_what_is_known_of_failures() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let login = Failure::from(FailureClass::Authentication);
    bus.facts
        .set(login, Some("kafka-1:9092"), "a wrong password");
    let code = RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_produce(code, 1_000).expect("refuses");
    assert_eq!(fails(&bus).class, FailureClass::Authorization);
    assert_eq!(bus.facts.best(), None);
}

/// Nobody says that a broker is away when there is nobody beside it.
#[test]
fn the_silence_of_the_only_broker_says_nothing_about_leaders() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    cluster.hang().expect("hangs");
    let failure = fails(&bus);
    assert_eq!(failure.class.kind(), FailureKind::Ambiguous, "{failure}");
    assert_eq!(bus.observations.take().live, None);
}

/// The three orders in which a start, its end and a discard of an older or the same client can come.
#[test]
fn a_client_is_held_until_it_or_a_newer_one_is_discarded() {
    for (discarded, is_held) in [(6, true), (7, false), (8, false)] {
        let discarded = ClientId::from_number(discarded);
        let held = |bus: &KafkaBus<Sleeping>| lock(&bus.client).held.is_some();
        let (_cluster, bus) = started(1);
        assert!(held(&bus));
        bus.discard_client(discarded);
        assert_eq!(held(&bus), is_held, "discarded after the start");
        // An older discard does not undo a newer one.
        bus.discard_client(ClientId::from_number(1));
        assert_eq!(held(&bus), is_held);
        let again = block_on(bus.start(CLIENT, deadline()));
        assert_eq!(again, Ok(()));
        assert_eq!(held(&bus), is_held, "discarded before the start ends");
        let next = ClientId::from_number(9);
        assert_eq!(block_on(bus.start(next, deadline())), Ok(()));
        assert!(held(&bus));
        assert_eq!(block_on(bus.stop(deadline())), Ok(()));
        assert!(!held(&bus));
    }
}

/// Runs everything on threads of its own, in real time.
pub(super) struct Sleeping;

impl Runtime for Sleeping {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    async fn sleep(duration: Duration) {
        Self::spawn_blocking(move || thread::sleep(duration)).await;
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        thread::spawn(|| {
            // The future may have been dropped.
            let _ = sender.send(work());
        });
        receiver.await.ok()
    }
}

#[test]
fn liveness_messages_by_metadata_ask_no_leaders() {
    let by_metadata = |kafka: KafkaConfig| kafka.liveness_by(LivenessBy::Metadata);
    let (_cluster, bus) = started_with(1, by_metadata);
    assert_eq!(bus.leaders(), None);
}

#[test]
fn a_round_and_a_cluster_are_known_after_the_first_answer() {
    let (_cluster, bus) = not_started(1, |kafka| kafka);
    assert_eq!(bus.cluster_id(), None);
    assert_eq!(bus.leaders(), Some(Leaders::default()));
    assert_eq!(block_on(bus.start(CLIENT, deadline())), Ok(()));
    assert_eq!(bus.newest_round(), None);
    assert_eq!(bus.leaders(), Some(Leaders::default()));
    must_send(&bus);
    assert!(bus.newest_round().is_some());
    let one = Leaders {
        asked: 1,
        answered: 1,
    };
    assert_eq!(bus.leaders(), Some(one));
    assert!(bus.cluster_id().is_some());
    assert!(std::ptr::eq(
        bus.observations(),
        &raw const *bus.observations
    ));
    assert!(format!("{bus:?}").contains(TOPIC));
}

#[test]
fn an_answer_soon_after_the_delay_of_a_quota_is_throttled() {
    let (_cluster, bus) = started(1);
    bus.facts.throttled("127.0.0.1:1", Duration::from_nanos(1));
    let interval = bus.config.settings().live_interval;
    let sent = block_on(bus.send_liveness(deadline()));
    let is_late = !bus.facts.was_throttled(Instant::now(), interval);
    let throttled = Err(FailureClass::Throttled.into());
    assert!(sent == throttled || is_late, "{sent:?}");
}

#[test]
fn silence_during_the_delay_of_a_quota_is_throttled() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let client = client(&bus);
    cluster.hang().expect("hangs");
    client
        .producer
        .context()
        .facts
        .throttled("127.0.0.1:1", Duration::from_mins(1));
    let deadline = Instant::now() + Duration::from_secs(1);
    let round = crate::round::send_liveness::<Sleeping>(client, &bus.kafka, deadline);
    assert_eq!(block_on(round), Err(FailureClass::Throttled.into()));
}

#[test]
fn one_acknowledgement_counts_beside_a_refusal_for_missing_replicas() {
    let (cluster, bus) = started(2);
    must_send(&bus);
    for _ in 0..10 {
        let code = RDKafkaErrorCode::NotEnoughReplicas;
        cluster.refuse_produce(code, 1).expect("refuses");
        must_send(&bus);
        cluster.clear_refusals().expect("clears");
    }
}

#[test]
fn a_round_without_a_result_hides_none_that_has_one() {
    let (cluster, bus) = started(1);
    must_send(&bus);
    let all = bus.newest_round();
    assert_eq!(all.map(|it| (it.answered, it.sent)), Some((1, 1)));
    cluster.hang().expect("hangs");
    let deadline = Instant::now() + Duration::from_millis(300);
    let mut message = Box::pin(bus.send_liveness(deadline));
    assert!(message.as_mut().now_or_never().is_none());
    assert_eq!(bus.newest_round(), all, "the newest one has just begun");
    drop(message);
    assert_eq!(bus.newest_round().map(|it| it.answered), Some(0));
}
