//! The predicates over all services, and the reporters that change them.

use std::time::{Duration, Instant};

use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{
    Registry, RegistryBuilder, Reporter, ReporterError, ServiceNameError, StatusChange,
};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn build(builder: RegistryBuilder, now: Instant) -> Registry {
    builder.build_at(now).expect("the names differ")
}

fn reporter(registry: &Registry, name: &str) -> Reporter {
    let reporter = registry.reporter(name);
    reporter.expect("it is declared, and has none")
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
fn the_lease_runs_out_without_the_reporter() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus"), now);
    let (readiness, bus) = (registry.readiness(), reporter(&registry, "bus"));
    let lease = now + ms(9_500);
    bus.report(now, running(now, lease));
    assert!(readiness.is_ready_at(now) && readiness.is_ready_at(lease));
    let after = lease + Duration::from_nanos(1);
    assert!(!readiness.is_ready_at(after));
    assert_eq!(bus.service().report().status_at(after), Status::NotReady);
    // The report itself is unchanged, and the process is still healthy.
    assert_eq!(bus.service().report().status, Status::Running);
    assert!(readiness.is_healthy_at(after));
    bus.renew(now + ms(5_000), now + ms(5_000), now + ms(14_500));
    assert!(readiness.is_ready_at(now + ms(14_500)));
    assert!(!readiness.is_ready_at(now + ms(14_501)));
}

#[test]
fn ready_needs_every_required_service_and_no_optional_one() {
    let now = Instant::now();
    let names = Registry::builder().required("orders").required("audit");
    let registry = build(names.optional("cache"), now);
    let readiness = registry.readiness();
    let [orders, audit] = ["orders", "audit"].map(|name| reporter(&registry, name));
    orders.report(now, running(now, now + ms(9_000)));
    assert!(!readiness.is_ready_at(now));
    audit.report(now, running(now, now + ms(9_000)));
    assert!(readiness.is_ready_at(now));
    audit.set(now + ms(10), Status::NotReady, now);
    assert!(!readiness.is_ready_at(now + ms(10)));
    assert_eq!(orders.service().report().status, Status::Running);
}

#[test]
fn the_earliest_lease_of_a_required_service_ends_the_readiness() {
    let now = Instant::now();
    let names = Registry::builder().required("a").required("b");
    let registry = build(names.optional("cache"), now);
    let readiness = registry.readiness();
    let [a, b, cache] = ["a", "b", "cache"].map(|name| reporter(&registry, name));
    a.report(now, running(now, now + ms(9_500)));
    b.report(now, running(now, now + ms(14_500)));
    cache.report(now, running(now, now + ms(1_000)));
    assert!(readiness.is_ready_at(now + ms(9_500)));
    assert!(!readiness.is_ready_at(now + ms(9_501)));
}

#[test]
fn both_predicates_can_be_replaced() {
    let now = Instant::now();
    let names = Registry::builder()
        .required("a")
        .required("b")
        .ready_when(|mut all| all.any(|service| service.status == Status::Running))
        .healthy_when(|mut all| all.all(|service| service.status != Status::NotReady));
    let registry = build(names, now);
    let readiness = registry.readiness();
    let [a, b] = ["a", "b"].map(|name| reporter(&registry, name));
    b.set(now, Status::Running, now + ms(1_000));
    assert!(readiness.is_ready_at(now) && readiness.is_healthy_at(now));
    a.set(now, Status::NotReady, now);
    assert!(readiness.is_ready_at(now) && !readiness.is_healthy_at(now));
    b.set(now, Status::Stopped, now);
    assert!(!readiness.is_ready_at(now));
}

#[test]
fn a_predicate_that_panics_gives_false() {
    let now = Instant::now();
    let names = Registry::builder().optional("a");
    let names = names.ready_when(|_| std::panic::resume_unwind(Box::new("on purpose")));
    let registry = build(names, now);
    reporter(&registry, "a").set(now, Status::Running, now + ms(1_000));
    assert!(!registry.readiness().is_ready_at(now));
}

