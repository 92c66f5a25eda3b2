//! Outages, with a real librdkafka and the embedded cluster. The cases check order and outcome, never times.

use std::time::Duration;

use livebus_core::{Cause, FailureClass, Report, Settings, Status};
use livebus_kafka::EmbeddedCluster;
use livebus_tests::host::FullRunner;

use crate::embedded::{TOPIC, cluster, fast, small, supervise};
use crate::waiting::{eventually, start};

pub(crate) async fn killed_broker_makes_the_service_not_ready_until_it_is_back<R: FullRunner>() {
    let cluster = small();
    let (_handle, mut changes) = start(supervise::<R>(&cluster)).await;
    changes.until(Status::Running).await;
    for _ in 0..3 {
        cluster.kill().expect("the broker can be killed");
        let lost = changes.next().await;
        assert_eq!(lost.status, Status::NotReady);
        assert_eq!(class(&lost), Some(FailureClass::Unreachable));
        cluster.restore().expect("the cluster can be restored");
        // The cause may change before that: the broker accepts connections sooner than it answers.
        changes.until(Status::Running).await;
    }
}

pub(crate) async fn hung_broker_makes_the_service_not_ready_until_it_is_back<R: FullRunner>() {
    let cluster = small();
    let (_handle, mut changes) = start(supervise::<R>(&cluster)).await;
    changes.until(Status::Running).await;
    cluster.hang().expect("the broker can hang");
    // If a busy machine delays the loop, the status is first NotReady with the cause Starved.
    let is_failure = |cause| matches!(cause, Cause::LivenessFailed(_));
    while !is_failure(changes.until(Status::NotReady).await.cause) {}
    cluster.restore().expect("the cluster can be restored");
    changes.until(Status::Running).await;
}

pub(crate) async fn late_broker_is_noticed_without_a_new_start<R: FullRunner>() {
    let cluster = small();
    cluster.kill().expect("the broker can be killed");
    let (_handle, mut changes) = start(supervise::<R>(&cluster)).await;
    let absent = changes.until(Status::NotReady).await;
    assert_eq!(class(&absent), Some(FailureClass::Unreachable));
    cluster.restore().expect("the cluster can be restored");
    assert_eq!(changes.until(Status::Running).await.attempt, 1);
}

pub(crate) async fn one_dead_broker_of_three_changes_nothing<R: FullRunner>() {
    let cluster = cluster(3);
    cluster
        .create_topic(TOPIC, 3)
        .expect("the topic can be created");
    // Long times, so that a busy machine does not look like a bus that is unreachable.
    let patient = Settings {
        live_interval: Duration::from_millis(500),
        liveness_timeout: Duration::from_millis(500),
        suspicion_timeout: Duration::from_millis(500),
        failures_to_not_ready: 5,
        ..fast()
    };
    let (bus, mut changes) = start(supervise::<R>(&cluster).settings(patient)).await;
    changes.until(Status::Running).await;
    cluster.kill_broker(2).expect("the broker can be killed");
    let lease = bus.report().lease;
    // Five more rounds, each answered by the others.
    let enough = lease.map(|lease| lease + Duration::from_millis(2_500));
    eventually::<R>("five more rounds", || bus.report().lease >= enough).await;
    assert_eq!(
        (bus.status(), bus.report().warning),
        (Status::Running, None)
    );
    // The newest round may still be in flight.
    eventually::<R>("a round that two of three answered", || {
        let round = bus.bus().newest_round();
        round.is_some_and(|round| (round.sent, round.answered) == (3, 2))
    })
    .await;
}

pub(crate) async fn missing_leaders_are_a_warning_then_not_ready_after_the_tolerance<
    R: FullRunner,
>() {
    let cluster = cluster(3);
    cluster
        .create_topic(TOPIC, 2)
        .expect("the topic can be created");
    for partition in 0..2 {
        cluster
            .set_leader(TOPIC, partition, Some(1))
            .expect("leaders can be set");
    }
    let settings = Settings {
        partial_tolerance: Duration::from_secs(2),
        ..fast()
    };
    let (_handle, mut changes) = start(supervise::<R>(&cluster).settings(settings)).await;
    changes.until(Status::Running).await;
    cluster.kill_broker(1).expect("the broker can be killed");
    let warned = changes.next().await;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::NoLeader)
    );
    let lost = changes.next().await;
    assert_eq!(lost.status, Status::NotReady);
    assert_eq!(class(&lost), Some(FailureClass::NoLeader));
    cluster.restore().expect("the cluster can be restored");
    let back = changes.until(Status::Running).await;
    assert_eq!(back.warning, None);
}

pub(crate) async fn shutdown_completes_in_order_with_a_live_dead_or_hung_broker<R: FullRunner>() {
    type Break = fn(&EmbeddedCluster);
    let breaks: [Break; 3] = [
        |_| (),
        |cluster| cluster.kill().expect("the broker can be killed"),
        |cluster| cluster.hang().expect("the broker can hang"),
    ];
    for how in breaks {
        let cluster = small();
        let (bus, _changes) = start(supervise::<R>(&cluster)).await;
        bus.ready().await.expect("the broker answers");
        how(&cluster);
        assert_eq!(bus.shutdown().await.cause, Cause::ShutDown);
    }
}

fn class(report: &Report) -> Option<FailureClass> {
    report.cause.failure().map(|failure| failure.class)
}
