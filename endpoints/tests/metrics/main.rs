//! The answers of `/metrics`: every series from the beginning, and values that follow the memory.
#![expect(clippy::float_cmp, reason = "every value is written and read exactly")]

mod calls;
mod exposition;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use livebus_core::dispatch::Counters;
use livebus_core::{Cause, Failure, FailureClass, Report, Status};
use livebus_endpoints::Probes;
use livebus_readiness::{
    CheckOutcome, Explain, Explanation, HandlerProgress, HandlerState, HeldRecord, Leaders,
    Registry, Reporter,
};

use exposition::{Exposition, Format, labels};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns what a scrape at `now` reads, which is the same in both formats.
fn scrape(probes: &Probes, now: Instant) -> Exposition {
    let read = |accept, content_type, format| {
        let answer = probes.respond("GET", "/metrics", None, accept, now);
        assert_eq!((answer.status, answer.content_type), (200, content_type));
        Exposition::read(&answer.body, format)
    };
    let prometheus = read(None, PROMETHEUS, Format::Prometheus);
    let accept = Some("application/openmetrics-text;version=1.0.0");
    let open_metrics = read(accept, OPEN_METRICS, Format::OpenMetrics);
    let is_same = prometheus.keys() == open_metrics.keys();
    assert!(is_same, "the formats have different series");
    open_metrics
}

/// Two services, of which the second has no reporter.
fn services(now: Instant) -> (Probes, Reporter) {
    let names = Registry::builder().required("bus").optional("cache");
    let registry = names.build_at(now).expect("the names differ");
    let reporter = registry.reporter("bus").expect("it has none");
    (Probes::new(registry.readiness()), reporter)
}

fn running(now: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        evidence: Some(now),
        lease: Some(now + Duration::from_secs(9)),
        ..Report::unreported(now)
    }
}

const BUS: (&str, &str) = ("livebus_service", "bus");

#[test]
fn every_series_is_there_before_the_first_report() {
    let now = Instant::now();
    let (probes, _reporter) = services(now);
    let scraped = scrape(&probes, now);
    let version = ("version", env!("CARGO_PKG_VERSION"));
    let expected = [
        ("livebus_build_info", labels(&[version])),
        ("livebus_status", labels(&[BUS, ("status", "Unknown")])),
        (
            "livebus_status",
            labels(&[("livebus_service", "cache"), ("status", "Unknown")]),
        ),
    ];
    let not_zero = scraped.not_zero();
    let not_zero: Vec<_> = not_zero
        .iter()
        .map(|(name, labels, value)| (*name, (*labels).clone(), *value))
        .collect();
    assert_eq!(
        not_zero,
        expected.map(|(name, labels)| (name, labels, 1.0)),
        "all others are 0"
    );
    assert_eq!(scraped.value("livebus_ready", &[]), 0.0);
    for service in ["bus", "cache"] {
        let service = ("livebus_service", service);
        for (name, with) in [
            ("livebus_warning", 1),
            ("livebus_status", Status::ALL.len()),
            ("livebus_changes_total", Cause::NAMES.len()),
            ("livebus_reported_failures_total", FailureClass::ALL.len()),
            (
                "livebus_check_duration_seconds_count",
                CheckOutcome::ALL.len(),
            ),
            ("livebus_start_attempts_total", 1),
            ("livebus_last_evidence_timestamp_seconds", 1),
            ("livebus_lease_remaining_seconds", 1),
        ] {
            assert_eq!(scraped.count(name, &[service]), with, "{name}");
        }
    }
    for name in [
        "livebus_leaders_asked",
        "livebus_handler_registered",
        "livebus_call_handler_requests_total",
        "livebus_caller_registered",
    ] {
        assert_eq!(scraped.count(name, &[]), 0, "{name} of nothing");
    }
}

