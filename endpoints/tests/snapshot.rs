//! Each answer is of one instant: a report that comes while it is written changes no part of it.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use livebus_core::{Cause, Failure, FailureClass, Report, Status};
use livebus_endpoints::Probes;
use livebus_readiness::{Detail, Explain, Explanation, HandlerState, Leaders, Registry, Reporter};

/// Reports that `bus` is NotReady as soon as an answer asks for anything besides the report of its service.
struct ReportsWhenAsked {
    bus: OnceLock<Reporter>,
    to_report: Mutex<Option<Report>>,
}

impl ReportsWhenAsked {
    fn report(&self) {
        let report = self.to_report.lock().expect("no panic").take();
        if let (Some(bus), Some(report)) = (self.bus.get(), report) {
            bus.report(report.since, report);
        }
    }
}

impl Explain for ReportsWhenAsked {
    fn explain(&self, _: Failure) -> Explanation {
        self.report();
        Explanation::default()
    }

    fn details(&self) -> Vec<Detail> {
        self.report();
        Vec::new()
    }

    fn leaders(&self) -> Option<Leaders> {
        self.report();
        None
    }

    fn handlers(&self) -> Vec<HandlerState> {
        self.report();
        Vec::new()
    }
}

/// Returns the answers of `path` while `bus`, which is Running, becomes NotReady, and after that. The service that makes this happen is
/// declared before or after it.
fn answers(path: &str, query: Option<&str>, bus_is_first: bool) -> [(u16, String); 2] {
    let now = Instant::now();
    let names = Registry::builder();
    let names = if bus_is_first {
        names.required("bus").required("other")
    } else {
        names.required("other").required("bus")
    };
    let registry = names.build_at(now).expect("valid names");
    let [bus, other] = ["bus", "other"].map(|it| registry.reporter(it).expect("it has none"));
    for reporter in [&bus, &other] {
        reporter.set(now, Status::Running, now + Duration::from_secs(9));
    }
    let explains = Arc::new(ReportsWhenAsked {
        to_report: Mutex::new(Some(Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(FailureClass::Unreachable.into()),
            lease: None,
            since: now,
            ..bus.service().report()
        })),
        bus: OnceLock::new(),
    });
    other.set_explainer(explains.clone());
    bus.set_explainer(explains.clone());
    explains.bus.set(bus).expect("set once");
    let probes = Probes::new(registry.readiness());
    [(); 2].map(|()| {
        let answer = probes.answer(path, query, now);
        (answer.status, answer.body)
    })
}

#[test]
fn readyz_fails_only_with_a_reason() {
    for bus_is_first in [true, false] {
        for query in [None, Some("verbose")] {
            let [during, after] = answers("/readyz", query, bus_is_first);
            for (status, body) in [&during, &after] {
                assert_eq!(*status == 503, body.contains("[-]"), "{body}");
            }
            assert_eq!((during.0, after.0), (200, 503));
        }
    }
}

#[test]
fn metrics_are_ready_only_while_the_services_run() {
    for bus_is_first in [true, false] {
        let values = answers("/metrics", None, bus_is_first).map(|(_, body)| {
            let is_in = |sample: &str| body.lines().any(|line| line == sample);
            let runs = is_in("livebus_status{livebus_service=\"bus\",status=\"Running\"} 1");
            (is_in("livebus_ready 1"), runs)
        });
        assert_eq!(values, [(true, true), (false, false)]);
    }
}

#[test]
fn statusz_is_ready_only_while_the_services_run() {
    for bus_is_first in [true, false] {
        let values = answers("/statusz", None, bus_is_first).map(|(_, body)| {
            let body: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
            let services = body["services"].as_array().expect("a list");
            let runs = services.iter().all(|it| it["status"] == "Running");
            (body["ready"] == true, runs)
        });
        assert_eq!(values, [(true, true), (false, false)]);
    }
}
