//! Observations of the bus's clients: evidence from ordinary traffic, and suspicions.

use std::time::{Duration, Instant};

use livebus_core::{FailureClass, Settings, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};
use crate::waiting::{eventually, start};

pub(crate) async fn traffic_makes_a_not_ready_service_running<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (_handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::NotReady).await;
    bus.observations.evidence_at(Instant::now());
    changes.until(Status::Running).await;
}

/// A client that reports a wrong instant does not make the service ready for longer than other evidence does.
pub(crate) async fn evidence_from_the_future_counts_as_of_now<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    bus.set_answer(Answer::Silence);
    let hour = Duration::from_hours(1);
    bus.observations.evidence_at(Instant::now() + hour);
    let lost = changes.until(Status::NotReady).await;
    assert!(lost.evidence <= Some(Instant::now()), "{lost:?}");
    assert!(!handle.is_ready());
}

pub(crate) async fn traffic_suppresses_liveness_messages<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    // Long enough that a busy machine does not cause a silence in the traffic of the case.
    let settings = Settings {
        live_interval: Duration::from_millis(500),
        ..quick()
    };
    let (handle, _changes) = start(builder::<R>(&bus).settings(settings)).await;
    handle.ready().await.expect("the bus answers");
    let sent = bus.messages_sent();
    let first = handle.report().lease;
    // Three intervals of silence would have brought three messages.
    let enough = first.map(|lease| lease + Duration::from_millis(1_500));
    eventually::<R>("evidence of the traffic", || {
        bus.observations.evidence_at(Instant::now());
        handle.report().lease >= enough
    })
    .await;
    assert_eq!(bus.messages_sent(), sent);
}

pub(crate) async fn suspicion_sends_a_message_at_once_and_success_refutes_it<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let settings = Settings {
        live_interval: Duration::from_hours(1),
        ..quick()
    };
    let (handle, _changes) = start(builder::<R>(&bus).settings(settings)).await;
    handle.ready().await.expect("the bus answers");
    let sent = bus.messages_sent();
    bus.observations.suspicion(FailureClass::Unreachable.into());
    eventually::<R>("the message", || bus.messages_sent() > sent).await;
    assert!(handle.is_ready());
}