#[test]
fn series_follow_the_reports() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    let starting = Report {
        status: Status::Prepared,
        cause: Cause::Starting,
        ..Report::unreported(now)
    };
    bus.report(now, starting);
    bus.activity().count_start();
    bus.activity().count_start();
    let warned = Report {
        warning: Some(Failure::with_code(FailureClass::TopicMissing, 3)),
        ..running(now)
    };
    bus.report(now, warned);
    let activity = bus.activity();
    activity.count_check(CheckOutcome::Rejected, Duration::from_millis(4));
    activity.count_check(CheckOutcome::Succeeded, Duration::from_millis(5));
    activity.count_check(CheckOutcome::Succeeded, Duration::from_secs(3));
    let later = now + Duration::from_secs(2);
    bus.renew(later, later, later + Duration::from_secs(9));

    let at = later + Duration::from_millis(1_500);
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall = wall.expect("it is after 1970").as_secs_f64();
    let scraped = scrape(&probes, at);
    let value = |name: &str, label| scraped.value(name, &[BUS, label]);
    assert_eq!(scraped.value("livebus_ready", &[]), 1.0);
    assert_eq!(value("livebus_status", ("status", "Running")), 1.0);
    assert_eq!(value("livebus_status", ("status", "Prepared")), 0.0);
    assert_eq!(scraped.value("livebus_warning", &[BUS]), 1.0);
    let changes = |cause| value("livebus_changes_total", ("cause", cause));
    assert_eq!(
        ["Starting", "Evidence", "Starved"].map(changes),
        [1.0, 1.0, 0.0]
    );
    let failures = |class| value("livebus_reported_failures_total", ("class", class));
    assert_eq!(["TopicMissing", "Tls"].map(failures), [1.0, 0.0]);
    assert_eq!(scraped.value("livebus_start_attempts_total", &[BUS]), 2.0);
    assert_eq!(
        scraped.value("livebus_lease_remaining_seconds", &[BUS]),
        7.5
    );
    let evidence = scraped.value("livebus_last_evidence_timestamp_seconds", &[BUS]);
    // The wall clock at `at` is now.
    assert!((wall - 1.5 - evidence).abs() < 1.0, "{evidence} at {wall}");
    let checks = |suffix: &str, outcome| {
        let name = format!("livebus_check_duration_seconds_{suffix}");
        value(&name, ("outcome", outcome))
    };
    assert_eq!(checks("count", "succeeded"), 2.0);
    assert_eq!(checks("sum", "succeeded"), 3.005);
    assert_eq!(checks("count", "rejected"), 1.0);
    assert_eq!(checks("count", "failed"), 0.0);
    let bucket = |bound| {
        let labels = [BUS, ("outcome", "succeeded"), ("le", bound)];
        scraped.value("livebus_check_duration_seconds_bucket", &labels)
    };
    let bounds = ["0.0025", "0.005", "2.5", "5", "+Inf"];
    assert_eq!(bounds.map(bucket), [0.0, 1.0, 1.0, 2.0, 2.0]);
    let other = scraped.value(
        "livebus_changes_total",
        &[("livebus_service", "cache"), ("cause", "Evidence")],
    );
    assert_eq!(other, 0.0, "each service has its own");

    // The end of the lease is no report, and counts as none.
    let scraped = scrape(&probes, at + Duration::from_secs(8));
    let value = |name: &str, label| scraped.value(name, &[BUS, label]);
    assert_eq!(scraped.value("livebus_ready", &[]), 0.0);
    assert_eq!(value("livebus_status", ("status", "NotReady")), 1.0);
    assert_eq!(value("livebus_status", ("status", "Running")), 0.0);
    assert_eq!(scraped.value("livebus_warning", &[BUS]), 0.0);
    assert_eq!(
        scraped.value("livebus_lease_remaining_seconds", &[BUS]),
        0.0
    );
    assert_eq!(value("livebus_changes_total", ("cause", "Starved")), 0.0);
}

#[test]
fn counts_outlive_the_reporter() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let probes = Probes::new(registry.readiness());
    for _ in 0..2 {
        let bus = registry.reporter("bus").expect("it has none");
        bus.activity().count_start();
        bus.report(now, running(now));
    }
    let scraped = scrape(&probes, now);
    assert_eq!(scraped.value("livebus_start_attempts_total", &[BUS]), 2.0);
    let changes = |cause| scraped.value("livebus_changes_total", &[BUS, ("cause", cause)]);
    assert_eq!(["Evidence", "ForcedStop"].map(changes), [2.0, 2.0]);
}

#[test]
fn running_without_a_lease_does_not_end() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("one name");
    let bus = registry.leaseless_reporter("bus").expect("it has none");
    bus.set(Status::Running);
    let scraped = scrape(&Probes::new(registry.readiness()), Instant::now());
    let remaining = scraped.value("livebus_lease_remaining_seconds", &[BUS]);
    assert_eq!(remaining, f64::INFINITY);
}

/// A bus with handlers: one that runs, one that has not begun, and two of one name that livebus does not run.
struct Handlers(Instant);

impl Explain for Handlers {
    fn explain(&self, _: Failure) -> Explanation {
        Explanation::default()
    }

