//! While it runs: silence, suspicion, warnings, and what each failure means.

use livebus_core::FailureClass::{
    Authentication, NoLeader, NotEnoughReplicas, TopicMissing, Unreachable,
};
use livebus_core::{OnSuspicion, Settings, Status};

use crate::story::{Story, live, ms, not_live, plain, suspect};

#[test]
fn silence_sends_one_small_message_and_an_answer_renews_the_lease() {
    let mut story = Story::running(plain());
    story.next_is(5_000);
    story.time(4_999, &[]);
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(5_004, live(3), &["renew until 14504"]);
    story.next_is(10_004);
}

#[test]
fn traffic_postpones_the_question_for_ever() {
    let mut story = Story::running(plain());
    for at in (1_000..100_000).step_by(1_000) {
        let renewed = format!("renew until {}", at + 9_500);
        story.heard(at, at, &[&renewed]);
        story.next_is(at + 5_000);
    }
}

#[test]
fn an_idle_close_costs_one_small_message_and_no_status_change() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Unreachable), &["ask #3 by 1500"]);
    story.event(1_003, live(3), &["renew until 10503"]);
    story.next_is(6_003);
    assert_eq!(story.report().since, story.began);
}

#[test]
fn a_hung_bus_is_not_ready_after_exactly_the_detection_bound() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.time(7_000, &[]);
    story.time(7_500, &["ask #4 by 9500"]);
    story.time(9_499, &[]);
    assert_eq!(story.status(), Status::Running);
    story.time(
        9_500,
        &["NotReady: LivenessFailed(Timeout)", "ask #5 by 10500"],
    );
}

#[test]
fn a_killed_bus_is_not_ready_after_the_suspicion_timeout() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Unreachable), &["ask #3 by 1500"]);
    story.time(1_499, &[]);
    story.time(1_500, &["NotReady: LivenessFailed(Unreachable)"]);
    story.next_is(2_000);
}

#[test]
fn a_killed_bus_that_refuses_is_not_ready_at_once() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Unreachable), &["ask #3 by 1500"]);
    story.event(
        1_001,
        not_live(3, Unreachable),
        &["NotReady: LivenessFailed(Unreachable)"],
    );
}

#[test]
fn bad_news_during_a_round_shortens_it_and_one_more_decides() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(5_100, suspect(Unreachable), &[]);
    story.next_is(5_600);
    story.time(5_600, &["ask #4 by 6100"]);
    story.time(6_100, &["NotReady: LivenessFailed(Unreachable)"]);
}

#[test]
fn evidence_that_is_newer_refutes_a_suspicion() {
    let mut story = Story::running(plain());
    story.event(100, suspect(Unreachable), &[]);
    story.next_is(200);
    story.heard(150, 150, &["renew until 9650"]);
    story.next_is(5_150);
}

#[test]
fn evidence_that_is_older_does_not_refute_a_suspicion() {
    let mut story = Story::running(plain());
    story.event(100, suspect(Unreachable), &[]);
    story.heard(150, 90, &["renew until 9590"]);
    story.time(200, &["ask #3 by 700"]);
}

#[test]
fn a_storm_of_suspicions_is_spaced() {
    let mut story = Story::running(plain());
    let mut sent = Vec::new();
    for at in (1_000..2_000).step_by(10) {
        let at_instant = story.began + ms(at);
        story
            .supervisor
            .handle_event(at_instant, suspect(Unreachable));
        for line in story.lines() {
            if line.starts_with("ask") {
                sent.push(at);
                let answer = live(2 + sent.len() as u64);
                story.supervisor.handle_event(at_instant, answer);
            }
        }
        story.lines();
    }
    assert_eq!(sent, [1_000, 1_200, 1_400, 1_600, 1_800]);
}

#[test]
fn evidence_during_a_round_makes_its_timeout_harmless() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.heard(6_000, 6_000, &["renew until 15500"]);
    story.time(7_000, &[]);
    story.next_is(11_000);
}

