//! What the bus's clients notice by themselves: good news, and hints of bad.

use std::time::{Duration, Instant};

use livebus_core::{FailureClass, Settings, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};
use crate::watch::{eventually, start};

pub(crate) async fn good_news_of_ordinary_traffic_wakes_a_service_that_is_not_ready<
    R: FullRunner,
>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (_handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::NotReady).await;
    bus.observations.live();
    watch.until(Status::Running).await;
}

/// A client that gives a wrong instant does not make the service ready for longer than any proof does.
pub(crate) async fn evidence_from_the_future_counts_as_of_now<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    bus.answer(Answer::Silence);
    let hour = Duration::from_hours(1);
    bus.observations.live_at(Instant::now() + hour);
    let lost = watch.until(Status::NotReady).await;
    assert!(lost.evidence <= Some(Instant::now()), "{lost:?}");
    assert!(!handle.is_ready());
}

pub(crate) async fn ordinary_traffic_keeps_the_liveness_messages_away<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    // Long enough that a busy machine does not make a silence where the case makes traffic.
    let settings = Settings {
        live_interval: Duration::from_millis(500),
        ..quick()
    };
    let (handle, _watch) = start(builder::<R>(&bus).settings(settings)).await;
    handle.ready().await.expect("the bus answers");
    let asked = bus.asked();
    let first = handle.report().lease;
    // Three intervals of silence would have brought three messages.
    let enough = first.map(|lease| lease + Duration::from_millis(1_500));
    eventually::<R>("evidence of the traffic", || {
        bus.observations.live();
        handle.report().lease >= enough
    })
    .await;
    assert_eq!(bus.asked(), asked);
}

pub(crate) async fn a_suspicion_asks_at_once_and_an_answer_refutes_it<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let settings = Settings {
        live_interval: Duration::from_hours(1),
        ..quick()
    };
    let (handle, _watch) = start(builder::<R>(&bus).settings(settings)).await;
    handle.ready().await.expect("the bus answers");
    let asked = bus.asked();
    bus.observations.suspicion(FailureClass::Unreachable.into());
    eventually::<R>("the message", || bus.asked() > asked).await;
    assert!(handle.is_ready());
}
