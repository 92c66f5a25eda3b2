//! What a supervisor tells those who ask, beside its report.

use livebus_core::FailureClass::Unreachable;
use livebus_core::{Event, Handler, Settings};

use crate::story::{Story, live, ms, not_live, plain, registered, started, stopped};

#[test]
fn it_is_due_from_its_deadline_on() {
    let story = Story::running(plain());
    let at = |millis| story.began + ms(millis);
    assert!(!story.supervisor.is_due(at(4_999)));
    assert!(story.supervisor.is_due(at(5_000)));
    assert!(story.supervisor.is_due(at(5_001)));
}

#[test]
fn it_wants_evidence_while_its_interval_has_brought_no_proof() {
    let settings = Settings {
        successes_to_ready: 2,
        ..plain()
    };
    let mut story = Story::new(settings);
    assert!(!story.supervisor.wants_evidence(), "there is no client");
    story.event(0, started(1), &["ask #2 by 1000"]);
    assert!(story.supervisor.wants_evidence());
    story.event(0, live(2), &[]);
    assert!(!story.supervisor.wants_evidence(), "it has its proof");
    story.time(1_000, &["ask #3 by 2000"]);
    assert!(story.supervisor.wants_evidence());
    story.event(1_010, live(3), &["Running: Evidence"]);
    assert!(!story.supervisor.wants_evidence(), "it is live");
}

#[test]
fn it_counts_what_nobody_waits_for_and_nothing_else() {
    let mut story = Story::new(Settings {
        handlers: vec![Handler::required("orders")],
        ..plain()
    });
    let wrong = [started(9), live(9), registered(9), stopped(9)];
    for (count, event) in (1..).zip(wrong) {
        story.event(0, event, &[]);
        assert_eq!(story.supervisor.stale_answers(), count);
    }
    let begins = ["ask #2 by 1000", "register #3 handler 0 attempt 1 by 10000"];
    story.event(0, started(1), &begins);
    story.event(10, live(9), &[]);
    story.event(10, registered(2), &[]);
    story.event(10, registered(3), &[]);
    story.event(20, live(2), &["Running: Evidence"]);
    story.time(5_020, &["ask #4 by 7020"]);
    story.event(5_030, not_live(9, Unreachable), &[]);
    assert_eq!(story.supervisor.stale_answers(), 7);
}

#[test]
fn it_is_stopped_at_the_end_and_not_before() {
    let mut story = Story::running(Settings {
        drain: ms(0),
        ..plain()
    });
    assert!(!story.supervisor.is_stopped());
    let ends = ["NotReady: ShuttingDown", "stop #3 by 6000"];
    story.event(1_000, Event::Shutdown, &ends);
    assert_eq!(story.report().lease, None);
    assert!(!story.supervisor.is_stopped());
    story.event(1_010, stopped(9), &[]);
    assert!(!story.supervisor.is_stopped());
    story.event(1_020, stopped(3), &["Stopped: ShutDown"]);
    assert!(story.supervisor.is_stopped());
}
