//! What cannot be built.

use std::time::Duration;

use livebus_core::{Handler, Settings};
use livebus_runner::BuildError;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};

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

    let forged = builder::<R>(&bus).service("bus ok\n[+]cache").start().await;
    assert!(matches!(forged, Err(BuildError::ServiceName(_))));
}
