//! The series of each service.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use livebus_core::{Report, Status};
use livebus_readiness::{Leaders, ServiceCounts, ServiceSnapshot};
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::metrics::family::{Family, Value};

/// The label with the name of the service. Prometheus itself often has a label `service`, of the target.
pub(crate) const SERVICE: &str = "livebus_service";

const STATUS: Family = Family {
    name: "livebus_status",
    help: "Whether the service has this status. One of them is 1.",
    unit: None,
    kind: MetricType::Gauge,
};

const WARNING: Family = Family {
    name: "livebus_warning",
    help: "Whether the service is Running with a warning.",
    unit: None,
    kind: MetricType::Gauge,
};

const CHANGES: Family = Family {
    name: "livebus_changes",
    help: "Changes of the status, its cause or its warning, by the cause after the change.",
    unit: None,
    kind: MetricType::Counter,
};

const REPORTED_FAILURES: Family = Family {
    name: "livebus_reported_failures",
    help: "Those changes after which the cause, or else the warning, is a failure, by its class.",
    unit: None,
    kind: MetricType::Counter,
};

const CHECK_DURATION: Family = Family {
    name: "livebus_check_duration",
    help: "The duration of the liveness checks that have ended, by their outcome.",
    unit: Some(Unit::Seconds),
    kind: MetricType::Histogram,
};

const START_ATTEMPTS: Family = Family {
    name: "livebus_start_attempts",
    help: "Attempts to start a client of the bus.",
    unit: None,
    kind: MetricType::Counter,
};

const LAST_EVIDENCE: Family = Family {
    name: "livebus_last_evidence_timestamp",
    help: "When the newest evidence was observed, in Unix time. 0 before the first.",
    unit: Some(Unit::Seconds),
    kind: MetricType::Gauge,
};

const LEASE_REMAINING: Family = Family {
    name: "livebus_lease_remaining",
    help: "For how long Running is granted without further evidence. 0 while the service is not Running.",
    unit: Some(Unit::Seconds),
    kind: MetricType::Gauge,
};

const LEADERS_ASKED: Family = Family {
    name: "livebus_leaders_asked",
    help: "Leaders to which the newest liveness message was sent.",
    unit: None,
    kind: MetricType::Gauge,
};

const LEADERS_ANSWERED: Family = Family {
    name: "livebus_leaders_answered",
    help: "Leaders that have answered the newest liveness message.",
    unit: None,
    kind: MetricType::Gauge,
};

/// What is known of one service at one instant.
pub(crate) struct ServiceSamples<'a> {
    name: &'a str,
    status: Status,
    has_warning: bool,
    last_evidence: f64,
    lease_remaining: f64,
    counts: ServiceCounts,
    leaders: Option<Leaders>,
}

impl<'a> ServiceSamples<'a> {
    pub(crate) fn new(observed: &'a ServiceSnapshot, now: Instant, wall: SystemTime) -> Self {
        let ServiceSnapshot {
            service, report, ..
        } = observed;
        let status = report.status_at(now);
        Self {
            name: service.name(),
            status,
            has_warning: status == Status::Running && report.warning.is_some(),
            last_evidence: report.evidence.map_or(0.0, |at| unix_time(at, now, wall)),
            lease_remaining: lease_remaining(report, now),
            counts: service.counts(),
            leaders: service.leaders(),
        }
    }

    fn labels(&self) -> [(&str, &str); 1] {
        [(SERVICE, self.name)]
    }

    fn labels_with<'v>(&'v self, name: &'v str, value: &'v str) -> [(&'v str, &'v str); 2] {
        [(SERVICE, self.name), (name, value)]
    }
}

/// Returns an instant in seconds since 1970, to the millisecond.
fn unix_time(at: Instant, now: Instant, wall: SystemTime) -> f64 {
    let wall = wall.checked_sub(now.saturating_duration_since(at));
    let since = wall.and_then(|it| it.duration_since(SystemTime::UNIX_EPOCH).ok());
    let millis = since.unwrap_or_default().as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).as_secs_f64()
}

/// Returns the seconds that are left of the lease; without a lease, Running does not end on its own.
fn lease_remaining(report: &Report, now: Instant) -> f64 {
    match (report.status, report.lease) {
        (Status::Running, Some(lease)) => lease.saturating_duration_since(now).as_secs_f64(),
        (Status::Running, None) => f64::INFINITY,
        (
            Status::Unknown
            | Status::Preparing
            | Status::Prepared
            | Status::NotReady
            | Status::Stopped
            | Status::Failed,
            _,
        ) => 0.0,
    }
}

/// Writes all series of these services.
pub(crate) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    services: &[ServiceSamples<'_>],
) -> fmt::Result {
    let of_each = |value: fn(&ServiceSamples<'_>) -> Value<'static>| {
        services.iter().map(move |it| (it.labels(), value(it)))
    };
    let of_leaders = |number: fn(Leaders) -> u32| {
        services.iter().filter_map(move |it| {
            let value = Value::Whole(number(it.leaders?).into());
            Some((it.labels(), value))
        })
    };
    let statuses = services.iter().flat_map(|it| {
        Status::ALL.into_iter().map(|status| {
            let value = Value::Flag(it.status == status);
            (it.labels_with("status", status.name()), value)
        })
    });
    STATUS.encode(encoder, statuses)?;
    WARNING.encode(encoder, of_each(|it| Value::Flag(it.has_warning)))?;
    let changes = services.iter().flat_map(|it| {
        let by_cause = it.counts.changes_by_cause();
        by_cause.map(|(cause, count)| (it.labels_with("cause", cause), Value::Count(count)))
    });
    CHANGES.encode(encoder, changes)?;
    let failures = services.iter().flat_map(|it| {
        let by_class = it.counts.changes_by_class();
        by_class.map(|(class, count)| (it.labels_with("class", class.name()), Value::Count(count)))
    });
    REPORTED_FAILURES.encode(encoder, failures)?;
    let checks = services.iter().flat_map(|it| {
        it.counts.checks().map(|(outcome, durations)| {
            let labels = it.labels_with("outcome", outcome.name());
            (labels, Value::Durations(durations))
        })
    });
    CHECK_DURATION.encode(encoder, checks)?;
    START_ATTEMPTS.encode(encoder, of_each(|it| Value::Count(it.counts.starts())))?;
    LAST_EVIDENCE.encode(encoder, of_each(|it| Value::Number(it.last_evidence)))?;
    LEASE_REMAINING.encode(encoder, of_each(|it| Value::Number(it.lease_remaining)))?;
    LEADERS_ASKED.encode(encoder, of_leaders(|leaders| leaders.asked))?;
    LEADERS_ANSWERED.encode(encoder, of_leaders(|leaders| leaders.answered))
}
