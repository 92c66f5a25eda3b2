//! The verdict over all services, fed by supervisors or by hand.

use std::time::Instant;

use livebus_core::FailureClass::Unreachable;
use livebus_core::{Cause, Readiness, ServiceNameError, Status};

use crate::story::{Story, live, lost, ms, plain};

#[test]
fn the_lease_runs_out_without_the_runner() {
    let story = Story::running(plain());
    let now = story.began;
    let readiness = Readiness::builder()
        .required("bus")
        .build(now)
        .expect("one name");
    let bus = readiness.service("bus").expect("declared");
    bus.store(now, story.report());
    let lease = now + ms(9_500);
    assert!(readiness.is_ready(now) && readiness.is_ready(lease));
    assert!(!readiness.is_ready(lease + std::time::Duration::from_nanos(1)));
    assert!(!bus.is_running(lease + ms(1)));
    // Nobody told it otherwise, and it is healthy still.
    assert_eq!(bus.report().status, Status::Running);
    assert!(readiness.is_healthy(lease + ms(1)));
    bus.renew(now + ms(5_000), now + ms(5_000), now + ms(14_500));
    assert!(readiness.is_ready(now + ms(14_500)));
}

#[test]
fn two_buses_one_verdict() {
    let now = Instant::now();
    let names = Readiness::builder()
        .required("orders")
        .required("audit")
        .optional("cache");
    let readiness = names.build(now).expect("three names");
    let [orders, audit] = ["orders", "audit"].map(|n| readiness.service(n).expect("declared"));
    let (one, mut other) = (Story::running(plain()), Story::running(plain()));
    orders.store(now, one.report());
    assert!(!readiness.is_ready(now));
    audit.store(now, other.report());
    assert!(readiness.is_ready(now));
    let gone = ["NotReady: ClientLost(ClientFatal)", "discard client #1"];
    other.event(10, lost(1), &gone);
    audit.store(now + ms(10), other.report());
    assert!(!readiness.is_ready(now + ms(10)));
    assert!(orders.is_running(now + ms(10)));
    assert!(matches!(audit.report().cause, Cause::ClientLost(_)));
}

#[test]
fn the_earliest_lease_ends_it_for_all() {
    let story = Story::running(plain());
    let now = story.began;
    let names = Readiness::builder().required("a").required("b");
    let readiness = names.build(now).expect("two names");
    let [a, b] = ["a", "b"].map(|n| readiness.service(n).expect("declared"));
    a.store(now, story.report());
    b.store(now, story.report());
    b.renew(now, now + ms(5_000), now + ms(14_500));
    assert!(readiness.is_ready(now + ms(9_500)));
    assert!(!readiness.is_ready(now + ms(9_501)));
}

#[test]
fn both_predicates_can_be_replaced() {
    let now = Instant::now();
    let readiness = Readiness::builder()
        .required("a")
        .required("b")
        .ready_when(|mut all| all.any(|service| service.status == Status::Running))
        .healthy_when(|mut all| all.all(|service| service.status != Status::NotReady))
        .build(now)
        .expect("two names");
    let [a, b] = ["a", "b"].map(|n| readiness.service(n).expect("declared"));
    b.set(now, Status::Running);
    assert!(readiness.is_ready(now) && readiness.is_healthy(now));
    a.set(now, Status::NotReady);
    assert!(readiness.is_ready(now) && !readiness.is_healthy(now));
    b.set(now, Status::Stopped);
    assert!(!readiness.is_ready(now));
}

#[test]
fn stopped_is_not_healthy_and_unknown_is() {
    let now = Instant::now();
    let readiness = Readiness::builder()
        .optional("a")
        .build(now)
        .expect("one name");
    assert!(readiness.is_healthy(now) && readiness.is_ready(now));
    for (status, healthy) in [
        (Status::Failed, false),
        (Status::NotReady, true),
        (Status::Stopped, false),
    ] {
        readiness.service("a").expect("declared").set(now, status);
        assert_eq!(readiness.is_healthy(now), healthy);
    }
}

