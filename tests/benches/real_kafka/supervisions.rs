//! The supervisions of a group, in this process.

use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{Settings, Status};
use livebus_readiness::StatusChange;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast};
use livebus_tests::label::Label;

use crate::nodes::START_LIMIT;

/// The topic of the liveness messages, and of the bare producer.
pub(crate) const TOPIC: &str = "measured";

/// The settings that are measured: their name, their host, and they.
pub(crate) fn presets() -> Vec<(&'static str, Host, Settings)> {
    let recreating = Settings {
        recreate_after: Some(Duration::from_secs(6)),
        ..Settings::default()
    };
    vec![
        ("defaults", Host::TokioCurrentThread, Settings::default()),
        ("fast", Host::TokioMultiThread, fast()),
        ("defaults, recreate-after 6 s", Host::AsyncStd, recreating),
    ]
}

/// Starts one supervision.
pub(crate) fn supervise(
    service: &str,
    host: Host,
    servers: &str,
    settings: Settings,
) -> anyhow::Result<KafkaSupervision> {
    let label = Label {
        folder: "benchmark",
        service,
        host,
    };
    KafkaSupervision::start(label, by_produce(servers, TOPIC)?, settings)
}

/// Waits until the status is `expected`, whatever it is before.
///
/// # Errors
///
/// When it is not within [`START_LIMIT`], with the history.
pub(crate) fn until(bus: &mut KafkaSupervision, expected: Status) -> anyhow::Result<StatusChange> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        let change = bus.next_change()?;
        if change.report.status == expected {
            return Ok(change);
        }
        ensure!(
            Instant::now() < deadline,
            "expected {expected}: {}",
            bus.history_text()
        );
    }
}

/// Takes the changes so far; prints them, if any, so that a row that is not as expected has an explanation.
pub(crate) fn take_unexpected(bus: &mut KafkaSupervision) -> Vec<StatusChange> {
    let changes = bus.take_changes();
    if !changes.is_empty() {
        eprintln!("{}", bus.history_text());
    }
    changes
}

/// Returns how many of the changes ended Running.
pub(crate) fn losses(changes: &[StatusChange]) -> usize {
    let lost = changes
        .iter()
        .filter(|change| change.from == Status::Running && change.report.status != Status::Running);
    lost.count()
}
