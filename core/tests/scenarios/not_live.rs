//! While it does not run: how often it asks, and what makes it Running again.

use livebus_core::FailureClass::{Authentication, TopicMissing, Unreachable};
use livebus_core::{OnClientLost, RejectionPolicy, Settings, Status};

use crate::story::{Story, live, lost, ms, not_live, plain, suspect};

#[test]
fn while_not_live_it_asks_less_and_less_often_and_each_message_stays_open() {
    let mut story = Story::started(plain());
    story.next_is(1_000);
    story.time(
        1_000,
        &["NotReady: LivenessFailed(Timeout)", "ask #3 by 3000"],
    );
    story.time(3_000, &["ask #4 by 7000"]);
    story.time(7_000, &["ask #5 by 12000"]);
    story.time(12_000, &["ask #6 by 17000"]);
    story.event(16_999, live(6), &["Running: Evidence"]);
}

#[test]
fn an_answer_after_its_interval_is_stale() {
    let mut story = Story::started(plain());
    story.time(
        1_000,
        &["NotReady: LivenessFailed(Timeout)", "ask #3 by 3000"],
    );
    story.event(1_001, live(2), &[]);
    assert_eq!(story.supervisor.stale_answers(), 1);
    assert_eq!(story.status(), Status::NotReady);
}

#[test]
fn a_quick_refusal_waits_for_the_end_of_its_interval() {
    let mut story = Story::started(plain());
    story.event(
        1,
        not_live(2, Unreachable),
        &["NotReady: LivenessFailed(Unreachable)"],
    );
    story.next_is(1_000);
    story.time(1_000, &["ask #3 by 3000"]);
    // Another number, another instant, but the same reason: nothing to say.
    story.event(1_001, not_live(3, Unreachable), &[]);
}

#[test]
fn bad_news_while_not_live_is_a_better_reason_than_a_timeout() {
    let mut story = Story::started(plain());
    story.event(500, suspect(Unreachable), &[]);
    story.time(
        1_000,
        &["NotReady: LivenessFailed(Unreachable)", "ask #3 by 3000"],
    );
}

#[test]
fn a_wrong_password_is_the_reason_though_unreachable_comes_after_it() {
    let mut story = Story::started(plain());
    story.event(100, suspect(Authentication), &[]);
    story.event(101, suspect(Unreachable), &[]);
    let refused = "NotReady: LivenessFailed(Authentication)";
    story.event(900, not_live(2, Unreachable), &[refused]);
    // Told once by the client, and still the reason in the next interval.
    story.time(1_000, &["ask #3 by 3000"]);
    story.time(3_000, &["ask #4 by 7000"]);
    assert_eq!(
        story.report().cause.failure().map(|f| f.class),
        Some(Authentication)
    );
}

#[test]
fn a_strict_service_is_not_ready_while_its_topic_is_missing() {
    let settings = Settings {
        on_rejection: RejectionPolicy::NotLive,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(
        10,
        not_live(2, TopicMissing),
        &["NotReady: LivenessFailed(TopicMissing)"],
    );
    story.time(1_000, &["ask #3 by 3000"]);
    story.event(1_010, live(3), &["Running: Evidence"]);
}

#[test]
fn evidence_from_before_the_loss_proves_nothing_and_newer_one_does() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(
        5_100,
        not_live(3, Authentication),
        &["NotReady: LivenessFailed(Authentication)"],
    );
    story.heard(5_200, 5_050, &[]);
    story.heard(5_300, 5_250, &["Running: Evidence"]);
    assert_eq!(story.report().evidence, Some(story.began + ms(5_250)));
}

#[test]
fn with_three_proofs_asked_for_it_takes_three_intervals() {
    let settings = Settings {
        successes_to_ready: 3,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(10, live(2), &[]);
    // More of it in the same interval counts once.
    story.heard(20, 20, &[]);
    story.heard(30, 30, &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    story.heard(1_010, 1_010, &[]);
    story.time(2_000, &["ask #4 by 3000"]);
    story.event(2_010, live(4), &["Running: Evidence"]);
}

#[test]
fn a_failure_in_between_begins_the_count_anew() {
    let settings = Settings {
        successes_to_ready: 2,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(10, live(2), &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    story.time(
        2_000,
        &["NotReady: LivenessFailed(Timeout)", "ask #4 by 4000"],
    );
    story.event(2_010, live(4), &[]);
    story.time(4_000, &["ask #5 by 5000"]);
    story.event(4_010, live(5), &["Running: Evidence"]);
}

#[test]
fn a_lost_client_is_replaced_after_the_shortest_back_off() {
    let mut story = Story::running(plain());
    story.event(
        100,
        lost(1),
        &["NotReady: ClientLost(ClientFatal)", "discard client #1"],
    );
    story.next_is(600);
    story.time(600, &["start #3 attempt 1 by 10600"]);
}

#[test]
fn a_client_that_was_replaced_cannot_be_lost_again() {
    let mut story = Story::running(plain());
    story.event(50, lost(7), &[]);
    assert_eq!(story.supervisor.stale_answers(), 1);
    assert_eq!(story.status(), Status::Running);
}

#[test]
fn a_lost_client_is_the_end_where_it_is_told_so() {
    let settings = Settings {
        on_client_lost: OnClientLost::Fail,
        ..plain()
    };
    let mut story = Story::running(settings);
    story.event(
        100,
        lost(1),
        &["Failed: ClientLost(ClientFatal)", "discard client #1"],
    );
    story.nothing_is_next();
    story.heard(200, 200, &[]);
    story.time(100_000, &[]);
}

#[test]
fn a_client_that_does_not_become_live_is_replaced_where_it_is_told_so() {
    let settings = Settings {
        recreate_after: Some(ms(6_000)),
        ..plain()
    };
    let mut story = Story::started(settings);
    story.time(
        1_000,
        &["NotReady: LivenessFailed(Timeout)", "ask #3 by 3000"],
    );
    story.time(3_000, &["ask #4 by 7000"]);
    story.next_is(6_000);
    story.time(6_000, &["discard client #1"]);
    story.time(6_500, &["start #5 attempt 2 by 16500"]);
}