#[test]
fn stopped_is_not_healthy_and_unknown_is() {
    let now = Instant::now();
    let registry = build(Registry::builder().optional("a"), now);
    let readiness = registry.readiness();
    assert!(readiness.is_healthy_at(now) && readiness.is_ready_at(now));
    let a = reporter(&registry, "a");
    for (status, healthy) in [
        (Status::Failed, false),
        (Status::NotReady, true),
        (Status::Stopped, false),
    ] {
        a.set(now, status, now);
        assert_eq!(readiness.is_healthy_at(now), healthy);
    }
}

#[test]
fn a_service_has_one_reporter_at_a_time() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus").optional("cache"), now);
    let bus = reporter(&registry, "bus");
    let second = registry.reporter("bus").expect_err("it has one");
    assert_eq!(second, ReporterError::Taken("bus".to_owned()));
    let leaseless = registry.leaseless_reporter("bus");
    assert!(matches!(leaseless, Err(ReporterError::Taken(_))));
    let _other = reporter(&registry, "cache");
    drop(bus);
    reporter(&registry, "bus").report(now, running(now, now + ms(1)));
}

#[test]
fn a_service_is_unknown_until_its_new_reporter_reports() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus"), now);
    let readiness = registry.readiness();
    for status in Status::ALL {
        let bus = reporter(&registry, "bus");
        let report = bus.service().report();
        assert_eq!(
            (report.status, report.cause),
            (Status::Unknown, Cause::Unreported)
        );
        assert!(readiness.is_healthy_at(now) && !readiness.is_ready_at(now));
        bus.set(now, status, now + ms(1_000));
    }
}

#[test]
fn a_service_is_stopped_when_its_reporter_is_dropped() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("one name");
    let readiness = registry.readiness();
    let bus = reporter(&registry, "bus");
    let now = Instant::now();
    bus.set(now, Status::Running, now + Duration::from_hours(1));
    assert!(readiness.is_ready());
    drop(bus);
    assert!(!readiness.is_ready());
    let report = readiness.service("bus").expect("declared").report();
    assert_eq!(
        (report.status, report.cause),
        (Status::Stopped, Cause::ForcedStop)
    );

    let bus = registry
        .leaseless_reporter("bus")
        .expect("the first is dropped");
    bus.set(Status::Running);
    assert!(readiness.is_ready());
    drop(bus);
    assert!(!readiness.is_ready());
}

#[test]
fn status_and_health_of_now_follow_from_the_report() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus"), now);
    let (readiness, bus) = (registry.readiness(), reporter(&registry, "bus"));
    assert_eq!(bus.name(), "bus");
    for (status, healthy) in [
        (Status::Running, true),
        (Status::Failed, false),
        (Status::NotReady, true),
        (Status::Stopped, false),
    ] {
        bus.set(now, status, now + Duration::from_hours(1));
        assert_eq!(bus.service().status(), status);
        assert_eq!(readiness.is_healthy(), healthy, "{status}");
    }
    // A lease that has run out, by the readers' own clock.
    bus.set(now, Status::Running, now);
    let end = now + Duration::from_secs(10);
    while bus.service().status() == Status::Running {
        assert!(Instant::now() < end, "the lease does not run out");
    }
    assert_eq!(bus.service().status(), Status::NotReady);
}

#[test]
fn a_forced_stop_keeps_the_evidence_and_nothing_else() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus"), now);
    let bus = reporter(&registry, "bus");
    bus.report(
        now,
        Report {
            warning: Some(FailureClass::NoLeader.into()),
            attempt: 3,
            ..running(now, now + ms(9_000))
        },
    );
    bus.close(now + ms(5));
    let stopped = Report {
        status: Status::Stopped,
        cause: Cause::ForcedStop,
        warning: None,
        since: now + ms(5),
        evidence: Some(now),
        lease: None,
        attempt: 3,
    };
    assert_eq!(bus.service().report(), stopped);
    // It is the last report.
    bus.close(now + ms(6));
    assert_eq!(bus.service().report(), stopped);
}

#[test]
fn the_time_without_evidence_ends_with_the_change() {
    let now = Instant::now();
    let report = running(now, now);
    let change = |report, at| StatusChange {
        from: Status::Running,
        report,
        at,
    };
    let unverified = change(report, now + ms(1_500)).unverified_for();
    assert_eq!(unverified, Some(ms(1_500)));
    let early = now.checked_sub(ms(1)).unwrap_or(now);
    assert_eq!(change(report, early).unverified_for(), Some(Duration::ZERO));
    let never = change(Report::unreported(now), now + ms(1_500));
    assert_eq!(never.unverified_for(), None);
}

