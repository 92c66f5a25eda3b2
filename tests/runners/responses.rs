//! The embedded cluster's responses to a real librdkafka, and what they prove.

use livebus_core::{FailureClass, RejectionPolicy, Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_runner::Builder;
use livebus_tests::host::FullRunner;
use rdkafka::error::RDKafkaErrorCode;

use crate::embedded::{TOPIC, cluster, config, fast, small, supervise};
use crate::probes::{any_port, request};
use crate::waiting::start;

pub(crate) async fn missing_topic_is_a_warning_until_it_is_created<R: FullRunner>() {
    let cluster = cluster(1);
    let (bus, mut changes) = start(supervise::<R>(&cluster).http(any_port())).await;
    let warned = changes.until(Status::Running).await;
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    let verbose = request::<R, _>(&bus, "GET", "/readyz?verbose").await.body;
    assert!(
        verbose.contains(
            "with a warning: TopicMissing (UNKNOWN_TOPIC_OR_PART, code 3): Broker: Unknown topic or partition; create the topic"
        ),
        "{verbose}"
    );
    cluster
        .create_topic(TOPIC, 1)
        .expect("the topic can be created");
    let clear = changes.next().await;
    assert_eq!((clear.status, clear.warning), (Status::Running, None));
}

pub(crate) async fn missing_topic_makes_the_service_not_ready_with_strict_rejection<
    R: FullRunner,
>() {
    let cluster = cluster(1);
    let strict = Settings {
        on_rejection: RejectionPolicy::NotLive,
        ..fast()
    };
    let (_handle, mut changes) = start(supervise::<R>(&cluster).settings(strict)).await;
    let not_ready = changes.until(Status::NotReady).await;
    assert_eq!(
        not_ready.cause.failure().map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    cluster
        .create_topic(TOPIC, 1)
        .expect("the topic can be created");
    changes.until(Status::Running).await;
}

pub(crate) async fn checks_by_metadata_need_no_topic<R: FullRunner>() {
    let cluster = cluster(1);
    let kafka = config(&cluster).liveness_by(LivenessBy::Metadata);
    let builder = Builder::<R, _>::new(kafka).settings(fast());
    let (_handle, mut changes) = start(builder).await;
    let running = changes.until(Status::Running).await;
    assert_eq!(running.warning, None);
    cluster.kill().expect("the broker can be killed");
    changes.until(Status::NotReady).await;
    cluster.restore().expect("the cluster can be restored");
    changes.until(Status::Running).await;
}

pub(crate) async fn too_few_replicas_are_definitive_and_denied_is_a_rejection<R: FullRunner>() {
    let cluster = small();
    let (_handle, mut changes) = start(supervise::<R>(&cluster)).await;
    changes.until(Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::NotEnoughReplicas, 1)
        .expect("rejections can be set");
    let lost = changes.next().await;
    assert_eq!(
        lost.cause.failure().map(|f| f.class),
        Some(FailureClass::NotEnoughReplicas)
    );
    changes.until(Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::TopicAuthorizationFailed, 1)
        .expect("rejections can be set");
    let warned = changes.next().await;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::Authorization)
    );
}