#[test]
fn names_that_are_not_known_are_refused_with_those_that_are() {
    let now = Instant::now();
    let names = Readiness::builder().required("orders").optional("cache");
    let readiness = names.build(now).expect("two names");
    let error = readiness.service("order").expect_err("not declared");
    assert_eq!(
        (error.name.as_str(), &error.known[..]),
        ("order", &["orders".to_owned(), "cache".to_owned()][..])
    );
    let twice = Readiness::builder().required("a").optional("a").build(now);
    assert_eq!(
        twice.expect_err("twice"),
        ServiceNameError::Twice("a".to_owned())
    );
    let empty = Readiness::builder().required("").build(now);
    assert_eq!(empty.expect_err("empty"), ServiceNameError::Empty);
}

#[test]
fn what_a_supervisor_says_adds_up_in_the_readiness() {
    let mut story = Story::started(plain());
    let now = story.began;
    let readiness = Readiness::builder()
        .required("bus")
        .build(now)
        .expect("one name");
    let bus = readiness.service("bus").expect("declared");
    for (at, event) in [
        (10, live(2)),
        (100, crate::story::suspect(Unreachable)),
        (200, crate::story::suspect(Unreachable)),
        (210, live(3)),
        (300, lost(1)),
    ] {
        story.supervisor.handle_event(now + ms(at), event);
        while let Some(action) = story.supervisor.poll_action() {
            match action {
                livebus_core::Action::SetStatus(report) => bus.store(now + ms(at), report),
                livebus_core::Action::Renew { evidence, lease } => {
                    bus.renew(now + ms(at), evidence, lease);
                }
                livebus_core::Action::Start { .. }
                | livebus_core::Action::SendLiveness { .. }
                | livebus_core::Action::RegisterHandler { .. }
                | livebus_core::Action::DiscardClient { .. }
                | livebus_core::Action::DiscardRegistration { .. }
                | livebus_core::Action::Stop { .. } => {}
            }
        }
        assert_eq!(bus.report(), story.report());
        assert_eq!(
            readiness.is_ready(now + ms(at)),
            story.status() == Status::Running
        );
    }
}

#[test]
fn the_lease_of_a_service_that_is_not_required_ends_nothing() {
    let now = Instant::now();
    let names = Readiness::builder().required("orders").optional("cache");
    let readiness = names.build(now).expect("two names");
    let report = |millis| livebus_core::Report {
        status: Status::Running,
        lease: Some(now + ms(millis)),
        ..livebus_core::Report::unreported(now)
    };
    let service = |name| readiness.service(name).expect("declared");
    service("orders").store(now, report(9_000));
    service("cache").store(now, report(1_000));
    assert!(readiness.is_ready(now + ms(5_000)));
    assert!(!readiness.is_ready(now + ms(9_001)));
}

#[test]
fn services_are_listed_as_they_were_declared() {
    let now = Instant::now();
    let names = Readiness::builder().required("orders").optional("cache");
    let readiness = names.build(now).expect("two names");
    let listed: Vec<(String, bool)> = readiness
        .services()
        .map(|it| (it.name().to_owned(), it.is_required()))
        .collect();
    assert_eq!(
        listed,
        [("orders".to_owned(), true), ("cache".to_owned(), false)]
    );
}

#[test]
fn what_is_set_by_hand_says_so_and_since_when() {
    let now = Instant::now();
    let readiness = Readiness::builder().required("cache").build(now);
    let cache = readiness
        .expect("one name")
        .service("cache")
        .expect("declared");
    cache.set(now + ms(10), Status::Running);
    cache.set(now + ms(20), Status::Running);
    let report = cache.report();
    assert_eq!(
        (report.cause, report.since),
        (Cause::Reported, now + ms(10))
    );
    cache.set(now + ms(30), Status::NotReady);
    assert_eq!(cache.report().since, now + ms(30));
}

#[test]
fn mistakes_in_names_are_told_with_the_names() {
    let now = Instant::now();
    let readiness = Readiness::builder().required("orders").build(now);
    let unknown = readiness.expect("one name").service("ordres");
    let unknown = unknown.expect_err("it was never declared").to_string();
    assert_eq!(
        unknown,
        r#"unknown service "ordres": declared are ["orders"]"#
    );
    let empty = ServiceNameError::Empty.to_string();
    assert!(empty.contains("empty"), "{empty}");
    let twice = ServiceNameError::Twice("orders".to_owned()).to_string();
    assert!(twice.contains(r#""orders""#), "{twice}");
}
