//! The series of each request handler.

use std::fmt;
use std::time::Instant;

use livebus_core::dispatch::Counters;
use livebus_readiness::{HandlerProgress, HandlerState, Service};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::family::{Family, Value, whole};
use crate::metrics::services::SERVICE;

const REGISTERED: Family = Family {
    name: "livebus_handler_registered",
    help: "Whether the request handler is registered with the bus.",
    unit: None,
    kind: MetricType::Gauge,
};

const PARTITIONS: Family = Family {
    name: "livebus_handler_partitions",
    help: "Partitions that are assigned to the request handler.",
    unit: None,
    kind: MetricType::Gauge,
};

const RUNS_IN_FLIGHT: Family = Family {
    name: "livebus_handler_runs_in_flight",
    help: "Runs of the function that are in flight.",
    unit: None,
    kind: MetricType::Gauge,
};

const RECORDS_HELD: Family = Family {
    name: "livebus_handler_records_held",
    help: "Records that were fetched and have no final verdict.",
    unit: None,
    kind: MetricType::Gauge,
};

const OLDEST_RECORD_AGE: Family = Family {
    name: "livebus_handler_oldest_record_age",
    help: "The time since the oldest of these records was fetched. 0 without any.",
    unit: Some(Unit::Seconds),
    kind: MetricType::Gauge,
};

const LAG: Family = Family {
    name: "livebus_handler_lag",
    help: "Offsets from the positions to the ends of the partitions. NaN while an end is not known.",
    unit: None,
    kind: MetricType::Gauge,
};

const VERDICTS: Family = Family {
    name: "livebus_handler_verdicts",
    help: "Final verdicts of records, by their outcome.",
    unit: None,
    kind: MetricType::Counter,
};

const FAILURES: Family = Family {
    name: "livebus_handler_failures",
    help: "Calls of the function that failed or were cancelled at their deadline. A retry may follow.",
    unit: None,
    kind: MetricType::Counter,
};

const REMOVED_RECORDS: Family = Family {
    name: "livebus_handler_removed_records",
    help: "Records that were removed before they were fetched, and passed over by a policy.",
    unit: None,
    kind: MetricType::Counter,
};

const DUPLICATES: Family = Family {
    name: "livebus_handler_duplicates",
    help: "Records that were begun and whose verdicts the group did not have when their assignment ended.",
    unit: None,
    kind: MetricType::Counter,
};

const COMMITS: Family = Family {
    name: "livebus_handler_commits",
    help: "Commits of positions, by their outcome.",
    unit: None,
    kind: MetricType::Counter,
};

/// What is known of one request handler at one instant.
pub(crate) struct HandlerSamples<'a> {
    service: &'a str,
    name: String,
    is_registered: bool,
    /// `None` for a handler that livebus does not run.
    run: Option<RunSamples>,
}

struct RunSamples {
    progress: HandlerProgress,
    oldest_record_age: f64,
    counters: Counters,
}

impl<'a> HandlerSamples<'a> {
    /// Returns those of the request handlers among the handlers of `service`.
    pub(crate) fn of(
        service: &'a Service,
        handlers: &[HandlerState],
        now: Instant,
    ) -> impl Iterator<Item = Self> {
        let handlers = handlers.iter().filter(|it| !it.is_caller());
        handlers.map(move |it| Self::new(service.name(), it.clone(), now))
    }

    fn new(service: &'a str, handler: HandlerState, now: Instant) -> Self {
        let progress = handler.progress.unwrap_or_default();
        let run = handler.counters.map(|counters| {
            let oldest = progress.oldest_held.as_ref();
            let age = oldest.map(|it| now.saturating_duration_since(it.since));
            RunSamples {
                oldest_record_age: age.unwrap_or_default().as_secs_f64(),
                progress,
                counters,
            }
        });
        Self {
            service,
            name: handler.name,
            is_registered: handler.is_registered,
            run,
        }
    }

    fn labels(&self) -> [(&str, &str); 2] {
        [(SERVICE, self.service), ("handler", &self.name)]
    }

    fn labels_with<'v>(&'v self, name: &'v str, value: &'v str) -> [(&'v str, &'v str); 3] {
        let [service, handler] = self.labels();
        [service, handler, (name, value)]
    }
}

/// Writes all series of these request handlers.
pub(crate) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    handlers: &[HandlerSamples<'_>],
) -> fmt::Result {
    let registered = handlers
        .iter()
        .map(|it| (it.labels(), Value::Flag(it.is_registered)));
    REGISTERED.encode(encoder, registered)?;

    let of_each = |value: fn(&RunSamples) -> Value<'static>| {
        handlers
            .iter()
            .filter_map(move |it| Some((it.labels(), value(it.run.as_ref()?))))
    };
    PARTITIONS.encode(encoder, of_each(|it| whole(it.progress.partitions)))?;
    RUNS_IN_FLIGHT.encode(encoder, of_each(|it| whole(it.progress.runs_in_flight)))?;
    RECORDS_HELD.encode(encoder, of_each(|it| whole(it.progress.records_held)))?;
    let age = |it: &RunSamples| Value::Number(it.oldest_record_age);
    OLDEST_RECORD_AGE.encode(encoder, of_each(age))?;
    LAG.encode(encoder, of_each(|it| lag(&it.progress)))?;

    let by = |label: &'static str, counts: fn(&Counters) -> Vec<(&'static str, u64)>| {
        handlers.iter().flat_map(move |it| {
            let counts = it.run.as_ref().map(|run| counts(&run.counters));
            let counts = counts.into_iter().flatten();
            counts.map(move |(name, count)| (it.labels_with(label, name), Value::Count(count)))
        })
    };
    let verdicts = |it: &Counters| {
        vec![
            ("done", it.done),
            ("skipped", it.skipped),
            ("dead_letter", it.dead_letters),
        ]
    };
    VERDICTS.encode(encoder, by("outcome", verdicts))?;
    let failures = |it: &Counters| vec![("failed", it.failed), ("timed_out", it.timed_out)];
    FAILURES.encode(encoder, by("outcome", failures))?;
    let removed = |it: &RunSamples| Value::Count(it.counters.removed);
    REMOVED_RECORDS.encode(encoder, of_each(removed))?;
    let duplicates = |it: &RunSamples| Value::Count(it.counters.duplicates);
    DUPLICATES.encode(encoder, of_each(duplicates))?;
    let commits = |it: &Counters| vec![("acknowledged", it.commits), ("failed", it.failed_commits)];
    COMMITS.encode(encoder, by("outcome", commits))
}

fn lag(progress: &HandlerProgress) -> Value<'static> {
    progress.lag.map_or(Value::Number(f64::NAN), whole)
}
