//! The series that a call handler has besides those of each request handler.

use std::fmt;

use livebus_readiness::{CalleeProgress, HandlerState, Service};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use crate::metrics::family::{Family, Value, whole};
use crate::metrics::services::SERVICE;

const REQUESTS: Family = Family {
    name: "livebus_call_handler_requests",
    help: "Requests that were fetched, by what became of them.",
    unit: None,
    kind: MetricType::Counter,
};

const REQUESTS_HELD: Family = Family {
    name: "livebus_call_handler_requests_held",
    help: "Requests that were fetched, and wait or run.",
    unit: None,
    kind: MetricType::Gauge,
};

const REPLIES_LOST: Family = Family {
    name: "livebus_call_handler_replies_lost",
    help: "Replies that did not arrive.",
    unit: None,
    kind: MetricType::Counter,
};

/// What is known of one call handler.
pub(crate) struct CalleeSamples<'a> {
    service: &'a str,
    name: String,
    requests: CalleeProgress,
}

impl<'a> CalleeSamples<'a> {
    /// Returns those of the call handlers among the handlers of `service`.
    pub(crate) fn of(
        service: &'a Service,
        handlers: &[HandlerState],
    ) -> impl Iterator<Item = Self> {
        handlers.iter().filter_map(move |handler| {
            Some(Self {
                service: service.name(),
                name: handler.name.clone(),
                requests: handler.callee.clone()?,
            })
        })
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [(SERVICE, self.service), ("handler", &self.name)]
    }
}

/// Writes all series of these call handlers.
pub(crate) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    callees: &[CalleeSamples<'_>],
) -> fmt::Result {
    let requests = callees.iter().flat_map(|it| {
        let CalleeProgress {
            unreadable_requests,
            counters,
            ..
        } = &it.requests;
        let counts = [
            ("run", counters.runs),
            ("too_late", counters.too_late),
            ("cancelled", counters.cancelled),
            ("repeated", counters.repeated),
            ("unreadable", *unreadable_requests),
        ];
        counts.into_iter().map(move |(outcome, count)| {
            let [service, handler] = it.labels();
            let labels = [service, handler, ("outcome", outcome)];
            (labels, Value::Count(count))
        })
    });
    REQUESTS.encode(encoder, requests)?;
    let of_each = |value: fn(&CalleeProgress) -> Value<'static>| {
        callees
            .iter()
            .map(move |it| (it.labels(), value(&it.requests)))
    };
    REQUESTS_HELD.encode(encoder, of_each(|it| whole(it.requests_held)))?;
    REPLIES_LOST.encode(encoder, of_each(|it| Value::Count(it.lost_replies)))
}
