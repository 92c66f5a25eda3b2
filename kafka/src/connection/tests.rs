use std::future::Future;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::executor::block_on;
use livebus_core::Settings;
use livebus_runner::Bus as _;
use rdkafka::producer::Producer as _;

use super::*;
use crate::config::LivenessBy;
use crate::embedded::EmbeddedCluster;
use crate::kafka_bus::KafkaBus;
use crate::look_up;
use crate::signals::Seen;

/// Much longer than anything here takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn a_killed_bus_is_left_and_found_again() {
    let (cluster, bus) = proved_bus();
    let first = connection(&bus).client();
    cluster.kill().expect("a fault");
    wait_until(|| connection(&bus).client().is_none());
    cluster.restore().expect("no fault");
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
    let second = connection(&bus).client();
    assert!(
        !is_same(first.as_ref(), second.as_ref()),
        "it is a new client"
    );
}

#[test]
fn a_hung_bus_keeps_its_client() {
    let (cluster, bus) = proved_bus();
    let first = connection(&bus).client();
    cluster.hang().expect("a fault");
    let soon = Instant::now() + Duration::from_millis(600);
    block_on(bus.send_liveness(soon)).expect_err("it hangs");
    cluster.restore().expect("no fault");
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
    let second = connection(&bus).client();
    assert!(
        is_same(first.as_ref(), second.as_ref()),
        "it is the same client"
    );
}

#[test]
fn a_liveness_message_without_a_client_ends_before_its_deadline_with_what_is_known() {
    let (cluster, bus) = proved_bus();
    cluster.kill().expect("a fault");
    wait_until(|| connection(&bus).client().is_none());
    let began = Instant::now();
    let soon = began + Duration::from_millis(300);
    let failure = block_on(bus.send_liveness(soon)).expect_err("there is no broker");
    assert_eq!(failure.class, FailureClass::Unreachable);
    let nearly = Duration::from_millis(280);
    assert!(
        began.elapsed() >= nearly,
        "it waits for a client nearly to the end"
    );
}

#[test]
fn a_connection_that_is_dropped_lets_a_waiting_liveness_message_go() {
    let (cluster, bus) = proved_bus();
    cluster.kill().expect("a fault");
    wait_until(|| connection(&bus).client().is_none());
    let connection = connection(&bus);
    let waiting = thread::spawn({
        let connection = Arc::clone(&connection);
        move || block_on(connection.opened::<Threads>(deadline())).is_none()
    });
    connection.open.end();
    assert!(waiting.join().expect("no panic"), "there is no client");
}

#[test]
fn a_client_whose_cluster_has_no_id_yet_is_asked_for_metadata() {
    let (_cluster, bus) = proved_bus();
    let client = connection(&bus).client().expect("it is open");
    client.producer.context().cluster.on_new_client();
    assert!(!client.is_connected(), "the newest client has no answer");
    let (answer, answered) = mpsc::channel();
    thread::spawn(move || {
        let answered = block_on(look_up::any_broker::<Threads>(&client, 10 * TEST_TIMEOUT));
        // The test may have ended.
        let _ = answer.send(answered);
    });
    assert_eq!(answered.recv_timeout(TEST_TIMEOUT), Ok(Ok(())));
}

fn proved_bus() -> (EmbeddedCluster, KafkaBus<Threads>) {
    let cluster = EmbeddedCluster::start(1).expect("librdkafka has a mock cluster");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let config = Config::new(Settings::fast()).expect("the preset is valid");
    let bus = KafkaBus::new(kafka.liveness_by(LivenessBy::Metadata), &config);
    assert_eq!(
        block_on(bus.start(ClientId::from_number(1), deadline())),
        Ok(())
    );
    assert_eq!(block_on(bus.send_liveness(deadline())), Ok(()));
    (cluster, bus)
}

fn connection(bus: &KafkaBus<Threads>) -> Arc<Connection> {
    bus.connection().expect("it was started")
}

fn deadline() -> Instant {
    Instant::now() + TEST_TIMEOUT
}

fn wait_until(condition: impl Fn() -> bool) {
    let end = deadline();
    while !condition() {
        assert!(Instant::now() < end, "it does not happen");
        thread::sleep(Duration::from_millis(1));
    }
}

fn is_same(one: Option<&Arc<LivenessClient>>, other: Option<&Arc<LivenessClient>>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if Arc::ptr_eq(one, other))
}

/// Runs everything on threads.
struct Threads;

impl Runtime for Threads {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        let (done, slept) = oneshot::channel();
        thread::spawn(move || {
            thread::sleep(duration);
            // There may be no receiver any more.
            let _ = done.send(());
        });
        slept.map(drop)
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, result) = oneshot::channel();
        thread::spawn(move || done.send(work()));
        result.await.ok()
    }
}

/// Returns a connection without a thread, and its signals.
fn signalled() -> (Connection, Arc<Signals>) {
    let signals = Arc::<Signals>::default();
    let connection = Connection {
        id: ClientId::from_number(1),
        signals: Arc::clone(&signals),
        open: Arc::default(),
    };
    (connection, signals)
}

fn seen(signals: &Signals) -> Seen {
    signals.take().expect("they are not stopped")
}

#[test]
fn a_replaced_client_is_closed_like_one_with_a_rejected_login() {
    let (connection, signals) = signalled();
    connection.replace();
    assert!(seen(&signals).rejected.is_some());
}

#[test]
fn a_message_without_an_answer_is_seen_and_any_answer_is_a_proof() {
    let (connection, signals) = signalled();
    drop(connection.guard_message());
    assert!(seen(&signals).unanswered.is_some(), "it was dropped");
    let ends = |result: Result<(), FailureClass>| {
        connection
            .guard_message()
            .ends(result.map_err(Failure::new));
        seen(&signals)
    };
    for class in [FailureClass::Timeout, FailureClass::Unreachable] {
        let seen = ends(Err(class));
        assert!(seen.unanswered.is_some() && seen.proof.is_none(), "{class}");
    }
    for result in [Ok(()), Err(FailureClass::Authorization)] {
        let seen = ends(result);
        assert!(
            seen.proof.is_some() && seen.unanswered.is_none(),
            "{seen:?}"
        );
    }
    assert_eq!(ends(Err(FailureClass::Tls)), Seen::default());
}
