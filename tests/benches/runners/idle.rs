//! Idle supervisors, which only send a liveness message now and then.

use std::future::pending;

use livebus_core::Settings;
use livebus_runner::Builder;
use livebus_tests::host::FullRunner;

use crate::bus::PromptBus;

pub(crate) const IDLE: &str = "idle";

/// Starts the supervisors at the defaults, spread over the interval of their messages; prints a line when all are Running; and
/// stays.
pub(crate) async fn stay<R: FullRunner>(supervisors: u32) -> anyhow::Result<()> {
    let settings = Settings::default();
    let mut handles = Vec::new();
    for _ in 0..supervisors {
        let builder = Builder::<R, _>::new(PromptBus::default());
        handles.push(builder.settings(settings.clone()).start().await?);
        R::sleep(settings.live_interval / supervisors).await;
    }
    for handle in &handles {
        handle.ready().await?;
    }
    // Uses the runtime even without supervisors.
    R::spawn(async {});
    println!("all are Running");
    pending().await
}
