//! The process that is attacked.

use std::future::pending;
use std::net::SocketAddr;
use std::time::Instant;

use futures::StreamExt as _;
use livebus_core::{ClientId, Failure, Settings, Status};
use livebus_runner::{Builder, Bus, Observations};
use livebus_tests::host::FullRunner;

/// The prefix of the first line of the output, before the address of the probes. Each further line is a change of status.
pub(crate) const LISTENS: &str = "listens on ";

/// Supervises a bus that always answers, with the preset whose detection bound is the shortest; serves its probes; and stays.
pub(crate) async fn stay<R: FullRunner>() -> anyhow::Result<()> {
    let builder = Builder::<R, _>::new(LiveBus(Observations::new()))
        .settings(Settings::fast())
        .http(SocketAddr::from(([127, 0, 0, 1], 0)));
    let handle = builder.start().await?;
    let mut changes = handle.changes_from_start();
    while let Some(change) = changes.next().await {
        if change.report.status == Status::Running {
            break;
        }
    }
    if let Some(address) = handle.http_address() {
        println!("{LISTENS}{address}");
    }
    while let Some(change) = changes.next().await {
        println!("{:?}: {}", change.report.status, change.report.cause);
    }
    pending().await
}

struct LiveBus(Observations);

impl Bus for LiveBus {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.0
    }
}
