//! The runner on a real librdkafka, with the embedded cluster broken on purpose. Order and outcome, never times.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use livebus_core::{Answers, Cause, FailureClass, Settings, Status};
use livebus_kafka::rdkafka::error::RDKafkaErrorCode;
use livebus_tokio::{
    BuildError, Builder, EmbeddedCluster, Handle, KafkaConfig, LivenessBy, ServeError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{next, until};

const TOPIC: &str = LivenessBy::DEFAULT_TOPIC;

fn cluster(brokers: u8) -> EmbeddedCluster {
    EmbeddedCluster::start(brokers).expect("librdkafka has a mock cluster")
}

/// Of one broker, with the topic.
fn small() -> EmbeddedCluster {
    let cluster = cluster(1);
    cluster.create_topic(TOPIC, 1).expect("it can be created");
    cluster
}

fn fast() -> Settings {
    Settings {
        drain: Duration::ZERO,
        ..Settings::fast()
    }
}

fn supervise(cluster: &EmbeddedCluster) -> Builder {
    let kafka = KafkaConfig::embedded(cluster).expect("its address is one");
    Builder::kafka(kafka).settings(fast())
}

#[tokio::test]
async fn a_broker_that_is_killed_and_back_is_not_ready_and_running_again() {
    let cluster = small();
    let bus = supervise(&cluster).start().await.expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;
    for _ in 0..3 {
        cluster.kill().expect("it can be killed");
        let lost = next(&mut changes).await.report;
        assert_eq!(lost.status, Status::NotReady);
        assert_eq!(
            lost.cause.failure().map(|f| f.class),
            Some(FailureClass::Unreachable)
        );
        cluster.restore().expect("it can be restored");
        assert_eq!(next(&mut changes).await.report.status, Status::Running);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_hangs_and_is_back_is_not_ready_and_running_again() {
    let cluster = small();
    let bus = supervise(&cluster).start().await.expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;
    cluster.hang().expect("it can hang");
    let lost = next(&mut changes).await.report;
    assert!(matches!(lost.cause, Cause::LivenessFailed(_)), "{lost:?}");
    cluster.restore().expect("it can be restored");
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn a_broker_that_appears_late_is_noticed_without_a_new_start() {
    let cluster = small();
    cluster.kill().expect("it can be killed");
    let bus = supervise(&cluster).start().await.expect("it starts");
    let mut changes = bus.changes();
    let absent = until(&mut changes, Status::NotReady).await.report;
    assert_eq!(
        absent.cause.failure().map(|f| f.class),
        Some(FailureClass::Unreachable)
    );
    cluster.restore().expect("it can be restored");
    assert_eq!(until(&mut changes, Status::Running).await.report.attempt, 1);
}

#[tokio::test]
async fn one_broker_away_of_three_changes_nothing() {
    let cluster = cluster(3);
    cluster.create_topic(TOPIC, 3).expect("it can be created");
    // Patient, so that a busy machine does not look like a bus that is away.
    let patient = Settings {
        live_interval: Duration::from_millis(500),
        liveness_timeout: Duration::from_millis(500),
        suspicion_timeout: Duration::from_millis(500),
        failures_to_not_ready: 5,
        ..fast()
    };
    let bus = supervise(&cluster)
        .settings(patient)
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;
    cluster.kill_broker(2).expect("it can be killed");
    let lease = bus.report().lease;
    // Five more rounds, each answered by the others.
    while bus.report().lease < lease.map(|lease| lease + Duration::from_millis(2_500)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        (bus.status(), bus.report().warning),
        (Status::Running, None)
    );
    let round = bus.bus().newest_round().expect("rounds were made");
    assert_eq!((round.asked, round.answered), (3, 2));
}

#[tokio::test]
async fn missing_leaders_are_a_warning_then_not_ready_after_the_tolerance() {
    let cluster = cluster(3);
    cluster.create_topic(TOPIC, 2).expect("it can be created");
    for partition in 0..2 {
        cluster
            .set_leader(TOPIC, partition, Some(1))
            .expect("leaders can be set");
    }
    let settings = Settings {
        partial_tolerance: Duration::from_secs(2),
        ..fast()
    };
    let bus = supervise(&cluster)
        .settings(settings)
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;
    cluster.kill_broker(1).expect("it can be killed");
    let warned = next(&mut changes).await.report;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::NoLeader)
    );
    let lost = next(&mut changes).await.report;
    assert_eq!(lost.status, Status::NotReady);
    assert_eq!(
        lost.cause.failure().map(|f| f.class),
        Some(FailureClass::NoLeader)
    );
    cluster.restore().expect("it can be restored");
    let back = until(&mut changes, Status::Running).await.report;
    assert_eq!(back.warning, None);
}

#[tokio::test]
async fn a_missing_topic_is_a_warning_that_goes_when_the_topic_comes() {
    let cluster = cluster(1);
    let bus = supervise(&cluster)
        .http(any_port())
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    let warned = until(&mut changes, Status::Running).await.report;
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    let verbose = get(&bus, "/readyz?verbose").await;
    assert!(
        verbose.contains("with a warning: TopicMissing (code 3); create the liveness topic"),
        "{verbose}"
    );
    cluster.create_topic(TOPIC, 1).expect("it can be created");
    let clear = next(&mut changes).await.report;
    assert_eq!((clear.status, clear.warning), (Status::Running, None));
}

#[tokio::test]
async fn a_missing_topic_is_not_ready_when_answers_do_not_count_as_life() {
    let cluster = cluster(1);
    let strict = Settings {
        answers: Answers::NotLive,
        ..fast()
    };
    let bus = supervise(&cluster)
        .settings(strict)
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    let refused = until(&mut changes, Status::NotReady).await.report;
    assert_eq!(
        refused.cause.failure().map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    cluster.create_topic(TOPIC, 1).expect("it can be created");
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn asking_by_metadata_needs_no_topic() {
    let cluster = cluster(1);
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is one");
    let kafka = kafka.liveness_by(LivenessBy::Metadata);
    let bus = Builder::kafka(kafka)
        .settings(fast())
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    let running = until(&mut changes, Status::Running).await.report;
    assert_eq!(running.warning, None);
    cluster.kill().expect("it can be killed");
    until(&mut changes, Status::NotReady).await;
    cluster.restore().expect("it can be restored");
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn too_few_replicas_are_definitive_and_denied_is_an_answer() {
    let cluster = small();
    let bus = supervise(&cluster).start().await.expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::NotEnoughReplicas, 1)
        .expect("it can refuse");
    let lost = next(&mut changes).await.report;
    assert_eq!(
        lost.cause.failure().map(|f| f.class),
        Some(FailureClass::NotEnoughReplicas)
    );
    until(&mut changes, Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::TopicAuthorizationFailed, 1)
        .expect("it can refuse");
    let warned = next(&mut changes).await.report;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::Authorization)
    );
}

#[tokio::test]
async fn a_shutdown_ends_in_order_whatever_the_bus_does() {
    type Break = fn(&EmbeddedCluster);
    let breaks: [Break; 3] = [
        |_| (),
        |cluster| cluster.kill().expect("it can be killed"),
        |cluster| cluster.hang().expect("it can hang"),
    ];
    for how in breaks {
        let cluster = small();
        let bus = supervise(&cluster).start().await.expect("it starts");
        bus.ready().await.expect("the broker answers");
        how(&cluster);
        assert_eq!(bus.shutdown().await.cause, Cause::ShutDown);
    }
}

#[tokio::test]
async fn the_probes_follow_the_bus_and_liveness_does_not() {
    let cluster = small();
    let bus = supervise(&cluster)
        .http(any_port())
        .start()
        .await
        .expect("it starts");
    let mut changes = bus.changes();
    until(&mut changes, Status::Running).await;
    let ready = get(&bus, "/readyz").await;
    assert!(
        ready.starts_with("HTTP/1.1 200 OK\r\n") && ready.ends_with("\r\n\r\nok"),
        "{ready}"
    );
    cluster.kill().expect("it can be killed");
    until(&mut changes, Status::NotReady).await;
    let lost = get(&bus, "/readyz").await;
    assert!(lost.starts_with("HTTP/1.1 503 "), "{lost}");
    assert!(lost.contains("[-]message-bus failed: NotReady"), "{lost}");
    assert!(get(&bus, "/livez").await.starts_with("HTTP/1.1 200 "));
    assert!(get(&bus, "/nope").await.starts_with("HTTP/1.1 404 "));
    assert!(
        request(&bus, "POST", "/readyz")
            .await
            .starts_with("HTTP/1.1 405 ")
    );
    let head = request(&bus, "HEAD", "/livez").await;
    assert!(
        head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_said_to_be() {
    let cluster = small();
    let first = supervise(&cluster)
        .http(any_port())
        .start()
        .await
        .expect("it starts");
    let taken = first.http_address().expect("it serves");
    let error = supervise(&cluster)
        .http(taken)
        .start()
        .await
        .expect_err("it is taken");
    assert!(matches!(error, BuildError::Serve(ServeError::InUse { address }) if address == taken));
    assert!(error.to_string().contains("the port is in use"), "{error}");
    drop(first);
    // The port is free again as soon as the server's task is gone.
    while TcpStream::connect(taken).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn get(bus: &Handle, path: &str) -> String {
    request(bus, "GET", path).await
}

async fn request(bus: &Handle, method: &str, path: &str) -> String {
    let address = bus.http_address().expect("it serves");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it takes requests");
    let mut response = String::new();
    stream
        .read_to_string(&mut response)
        .await
        .expect("it answers");
    response
}
