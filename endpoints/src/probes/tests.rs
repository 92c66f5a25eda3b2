//! The answers, character by character.

mod paths;

use std::sync::Arc;
use std::time::Duration;

use livebus_core::{Cause, Failure, FailureClass, Report, Status};
use livebus_readiness::{Detail, Explain, Explanation, Heartbeat, Registry, Reporter, ServiceLoop};

use super::*;

/// The reporter of the required service `bus`; `cache`, which is optional, has none.
fn probes(now: Instant) -> (Probes, Reporter, Heartbeat) {
    let names = Registry::builder().required("bus").optional("cache");
    let registry = names.build_at(now).expect("the names differ");
    let heartbeat = Heartbeat::new(now);
    let bus = registry.reporter("bus").expect("it has none");
    bus.set_loops(vec![ServiceLoop::of_service(heartbeat.clone())]);
    let probes = Probes::new(registry.readiness());
    (probes, bus, heartbeat)
}

/// Remedies for two classes, and one detail.
struct SomeRemedies;

impl Explain for SomeRemedies {
    fn explain(&self, failure: Failure) -> Explanation {
        let remedies = [
            (FailureClass::Authentication, "check the password"),
            (FailureClass::TopicMissing, "create the topic"),
        ];
        let known = remedies.into_iter().find(|it| it.0 == failure.class);
        Explanation {
            remedy: known.map(|(_, remedy)| remedy.into()),
            ..Explanation::default()
        }
    }

    fn details(&self) -> Vec<Detail> {
        let value = "2 of 3 answered".to_owned();
        vec![Detail {
            name: "leaders",
            value,
        }]
    }
}

fn running(now: Instant, lease: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        evidence: Some(now),
        lease: Some(lease),
        ..Report::unreported(now)
    }
}

#[test]
fn ready_is_200_and_verbose_lists_the_services() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    bus.report(now, running(now, now + Duration::from_secs(9)));
    assert_eq!(
        probes.answer("/readyz", None, now),
        ProbeAnswer::text(200, "ok".to_owned())
    );
    assert_eq!(
        probes.answer("/readyz", Some("verbose"), now).body,
        "[+]bus ok\n    last evidence 0.0 s ago, next check in 0.0 s\n[+]cache not required, Unknown for 0.0 s: nothing reported yet\nreadyz check passed\n"
    );
    assert_eq!(
        probes
            .answer("/readyz", Some("x=1&verbose=true"), now)
            .status,
        200
    );
}

#[test]
fn not_ready_is_503_with_the_cause_and_the_remedy() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    bus.set_explainer(Arc::new(SomeRemedies));
    let failure = Failure::with_code(FailureClass::Authentication, -169);
    bus.report(
        now,
        Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(failure),
            ..Report::unreported(now)
        },
    );
    let answer = probes.answer("/readyz", None, now + Duration::from_millis(1_500));
    assert_eq!(answer.status, 503);
    assert!(answer.body.starts_with(
        "[-]bus failed: NotReady for 1.5 s: the bus cannot be used: Authentication (code -169); \
         check the password\n"
    ), "{}", answer.body);
    assert!(answer.body.ends_with("readyz check failed\n"));
}

#[test]
fn a_lease_that_ran_out_is_503_without_a_report() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    bus.report(now, running(now, now + Duration::from_secs(9)));
    let answer = probes.answer("/readyz", None, now + Duration::from_secs(10));
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .body
            .contains("[-]bus failed: NotReady: its lease has run out")
    );
}

#[test]
fn a_warning_is_shown_with_its_remedy() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    bus.set_explainer(Arc::new(SomeRemedies));
    bus.report(
        now,
        Report {
            warning: Some(FailureClass::TopicMissing.into()),
            ..running(now, now + Duration::from_secs(9))
        },
    );
    let answer = probes.answer("/readyz", Some("verbose"), now);
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .body
            .contains("[+]bus ok, with a warning: TopicMissing; create the topic\n")
    );
}

/// Returns what the probe shows of `bus`, first with a failure, then with a warning.
fn shown(probes: &Probes, bus: &Reporter, now: Instant, failure: Failure) -> [String; 2] {
    let failed = Report {
        status: Status::NotReady,
        cause: Cause::LivenessFailed(failure),
        ..Report::unreported(now)
    };
    let warned = Report {
        warning: Some(failure),
        ..running(now, now + Duration::from_secs(9))
    };
    [failed, warned].map(|report| {
        bus.report(now, report);
        let body = probes.answer("/readyz", Some("verbose"), now).body;
        body.lines().next().expect("a line of the bus").to_owned()
    })
}

#[test]
fn the_details_of_the_bus_are_shown_below_its_line() {
    let now = Instant::now();
    let (probes, bus, heartbeat) = probes(now);
    bus.set_explainer(Arc::new(SomeRemedies));
    bus.report(now, running(now, now + Duration::from_secs(9)));
    heartbeat.set_deadline(Some(now + Duration::from_secs(5)));
    let later = now + Duration::from_millis(1_500);
    let body = probes.answer("/readyz", Some("verbose"), later).body;
    let details = "    last evidence 1.5 s ago, next check in 3.5 s, leaders: 2 of 3 answered";
    assert_eq!(body.lines().nth(1), Some(details), "{body}");
}

