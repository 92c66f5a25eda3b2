//! Starts: the first proof, the back-off, and what is overdue.

use livebus_core::FailureClass::{Authentication, Unreachable};
use livebus_core::Status;

use crate::story::{Story, live, ms, not_started, plain, started};

#[test]
fn a_start_and_one_proof_are_running() {
    let mut story = Story::new(plain());
    story.next_is(10_000);
    story.event(100, started(1), &["ask #2 by 1100"]);
    assert_eq!(story.status(), Status::Prepared);
    story.event(150, live(2), &["Running: Evidence"]);
    assert_eq!(story.report().lease, Some(story.began + ms(9_650)));
    assert_eq!(story.report().since, story.began + ms(150));
}

#[test]
fn starts_that_fail_back_off_to_the_cap() {
    let mut story = Story::new(plain());
    story.event(
        0,
        not_started(1, Unreachable),
        &["NotReady: StartFailed(Unreachable)"],
    );
    let instants = [500, 1_500, 3_500, 7_500, 15_500, 31_500, 61_500, 91_500];
    for (at, n) in instants.into_iter().zip(2..) {
        story.next_is(at);
        let start = format!("start #{n} attempt {n} by {}", at + 10_000);
        story.time(at, &[&start]);
        // The same reason is not news.
        story.event(at, not_started(n, Unreachable), &[]);
    }
}

#[test]
fn another_reason_is_news() {
    let mut story = Story::new(plain());
    story.event(
        0,
        not_started(1, Unreachable),
        &["NotReady: StartFailed(Unreachable)"],
    );
    story.time(500, &["start #2 attempt 2 by 10500"]);
    story.event(
        501,
        not_started(2, Authentication),
        &["NotReady: StartFailed(Authentication)"],
    );
    // A change of reason does not move since when.
    assert_eq!(story.report().since, story.began);
}

#[test]
fn a_start_that_is_overdue_is_given_up_and_its_answer_is_stale() {
    let mut story = Story::new(plain());
    story.time(
        10_000,
        &["NotReady: StartFailed(Timeout)", "discard client #1"],
    );
    story.event(10_001, started(1), &[]);
    assert_eq!(story.supervisor.stale_answers(), 1);
    story.time(10_500, &["start #2 attempt 2 by 20500"]);
}

#[test]
fn an_answer_at_the_very_deadline_is_too_late() {
    let mut story = Story::new(plain());
    story.event(
        10_000,
        started(1),
        &["NotReady: StartFailed(Timeout)", "discard client #1"],
    );
    assert_eq!(story.supervisor.stale_answers(), 1);
}

#[test]
fn a_start_that_proved_nothing_counts_as_failed_and_one_that_did_does_not() {
    let mut story = Story::new(plain());
    story.event(0, started(1), &["ask #2 by 1000"]);
    let gone = ["NotReady: ClientLost(ClientFatal)", "discard client #1"];
    story.event(10, crate::story::lost(1), &gone);
    story.time(510, &["start #3 attempt 2 by 10510"]);
    story.event(510, started(3), &["NotReady: Starting", "ask #4 by 1510"]);
    story.event(520, live(4), &["Running: Evidence"]);
    let gone = ["NotReady: ClientLost(ClientFatal)", "discard client #3"];
    story.event(530, crate::story::lost(3), &gone);
    story.time(1_030, &["start #5 attempt 1 by 11030"]);
}
