//! What cannot be built.

use std::time::{Duration, Instant};

use livebus_runner::{BuildError, Handler, Readiness, Settings};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};
use crate::watch::Watch;

fn impossible() -> Settings {
    Settings {
        stop_timeout: Duration::ZERO,
        ..quick()
    }
}

pub(crate) async fn what_cannot_be_built_says_why<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let error = builder::<R>(&bus)
        .settings(impossible())
        .start()
        .await
        .expect_err("zero is refused");
    assert_eq!(
        error.to_string(),
        "stop_timeout = 0ns: make it longer than zero"
    );

    let named = Settings {
        handlers: vec![Handler::required("requests")],
        ..quick()
    };
    let error = builder::<R>(&bus)
        .settings(named)
        .start()
        .await
        .expect_err("nobody registers it");
    assert!(matches!(error, BuildError::NoRegistration(name) if name == "requests"));

    let others = Readiness::builder().required("other").build(Instant::now());
    let unknown = builder::<R>(&bus)
        .readiness(others.expect("one name"))
        .start()
        .await;
    assert!(matches!(unknown, Err(BuildError::UnknownService(_))));
}

pub(crate) async fn what_cannot_be_built_ends_the_stream_of_its_changes<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus).settings(impossible());
    let mut watch = Watch::<R>::new(builder.changes());
    builder.start().await.expect_err("zero is refused");
    watch.ends().await;
}