#[test]
fn a_failure_without_a_remedy_is_shown_by_its_class_alone() {
    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    let expected = [
        "[-]bus failed: NotReady for 0.0 s: the bus cannot be used: Tls",
        "[+]bus ok, with a warning: Tls",
    ];
    assert_eq!(
        shown(&probes, &bus, now, FailureClass::Tls.into()),
        expected
    );
    bus.set_explainer(Arc::new(SomeRemedies));
    assert_eq!(
        shown(&probes, &bus, now, FailureClass::Tls.into()),
        expected
    );
}

#[test]
fn a_new_reporter_does_not_inherit_the_explainer_of_the_one_before() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let probes = Probes::new(registry.readiness());
    let failure = FailureClass::Authentication.into();
    let first = registry.reporter("bus").expect("it has none");
    first.set_explainer(Arc::new(SomeRemedies));
    for line in shown(&probes, &first, now, failure) {
        assert!(
            line.ends_with("Authentication; check the password"),
            "{line}"
        );
    }
    drop(first);
    let second = registry.reporter("bus").expect("the first is dropped");
    for line in shown(&probes, &second, now, failure) {
        assert!(line.ends_with("Authentication"), "{line}");
    }
}

#[test]
fn livez_fails_for_a_loop_that_is_late_whatever_the_bus_does() {
    let now = Instant::now();
    let (probes, _, heartbeat) = probes(now);
    assert_eq!(probes.answer("/livez", None, now).body, "ok");
    heartbeat.set_deadline(Some(now + Duration::from_secs(5)));
    let verbose = probes.answer("/livez", Some("verbose"), now + Duration::from_secs(14));
    assert_eq!(
        verbose.body,
        "[+]ping ok\n[+]loop/bus ok\nlivez check passed\n"
    );
    let stuck = probes.answer("/livez", None, now + Duration::from_secs(20));
    assert_eq!(stuck.status, 503);
    let line = "[-]loop/bus failed: it is 15.0 s late: the loop makes no progress, because a call blocks its executor, it has panicked, \
                or the process gets no processor; look at the stack traces of the threads and at the log, and let the liveness probe \
                restart the process";
    assert_eq!(stuck.body.lines().nth(1), Some(line), "{}", stuck.body);
}

#[test]
fn livez_fails_for_any_loop_that_is_late_wherever_it_is_listed() {
    let now = Instant::now();
    let names = Registry::builder().required("first").optional("second");
    let registry = names.build_at(now).expect("the names differ");
    let reporters = ["first", "second"].map(|name| registry.reporter(name).expect("it has none"));
    let probes = Probes::new(registry.readiness());
    let names = [
        "loop/first",
        "loop/first/orders",
        "loop/second",
        "loop/second/orders",
    ];
    for (late, name) in names.into_iter().enumerate() {
        let heartbeats = names.map(|_| {
            let heartbeat = Heartbeat::new(now);
            heartbeat.set_deadline(None);
            heartbeat
        });
        heartbeats[late].set_deadline(Some(now));
        for (reporter, pair) in reporters.iter().zip(heartbeats.chunks(2)) {
            reporter.set_loops(vec![
                ServiceLoop::of_service(pair[0].clone()),
                ServiceLoop::of_handler("orders", pair[1].clone()),
            ]);
        }
        let later = now + Duration::from_secs(15);
        let failed = format!("[-]{name} failed: it is 15.0 s late: ");
        let answer = probes.answer("/livez", None, later);
        assert_eq!(answer.status, 503, "{failed}");
        assert!(answer.body.contains(&failed), "{}", answer.body);
        assert_eq!(answer.body.matches("[+]").count(), 4, "{}", answer.body);
        for other in names {
            let status = probes
                .answer(&format!("/livez/{other}"), None, later)
                .status;
            assert_eq!(status, if other == name { 503 } else { 200 }, "{other}");
        }
    }
}

#[test]
fn loop_that_panicked_is_checked_until_there_is_another_reporter() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let probes = Probes::new(registry.readiness());
    let reporter = registry.reporter("bus").expect("it has none");
    reporter.set_loops(vec![ServiceLoop::of_service(Heartbeat::new(now))]);
    drop(reporter);
    let later = now + Duration::from_secs(15);
    assert_eq!(probes.answer("/livez", None, later).status, 503);
    let next = registry.reporter("bus").expect("the first was dropped");
    assert_eq!(probes.answer("/livez", None, later).status, 200);
    drop(next);
}

