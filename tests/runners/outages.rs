//! Outages, on a real librdkafka with the embedded cluster. Order and outcome, never times.

use std::time::Duration;

use livebus_core::{Cause, FailureClass, Report, Settings, Status};
use livebus_kafka::EmbeddedCluster;
use livebus_tests::host::FullRunner;

use crate::embedded::{TOPIC, cluster, fast, small, supervise};
use crate::watch::{eventually, start};

pub(crate) async fn a_broker_that_is_killed_and_back_is_not_ready_and_running_again<
    R: FullRunner,
>() {
    let cluster = small();
    let (_handle, mut watch) = start(supervise::<R>(&cluster)).await;
    watch.until(Status::Running).await;
    for _ in 0..3 {
        cluster.kill().expect("it can be killed");
        let lost = watch.next().await;
        assert_eq!(lost.status, Status::NotReady);
        assert_eq!(class(&lost), Some(FailureClass::Unreachable));
        cluster.restore().expect("it can be restored");
        assert_eq!(watch.next().await.status, Status::Running);
    }
}

pub(crate) async fn a_broker_that_hangs_and_is_back_is_not_ready_and_running_again<
    R: FullRunner,
>() {
    let cluster = small();
    let (_handle, mut watch) = start(supervise::<R>(&cluster)).await;
    watch.until(Status::Running).await;
    cluster.hang().expect("it can hang");
    // A loop that a busy machine holds up is shown as such before it says what it found.
    let said_why = |cause| matches!(cause, Cause::LivenessFailed(_));
    while !said_why(watch.until(Status::NotReady).await.cause) {}
    cluster.restore().expect("it can be restored");
    watch.until(Status::Running).await;
}

pub(crate) async fn a_broker_that_appears_late_is_noticed_without_a_new_start<R: FullRunner>() {
    let cluster = small();
    cluster.kill().expect("it can be killed");
    let (_handle, mut watch) = start(supervise::<R>(&cluster)).await;
    let absent = watch.until(Status::NotReady).await;
    assert_eq!(class(&absent), Some(FailureClass::Unreachable));
    cluster.restore().expect("it can be restored");
    assert_eq!(watch.until(Status::Running).await.attempt, 1);
}

pub(crate) async fn one_broker_away_of_three_changes_nothing<R: FullRunner>() {
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
    let (bus, mut watch) = start(supervise::<R>(&cluster).settings(patient)).await;
    watch.until(Status::Running).await;
    cluster.kill_broker(2).expect("it can be killed");
    let lease = bus.report().lease;
    // Five more rounds, each answered by the others.
    let enough = lease.map(|lease| lease + Duration::from_millis(2_500));
    eventually::<R>("five more rounds", || bus.report().lease >= enough).await;
    assert_eq!(
        (bus.status(), bus.report().warning),
        (Status::Running, None)
    );
    // The newest round may be under way.
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
    let (_handle, mut watch) = start(supervise::<R>(&cluster).settings(settings)).await;
    watch.until(Status::Running).await;
    cluster.kill_broker(1).expect("it can be killed");
    let warned = watch.next().await;
    assert_eq!(warned.status, Status::Running);
    assert_eq!(
        warned.warning.map(|f| f.class),
        Some(FailureClass::NoLeader)
    );
    let lost = watch.next().await;
    assert_eq!(lost.status, Status::NotReady);
    assert_eq!(class(&lost), Some(FailureClass::NoLeader));
    cluster.restore().expect("it can be restored");
    let back = watch.until(Status::Running).await;
    assert_eq!(back.warning, None);
}

pub(crate) async fn a_shutdown_ends_in_order_whatever_the_bus_does<R: FullRunner>() {
    type Break = fn(&EmbeddedCluster);
    let breaks: [Break; 3] = [
        |_| (),
        |cluster| cluster.kill().expect("it can be killed"),
        |cluster| cluster.hang().expect("it can hang"),
    ];
    for how in breaks {
        let cluster = small();
        let (bus, _watch) = start(supervise::<R>(&cluster)).await;
        bus.ready().await.expect("the broker answers");
        how(&cluster);
        assert_eq!(bus.shutdown().await.cause, Cause::ShutDown);
    }
}

fn class(report: &Report) -> Option<FailureClass> {
    report.cause.failure().map(|failure| failure.class)
}