/// A service cannot be ready forever because its reports omit the lease.
#[test]
fn running_without_a_lease_is_not_ready() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("bus"), now);
    let (readiness, bus) = (registry.readiness(), reporter(&registry, "bus"));
    let forged = Report {
        lease: None,
        ..running(now, now)
    };
    bus.report(now + ms(5), forged);
    // Not even by a clock that is one tick behind.
    assert!(!readiness.is_ready_at(now) && !readiness.is_ready());
    let report = bus.service().report();
    assert_eq!(
        (report.status, report.cause, report.since),
        (Status::NotReady, Cause::Starved, now + ms(5))
    );
}

#[test]
fn running_of_a_leaseless_reporter_holds_until_its_next_report() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("cache"), now);
    let readiness = registry.readiness();
    let cache = registry.leaseless_reporter("cache").expect("declared");
    cache.set_at(now, Status::Running);
    assert!(readiness.is_ready_at(now + Duration::from_hours(1_000)));
    cache.set_at(now + ms(1), Status::NotReady);
    assert!(!readiness.is_ready_at(now + ms(1)));
}

#[test]
fn a_status_that_is_set_directly_has_the_cause_reported_and_its_instant() {
    let now = Instant::now();
    let registry = build(Registry::builder().required("cache"), now);
    let cache = reporter(&registry, "cache");
    cache.set(now + ms(10), Status::Running, now + ms(1_000));
    cache.set(now + ms(20), Status::Running, now + ms(2_000));
    let report = cache.service().report();
    assert_eq!(
        (report.cause, report.since, report.lease),
        (Cause::Reported, now + ms(10), Some(now + ms(2_000)))
    );
    cache.set(now + ms(30), Status::NotReady, now + ms(3_000));
    let report = cache.service().report();
    assert_eq!((report.since, report.lease), (now + ms(30), None));
}

#[test]
fn services_are_listed_as_they_were_declared() {
    let now = Instant::now();
    let registry = build(
        Registry::builder().required("orders").optional("cache"),
        now,
    );
    let readiness = registry.readiness();
    let listed: Vec<(String, bool)> = readiness
        .services()
        .map(|it| (it.name().to_owned(), it.is_required()))
        .collect();
    assert_eq!(
        listed,
        [("orders".to_owned(), true), ("cache".to_owned(), false)]
    );
    assert!(readiness.names().eq(["orders", "cache"]));
}

#[test]
fn invalid_names_are_rejected_with_the_reason() {
    let now = Instant::now();
    let registry = build(
        Registry::builder().required("orders").optional("cache"),
        now,
    );
    let unknown = registry.readiness().service("ordres");
    let unknown = unknown.expect_err("it is not declared").to_string();
    assert_eq!(
        unknown,
        r#"unknown service "ordres": declared are ["orders", "cache"]"#
    );
    let unknown = registry.reporter("ordres");
    assert!(matches!(unknown, Err(ReporterError::Unknown(_))));

    let refused = |builder: RegistryBuilder| builder.build().expect_err("it is invalid");
    let twice = refused(Registry::builder().required("a").optional("a"));
    assert_eq!(twice, ServiceNameError::Twice("a".to_owned()));
    assert!(twice.to_string().contains(r#""a""#), "{twice}");
    let none = refused(Registry::builder());
    assert_eq!(none, ServiceNameError::None);
    let empty = refused(Registry::builder().required(""));
    assert_eq!(empty, ServiceNameError::Empty);
    let forged = refused(Registry::builder().required("bus ok\n[+]cache"));
    assert_eq!(
        forged,
        ServiceNameError::Control("bus ok\n[+]cache".to_owned())
    );
    assert!(!forged.to_string().contains('\n'), "{forged}");
    // A line separator, and a character that reverses the order of the text after it.
    for separator in ['\u{2028}', '\u{202e}', '\r', '\u{85}', '\x1b'] {
        let name = format!("bus{separator}ok");
        let forged = refused(Registry::builder().required(&name));
        assert_eq!(forged, ServiceNameError::Control(name));
        assert!(!forged.to_string().contains(separator), "{forged}");
    }
}