#[test]
fn a_single_ambiguous_failure_is_asked_again() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(5_010, not_live(3, Unreachable), &[]);
    story.time(5_510, &["ask #4 by 7510"]);
    story.event(5_520, live(4), &["renew until 15020"]);
    // In a row is what counts: this one is the first again.
    story.time(10_520, &["ask #5 by 12520"]);
    story.event(10_530, not_live(5, Unreachable), &[]);
    assert_eq!(story.status(), Status::Running);
}

#[test]
fn a_definitive_failure_needs_no_second_one() {
    for class in [Authentication, NotEnoughReplicas] {
        let mut story = Story::running(plain());
        story.time(5_000, &["ask #3 by 7000"]);
        let line = format!("NotReady: LivenessFailed({class})");
        story.event(5_010, not_live(3, class), &[&line]);
        story.next_is(6_000);
    }
}

#[test]
fn one_broker_away_is_a_warning_then_not_ready_after_the_tolerance() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(
        5_010,
        not_live(3, NoLeader),
        &["Running: Evidence, warned NoLeader"],
    );
    let mut n = 3;
    for at in (6_010..20_010).step_by(1_000) {
        n += 1;
        let ask = format!("ask #{n} by {}", at + 2_000);
        story.time(at, &[&ask]);
        story.event(at, not_live(n, NoLeader), &[]);
    }
    story.next_is(20_010);
    story.time(
        20_010,
        &["NotReady: LivenessFailed(NoLeader)", "ask #18 by 21010"],
    );
}

#[test]
fn an_elected_leader_ends_the_warning() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(
        5_010,
        not_live(3, NoLeader),
        &["Running: Evidence, warned NoLeader"],
    );
    story.time(6_010, &["ask #4 by 8010"]);
    story.event(6_015, live(4), &["Running: Evidence"]);
    story.next_is(11_015);
}

#[test]
fn without_tolerance_one_broker_away_is_not_ready_at_once() {
    let settings = Settings {
        partial_tolerance: ms(0),
        ..plain()
    };
    let mut story = Story::running(settings);
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(
        5_010,
        not_live(3, NoLeader),
        &["NotReady: LivenessFailed(NoLeader)"],
    );
}

#[test]
fn a_missing_topic_is_running_with_a_warning_and_the_warning_goes() {
    let mut story = Story::started(plain());
    story.event(
        10,
        not_live(2, TopicMissing),
        &["Running: Evidence, warned TopicMissing"],
    );
    // Traffic does not show that it was mended, and does not delay the question.
    story.heard(4_000, 4_000, &["renew until 13500"]);
    story.time(5_010, &["ask #3 by 7010"]);
    story.event(5_020, live(3), &["Running: Evidence"]);
}

#[test]
fn as_in_voltha_bad_news_is_believed_at_once() {
    let settings = Settings {
        start_backoff: plain().start_backoff,
        ..Settings::as_in_voltha()
    };
    assert_eq!(settings.on_suspicion, OnSuspicion::NotReady);
    let mut story = Story::running(settings);
    story.event(
        1_000,
        suspect(Unreachable),
        &["NotReady: LivenessFailed(Unreachable)"],
    );
    story.time(5_000, &["ask #3 by 10000"]);
    story.event(5_001, live(3), &["Running: Evidence"]);
}

#[test]
fn a_day_of_sleep_gives_one_liveness_message() {
    const DAY: u64 = 86_400_000;
    let mut story = Story::running(plain());
    story.time(DAY, &["NotReady: Starved", "ask #3 by 86401000"]);
    story.event(DAY + 3, live(3), &["Running: Evidence"]);
}

#[test]
fn a_clock_that_goes_back_by_a_day_is_a_clock_that_stands() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.time(0, &[]);
    story.next_is(7_000);
    story.event(0, live(3), &["renew until 14500"]);
}