#[test]
fn only_a_key_makes_an_answer_verbose() {
    let now = Instant::now();
    let (probes, _, _) = probes(now);
    for query in ["", "x=verbose", "verbos", "verboses=1", "&x"] {
        assert_eq!(
            probes.answer("/livez", Some(query), now).body,
            "ok",
            "{query}"
        );
    }
    for query in ["verbose", "verbose=", "x&verbose=1"] {
        let body = probes.answer("/livez", Some(query), now).body;
        assert!(body.ends_with("livez check passed\n"), "{query}");
    }
}

#[test]
fn only_get_and_head_are_allowed() {
    let now = Instant::now();
    let (probes, _, _) = probes(now);
    let always = [
        ("content-type", "text/plain; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    for method in ["GET", "HEAD"] {
        let answer = probes.respond(method, "/livez", None, None, now);
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        assert!(answer.headers().eq(always), "{method}");
    }
    let refused = probes.respond("POST", "/livez", None, None, now);
    assert_eq!(refused.status, 405);
    let allow = ("allow", "GET, HEAD");
    assert!(refused.headers().eq(always.into_iter().chain([allow])));
}

#[test]
fn no_text_of_a_bus_forges_a_line() {
    struct Forger;
    impl Explain for Forger {
        fn explain(&self, _: Failure) -> Explanation {
            Explanation {
                reason: Some("x\n[+]reason ok".to_owned()),
                remedy: Some("y\r\n[+]remedy ok".into()),
                ..Explanation::default()
            }
        }

        fn details(&self) -> Vec<Detail> {
            let value = "z\u{2028}\n[+]detail ok".to_owned();
            vec![Detail {
                name: "cluster_id",
                value,
            }]
        }
    }

    let now = Instant::now();
    let (probes, bus, _) = probes(now);
    bus.set_explainer(Arc::new(Forger));
    let failed = Report {
        status: Status::NotReady,
        cause: Cause::LivenessFailed(FailureClass::Tls.into()),
        ..Report::unreported(now)
    };
    let warned = Report {
        warning: Some(FailureClass::Tls.into()),
        ..running(now, now + Duration::from_secs(9))
    };
    for report in [failed, warned] {
        bus.report(now, report);
        let body = probes.answer("/readyz", Some("verbose"), now).body;
        // The bus, its details, the cache, and the result.
        assert_eq!(body.lines().count(), 4, "{body}");
        assert!(!body.contains(['\r', '\u{2028}']), "{body}");
        let mut others = body.lines().skip(1);
        assert!(
            !others.any(|line| line.starts_with("[+]") && !line.starts_with("[+]cache")),
            "{body}"
        );
    }
}

#[test]
fn an_excluded_check_passes_whatever_it_says() {
    let now = Instant::now();
    let (probes, _bus, heartbeat) = probes(now);
    heartbeat.set_deadline(Some(now));
    let late = now + Duration::from_mins(1);
    for (path, name, expected) in [
        (
            "/readyz",
            "bus",
            "[+]bus excluded: ok\n[+]cache not required",
        ),
        (
            "/startupz",
            "bus",
            "[+]bus excluded: ok\n[+]cache not required",
        ),
        (
            "/livez",
            "loop/bus",
            "[+]ping ok\n[+]loop/bus excluded: ok\nlivez",
        ),
        (
            "/livez",
            "loop%2Fbus",
            "[+]ping ok\n[+]loop/bus excluded: ok\nlivez",
        ),
    ] {
        assert_eq!(probes.answer(path, None, late).status, 503);
        let other = probes.answer(path, Some("exclude=other"), late);
        assert_eq!(other.status, 503);
        let warning = "warn: some health checks cannot be excluded: no matches for \"other\"\n";
        assert!(other.body.contains(warning), "{}", other.body);
        let exclude = format!("exclude={name}");
        assert_eq!(probes.answer(path, Some(&exclude), late).body, "ok");
        let verbose = probes.answer(path, Some(&format!("verbose&{exclude}")), late);
        assert_eq!(verbose.status, 200);
        assert!(verbose.body.starts_with(expected), "{}", verbose.body);
        assert!(!verbose.body.contains("warn"), "{}", verbose.body);
    }
}

#[test]
fn an_excluded_service_counts_as_running_for_a_predicate() {
    let now = Instant::now();
    let names = Registry::builder().required("bus").required("db");
    let names = names.ready_when(|services| {
        let running = services.filter(|service| service.status == Status::Running);
        running.count() == 2
    });
    let registry = names.build_at(now).expect("the names differ");
    let bus = registry.reporter("bus").expect("it has none");
    bus.report(now, running(now, now + Duration::from_secs(9)));
    let probes = Probes::new(registry.readiness());
    let status = |query, at| probes.answer("/readyz", query, at).status;
    assert_eq!(status(None, now), 503);
    assert_eq!(status(Some("exclude=db"), now), 200);
    let without_lease = now + Duration::from_secs(10);
    assert_eq!(status(Some("exclude=db"), without_lease), 503);
    assert_eq!(status(Some("exclude=db&exclude=bus"), without_lease), 200);
}
