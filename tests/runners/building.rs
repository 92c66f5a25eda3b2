//! Builders that return an error.

use std::time::Duration;

use livebus_core::{Handler, Settings};
use livebus_runner::BuildError;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};

fn invalid() -> Settings {
    Settings {
        stop_timeout: Duration::ZERO,
        ..quick()
    }
}

pub(crate) async fn invalid_builder_returns_the_reason<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let error = builder::<R>(&bus)
        .settings(invalid())
        .start()
        .await
        .expect_err("zero is rejected");
    assert_eq!(
        error.to_string(),
        "stop_timeout = 0ns: make it longer than zero"
    );

    let error = builder::<R>(&bus)
        .handler(Handler::required("requests"), || async { Ok(()) })
        .handler(Handler::optional("requests"), || async { Ok(()) })
        .start()
        .await
        .expect_err("two handlers have the same name");
    assert!(matches!(error, BuildError::Config(_)));
    assert_eq!(
        error.to_string(),
        "handlers = \"requests\": give every handler a name of its own"
    );

    let forged = builder::<R>(&bus).service("bus ok\n[+]cache").start().await;
    assert!(matches!(forged, Err(BuildError::ServiceName(_))));
}
