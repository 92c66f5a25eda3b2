//! What a real librdkafka is answered by the embedded cluster, and what that proves.

use livebus_core::{FailureClass, RejectionPolicy, Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_runner::Builder;
use livebus_tests::host::FullRunner;
use rdkafka::error::RDKafkaErrorCode;

use crate::embedded::{TOPIC, cluster, config, fast, small, supervise};
use crate::probes::{any_port, ask};
use crate::watch::start;

pub(crate) async fn a_missing_topic_is_a_warning_that_goes_when_the_topic_comes<R: FullRunner>() {
    let cluster = cluster(1);
    let (bus, mut watch) = start(supervise::<R>(&cluster).http(any_port())).await;
    let warned = watch.until(Status::Running).await;
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    let verbose = ask::<R, _>(&bus, "GET", "/readyz?verbose").await.body;
    assert!(
        verbose.contains("with a warning: TopicMissing (code 3); create the liveness topic"),
        "{verbose}"
    );
    cluster.create_topic(TOPIC, 1).expect("it can be created");
    let clear = watch.next().await;
    assert_eq!((clear.status, clear.warning), (Status::Running, None));
}

pub(crate) async fn a_missing_topic_is_not_ready_when_answers_do_not_count_as_life<
    R: FullRunner,
>() {
    let cluster = cluster(1);
    let strict = Settings {
        on_rejection: RejectionPolicy::NotLive,
        ..fast()
    };
    let (_handle, mut watch) = start(supervise::<R>(&cluster).settings(strict)).await;
    let refused = watch.until(Status::NotReady).await;
    assert_eq!(
        refused.cause.failure().map(|f| f.class),
        Some(FailureClass::TopicMissing)
    );
    cluster.create_topic(TOPIC, 1).expect("it can be created");
    watch.until(Status::Running).await;
}

pub(crate) async fn asking_by_metadata_needs_no_topic<R: FullRunner>() {
    let cluster = cluster(1);
    let kafka = config(&cluster).liveness_by(LivenessBy::Metadata);
    let builder = Builder::<R, _>::new(kafka).settings(fast());
    let (_handle, mut watch) = start(builder).await;
    let running = watch.until(Status::Running).await;
    assert_eq!(running.warning, None);
    cluster.kill().expect("it can be killed");
    watch.until(Status::NotReady).await;
    cluster.restore().expect("it can be restored");
    watch.until(Status::Running).await;
}

pub(crate) async fn too_few_replicas_are_definitive_and_denied_is_an_answer<R: FullRunner>() {
    let cluster = small();
    let (_handle, mut watch) = start(supervise::<R>(&cluster)).await;
    watch.until(Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::NotEnoughReplicas, 1)
        .expect("it can refuse");
    let lost = watch.next().await;
    assert_eq!(
        lost.cause.failure().map(|f| f.class),
        Some(FailureClass::NotEnoughReplicas)
    );
    watch.until(Status::Running).await;

    cluster
        .refuse_produce(RDKafkaErrorCode::TopicAuthorizationFailed, 1)
        .expect("it can refuse");
    let warned = watch.next().await;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::Authorization)
    );
}