    fn leaders(&self) -> Option<Leaders> {
        Some(Leaders {
            asked: 3,
            answered: 2,
        })
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let mut counters = Counters::default();
        (counters.done, counters.skipped, counters.dead_letters) = (100, 2, 1);
        (counters.failed, counters.timed_out) = (7, 5);
        (counters.commits, counters.failed_commits) = (10, 1);
        (counters.removed, counters.duplicates) = (4, 6);
        let mut progress = HandlerProgress::default();
        progress.partitions = 3;
        progress.runs_in_flight = 2;
        progress.records_held = 8;
        progress.lag = Some(12);
        progress.counters = counters;
        progress.oldest_held = Some(HeldRecord {
            topic: Arc::from("orders"),
            partition: 2,
            offset: 41,
            since: self.0,
        });
        let mut runs = HandlerState::unregistered("orders", true);
        runs.is_registered = true;
        runs.progress = Some(progress);
        runs.counters = Some(counters);
        let mut has_not_begun = HandlerState::unregistered("a \"new\\old\"\ntopic", true);
        has_not_begun.counters = Some(Counters::default());
        vec![
            runs,
            has_not_begun,
            HandlerState::unregistered("foreign", false),
            HandlerState::unregistered("foreign", true),
        ]
    }
}

#[test]
fn series_show_the_leaders_and_the_handlers() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.set_explainer(Arc::new(Handlers(now)));
    let scraped = scrape(&probes, now + Duration::from_millis(250));
    assert_eq!(scraped.value("livebus_leaders_asked", &[BUS]), 3.0);
    assert_eq!(scraped.value("livebus_leaders_answered", &[BUS]), 2.0);
    assert_eq!(scraped.count("livebus_leaders_asked", &[]), 1, "of one bus");

    let orders = [BUS, ("handler", "orders")];
    for (name, value) in [
        ("livebus_handler_registered", 1.0),
        ("livebus_handler_partitions", 3.0),
        ("livebus_handler_runs_in_flight", 2.0),
        ("livebus_handler_records_held", 8.0),
        ("livebus_handler_oldest_record_age_seconds", 0.25),
        ("livebus_handler_lag", 12.0),
        ("livebus_handler_removed_records_total", 4.0),
        ("livebus_handler_duplicates_total", 6.0),
    ] {
        assert_eq!(scraped.value(name, &orders), value, "{name}");
    }
    for (name, outcome, value) in [
        ("livebus_handler_verdicts_total", "done", 100.0),
        ("livebus_handler_verdicts_total", "skipped", 2.0),
        ("livebus_handler_verdicts_total", "dead_letter", 1.0),
        ("livebus_handler_failures_total", "failed", 7.0),
        ("livebus_handler_failures_total", "timed_out", 5.0),
        ("livebus_handler_commits_total", "acknowledged", 10.0),
        ("livebus_handler_commits_total", "failed", 1.0),
    ] {
        let labels = [BUS, ("handler", "orders"), ("outcome", outcome)];
        assert_eq!(scraped.value(name, &labels), value, "{name} {outcome}");
    }

    let new = ("handler", "a \"new\\old\"\ntopic");
    let lag = scraped.value("livebus_handler_lag", &[BUS, new]);
    assert!(lag.is_nan(), "{lag}: it is not known");
    assert_eq!(
        scraped.value("livebus_handler_registered", &[BUS, new]),
        0.0
    );
    for name in ["partitions", "records_held", "oldest_record_age_seconds"] {
        let name = format!("livebus_handler_{name}");
        assert_eq!(scraped.value(&name, &[BUS, new]), 0.0, "{name}");
    }
    let series_of = |handler| {
        let keys = scraped.keys();
        let of_it = |it: &&&(String, exposition::Labels)| {
            it.1.get("handler").is_some_and(|name| name == handler)
        };
        keys.iter().filter(of_it).count()
    };
    assert_eq!(series_of(new.1), series_of("orders"), "all from zero");
    assert_eq!(
        series_of("foreign"),
        1,
        "livebus knows only whether it is registered"
    );
}

#[test]
fn a_service_may_have_any_name() {
    let now = Instant::now();
    let name = "a \"b\" \\ {c=\"d\"} é";
    let registry = Registry::builder().required(name).build_at(now);
    let registry = registry.expect("one name");
    let scraped = scrape(&Probes::new(registry.readiness()), now);
    let service = ("livebus_service", name);
    assert_eq!(scraped.value("livebus_warning", &[service]), 0.0);
}
