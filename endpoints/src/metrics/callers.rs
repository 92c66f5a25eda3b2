//! The series of each caller.

use std::fmt;
use std::time::Instant;

use livebus_readiness::{CallerProgress, HandlerState, Service};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::family::{Family, Value, whole};
use crate::metrics::services::SERVICE;

const REGISTERED: Family = Family {
    name: "livebus_caller_registered",
    help: "Whether the caller is registered with the bus.",
    unit: None,
    kind: MetricType::Gauge,
};

const CALLS_IN_FLIGHT: Family = Family {
    name: "livebus_caller_calls_in_flight",
    help: "Calls that have not ended.",
    unit: None,
    kind: MetricType::Gauge,
};

const BYTES_IN_FLIGHT: Family = Family {
    name: "livebus_caller_bytes_in_flight",
    help: "The bytes of the requests of these calls.",
    unit: None,
    kind: MetricType::Gauge,
};

const OLDEST_CALL_AGE: Family = Family {
    name: "livebus_caller_oldest_call_age",
    help: "The time since the oldest of these calls was made. 0 without any.",
    unit: Some(Unit::Seconds),
    kind: MetricType::Gauge,
};

const CALLS: Family = Family {
    name: "livebus_caller_calls",
    help: "Calls that have ended, by their outcome.",
    unit: None,
    kind: MetricType::Counter,
};

const RETRIES: Family = Family {
    name: "livebus_caller_retries",
    help: "Requests that were sent again.",
    unit: None,
    kind: MetricType::Counter,
};

const REPLIES_DROPPED: Family = Family {
    name: "livebus_caller_replies_dropped",
    help: "Records of the reply topic that ended no call, by the reason.",
    unit: None,
    kind: MetricType::Counter,
};

/// What is known of one caller at one instant.
pub(crate) struct CallerSamples<'a> {
    service: &'a str,
    name: String,
    is_registered: bool,
    oldest_call_age: f64,
    calls: CallerProgress,
}

impl<'a> CallerSamples<'a> {
    /// Returns those of the callers among the handlers of `service`.
    pub(crate) fn of(
        service: &'a Service,
        handlers: &[HandlerState],
        now: Instant,
    ) -> impl Iterator<Item = Self> {
        handlers.iter().filter_map(move |caller| {
            let calls = caller.calls.clone()?;
            let age = calls
                .oldest_call
                .map(|at| now.saturating_duration_since(at));
            Some(Self {
                service: service.name(),
                name: caller.name.clone(),
                is_registered: caller.is_registered,
                oldest_call_age: age.unwrap_or_default().as_secs_f64(),
                calls,
            })
        })
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [(SERVICE, self.service), ("caller", &self.name)]
    }
}

/// Writes all series of these callers.
pub(crate) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    callers: &[CallerSamples<'_>],
) -> fmt::Result {
    let of_each = |value: fn(&CallerSamples<'_>) -> Value<'static>| {
        callers.iter().map(move |it| (it.labels(), value(it)))
    };
    let registered = |it: &CallerSamples<'_>| Value::Flag(it.is_registered);
    REGISTERED.encode(encoder, of_each(registered))?;
    let in_flight = |it: &CallerSamples<'_>| whole(it.calls.calls_in_flight);
    CALLS_IN_FLIGHT.encode(encoder, of_each(in_flight))?;
    let bytes = |it: &CallerSamples<'_>| whole(it.calls.bytes_in_flight);
    BYTES_IN_FLIGHT.encode(encoder, of_each(bytes))?;
    let age = |it: &CallerSamples<'_>| Value::Number(it.oldest_call_age);
    OLDEST_CALL_AGE.encode(encoder, of_each(age))?;

    let by = |label: &'static str, counts: fn(&CallerProgress) -> Vec<(&'static str, u64)>| {
        callers.iter().flat_map(move |it| {
            counts(&it.calls).into_iter().map(move |(name, count)| {
                let [service, caller] = it.labels();
                ([service, caller, (label, name)], Value::Count(count))
            })
        })
    };
    let outcomes = |it: &CallerProgress| {
        let counters = &it.counters;
        vec![
            ("replied", counters.replied),
            ("refused", counters.refused),
            ("not_sent", counters.not_sent),
            ("sent_unknown", counters.sent_unknown),
            ("expired", counters.expired),
            ("cancelled", counters.cancelled),
            ("shutting_down", counters.shutting_down),
        ]
    };
    CALLS.encode(encoder, by("outcome", outcomes))?;
    let retries = |it: &CallerSamples<'_>| Value::Count(it.calls.counters.retries);
    RETRIES.encode(encoder, of_each(retries))?;
    let dropped = |it: &CallerProgress| {
        let counters = &it.counters;
        vec![
            ("foreign", counters.foreign_replies),
            ("former", counters.former_replies),
            ("late", counters.late_replies),
            ("duplicate", counters.duplicate_replies),
            ("unreadable", it.unreadable_replies),
        ]
    };
    REPLIES_DROPPED.encode(encoder, by("reason", dropped))
}
