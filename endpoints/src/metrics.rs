//! The memory as metrics, in the format that the client accepts. Nothing is counted here: each scrape reads the memory.

mod accept;
mod callees;
mod callers;
mod family;
mod handlers;
mod services;

use std::fmt;
use std::time::{Instant, SystemTime};

use livebus_readiness::{HandlerState, Readiness, Service, Snapshot};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::answer::ProbeAnswer;
use crate::metrics::accept::Format;
use crate::metrics::callees::CalleeSamples;
use crate::metrics::callers::CallerSamples;
use crate::metrics::family::{Family, Value};
use crate::metrics::handlers::HandlerSamples;
use crate::metrics::services::ServiceSamples;

const BUILD: Family = Family {
    name: "livebus_build",
    help: "The version of livebus.",
    unit: None,
    kind: MetricType::Info,
};

const READY: Family = Family {
    name: "livebus_ready",
    help: "Whether the process is ready, as /readyz answers.",
    unit: None,
    kind: MetricType::Gauge,
};

/// Returns the metrics at `now`, which is `wall` by the wall clock, for a client with this `Accept`.
pub(crate) fn answer(
    readiness: &Readiness,
    accept: Option<&str>,
    now: Instant,
    wall: SystemTime,
) -> ProbeAnswer {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape {
        snapshot: readiness.snapshot_at(now),
        wall,
    }));
    let format = Format::accepted(accept);
    let mut body = String::new();
    let encoded = match format {
        Format::OpenMetrics => text::encode(&mut body, &registry),
        Format::Prometheus => prometheus_text::encode(&mut body, &registry),
    };
    match encoded {
        Ok(()) => ProbeAnswer {
            status: 200,
            content_type: format.content_type(),
            body,
        },
        // Writing to a string cannot fail, and every value has a text. A part of the metrics would be worse than none.
        Err(error) => ProbeAnswer::text(500, format!("cannot write the metrics: {error}\n")),
    }
}

/// One scrape of the memory.
#[derive(Debug)]
struct Scrape {
    snapshot: Snapshot,
    wall: SystemTime,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        BUILD.encode(&mut encoder, [(&version[..], Value::Info)])?;
        let ready = self.snapshot.is_ready();
        READY.encode(&mut encoder, [(&[][..], Value::Flag(ready))])?;

        let now = self.snapshot.now();
        let services: Vec<_> = self.snapshot.services().collect();
        let samples = services
            .iter()
            .map(|service| ServiceSamples::new(service, now, self.wall));
        services::encode(&mut encoder, &samples.collect::<Vec<_>>())?;
        let parts = services
            .iter()
            .map(|it| (&it.service, handlers_of(&it.service)));
        let parts: Vec<_> = parts.collect();
        let all = || parts.iter();
        let samples = all().flat_map(|(service, it)| HandlerSamples::of(service, it, now));
        handlers::encode(&mut encoder, &samples.collect::<Vec<_>>())?;
        let samples = all().flat_map(|(service, it)| CalleeSamples::of(service, it));
        callees::encode(&mut encoder, &samples.collect::<Vec<_>>())?;
        let samples = all().flat_map(|(service, it)| CallerSamples::of(service, it, now));
        callers::encode(&mut encoder, &samples.collect::<Vec<_>>())
    }
}

/// Returns the request handlers and the callers of `service`; of several with the same name the first, because a series that is there twice
/// makes the whole scrape invalid.
fn handlers_of(service: &Service) -> Vec<HandlerState> {
    let mut all: Vec<HandlerState> = Vec::new();
    for handler in service.handlers() {
        if all.iter().all(|it| it.name != handler.name) {
            all.push(handler);
        }
    }
    all
}
