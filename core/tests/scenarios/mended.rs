//! Faults that stories found in the core once, each as small as it gets.

use livebus_core::FailureClass::{Authentication, Timeout, Unreachable};
use livebus_core::{Handler, Settings, Status};

use crate::story::{Story, live, ms, not_live, not_registered, plain, suspect};

/// Against the design's V1 and V6: a bus that always answers at once leads to Running.
#[test]
fn a_client_that_is_proving_itself_is_not_replaced() {
    let settings = Settings {
        successes_to_ready: 3,
        not_live_interval_max: ms(1_000),
        recreate_after: Some(ms(1_500)),
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(0, live(2), &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    story.event(1_000, live(3), &[]);
    story.time(2_000, &["ask #4 by 3000"]);
    story.event(2_000, live(4), &["Running: Evidence"]);
}

/// Against `Event::Live`: "Only the newest instant counts. An older one than is known already is ignored."
#[test]
fn evidence_that_counted_once_does_not_count_again() {
    let settings = Settings {
        successes_to_ready: 2,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.heard(20, 10, &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    story.heard(1_010, 10, &[]);
    assert_ne!(story.status(), Status::Running);
}

/// Against S8: a liveness message follows one at once that was sent by nobody's suspicion.
#[test]
fn old_evidence_does_not_send_a_liveness_message_at_once() {
    let settings = Settings {
        live_interval: ms(600),
        liveness_timeout: ms(600),
        ..plain()
    };
    let mut story = Story::started(settings);
    let refused = ["NotReady: LivenessFailed(Unreachable)"];
    story.event(0, not_live(2, Unreachable), &refused);
    story.time(1_000, &["ask #3 by 3000"]);
    story.event(1_000, not_live(3, Unreachable), &[]);
    // It was also "ask #4 by 1600", at the instant of #3; bad news and a refusal then sent #5, at that instant too.
    story.heard(1_000, 100, &["Running: Evidence"]);
}

/// Against "bad news sends a liveness message with a short deadline, and that outcome decides".
#[test]
fn evidence_of_the_very_instant_does_not_swallow_a_suspicion() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.heard(5_100, 5_100, &["renew until 14600"]);
    story.event(5_100, suspect(Unreachable), &[]);
    // It was nothing, until 10,100.
    story.time(5_600, &["ask #4 by 6100"]);
    story.time(6_100, &["NotReady: LivenessFailed(Unreachable)"]);
}

/// Against "evidence during a round makes its timeout harmless", which holds while live, and while not live where the
/// timeout is the supervisor's own.
#[test]
fn a_timeout_after_evidence_of_its_interval_is_harmless_whoever_reports_it() {
    let settings = Settings {
        successes_to_ready: 2,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.heard(500, 500, &[]);
    story.event(999, not_live(2, Timeout), &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    story.event(1_010, live(3), &["Running: Evidence"]);
}

/// Against "NotReady with its cause": a failure that holds Running back is told.
#[test]
fn a_handler_that_fails_is_told_though_one_before_it_is_under_way() {
    let settings = Settings {
        handlers: vec![Handler::required("slow"), Handler::required("denied")],
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(0, live(2), &[]);
    let told = ["NotReady: HandlerFailed(Unreachable)"];
    story.event(10, not_registered(4, Unreachable), &told);
}

/// Against "green never outlives its proof": this one was over before it was told.
#[test]
fn evidence_that_is_older_than_the_bound_proves_nothing() {
    let mut story = Story::started(Settings {
        not_live_interval: ms(20_000),
        not_live_interval_max: ms(20_000),
        ..plain()
    });
    story.heard(10_000, 500, &[]);
    assert_eq!(story.status(), Status::Prepared);
    story.heard(10_000, 501, &["Running: Evidence"]);
}

/// Against "ambiguous failures in a row": evidence between two liveness messages, told after the second went out.
#[test]
fn evidence_after_the_first_failure_ends_the_row_though_it_is_told_late() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.time(7_000, &[]);
    story.time(7_500, &["ask #4 by 9500"]);
    story.heard(7_510, 7_400, &["renew until 16900"]);
    // It was NotReady.
    story.time(9_500, &[]);
    story.next_is(12_400);
}

/// Against "newer evidence refutes bad news": told when the liveness message was out that the bad news sent.
#[test]
fn evidence_after_bad_news_refutes_it_though_it_is_told_late() {
    let mut story = Story::running(plain());
    story.event(100, suspect(Unreachable), &[]);
    story.time(200, &["ask #3 by 700"]);
    story.heard(210, 150, &["renew until 9650"]);
    // It was NotReady.
    story.time(700, &[]);
    story.next_is(5_150);
}

/// Against "another one decides": the row before the evidence counted for what came after it.
#[test]
fn bad_news_during_a_second_message_begins_the_row_anew() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.time(7_000, &[]);
    story.time(7_500, &["ask #4 by 9500"]);
    story.heard(8_000, 8_000, &["renew until 17500"]);
    story.event(8_100, suspect(Unreachable), &[]);
    // It was NotReady.
    story.time(8_600, &["ask #5 by 9100"]);
    story.time(9_100, &["NotReady: LivenessFailed(Unreachable)"]);
}

/// Against "while NotReady a liveness message goes out each `not_live_interval`": the one under way kept its own deadline.
#[test]
fn a_message_that_is_under_way_when_running_ends_delays_the_next_by_one_interval_at_most() {
    let settings = Settings {
        start_backoff: plain().start_backoff,
        ..Settings::as_in_voltha()
    };
    let mut story = Story::running(settings);
    story.time(60_000, &["ask #3 by 120000"]);
    let believed = ["NotReady: LivenessFailed(Unreachable)"];
    story.event(61_000, suspect(Unreachable), &believed);
    story.event(62_000, not_live(3, Unreachable), &[]);
    // It was 120,000.
    story.next_is(66_000);
    story.time(66_000, &["ask #4 by 71000"]);
}

/// Against "of several pieces of bad news the most telling is kept", while live as well.
#[test]
fn a_wrong_password_is_the_reason_though_unreachable_comes_after_it_while_live() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Authentication), &["ask #3 by 1500"]);
    story.event(1_010, suspect(Unreachable), &[]);
    // It was Unreachable.
    story.time(1_500, &["NotReady: LivenessFailed(Authentication)"]);
}

/// Against "until there is proof of the contrary": the end of Running was taken for one.
#[test]
fn bad_news_is_still_the_reason_after_running_has_ended() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Authentication), &["ask #3 by 1500"]);
    story.time(1_500, &["NotReady: LivenessFailed(Authentication)"]);
    story.time(2_000, &["ask #4 by 3000"]);
    // It was Timeout.
    story.time(3_000, &["ask #5 by 5000"]);
}

/// Against "the newest proof that the bus did its work": one that is not enough was left out.
#[test]
fn a_proof_that_is_not_enough_is_reported_as_the_newest() {
    let settings = Settings {
        successes_to_ready: 2,
        ..plain()
    };
    let mut story = Story::started(settings);
    story.event(10, live(2), &[]);
    story.time(1_000, &["ask #3 by 2000"]);
    let overdue = ["NotReady: LivenessFailed(Timeout)", "ask #4 by 4000"];
    story.time(2_000, &overdue);
    assert_eq!(story.report().evidence, Some(story.began + ms(10)));
}

/// Against "when nothing proved it to be of any use for so long": a second proof in one interval was none.
#[test]
fn a_second_proof_in_an_interval_puts_the_replacement_of_the_client_off() {
    let settings = Settings {
        successes_to_ready: 2,
        not_live_interval: ms(4_000),
        not_live_interval_max: ms(4_000),
        recreate_after: Some(ms(4_500)),
        ..plain()
    };
    let mut story = Story::started(settings);
    story.heard(100, 100, &[]);
    story.heard(3_900, 3_900, &[]);
    story.time(4_000, &["ask #3 by 8000"]);
    // The client was discarded.
    story.time(4_600, &[]);
    story.next_is(8_000);
}

/// Against "if it stays unanswered, another one decides": the message that older bad news had sent decided, though refuted.
#[test]
fn bad_news_after_evidence_is_asked_about_anew() {
    let mut story = Story::running(plain());
    story.event(1_000, suspect(Unreachable), &["ask #3 by 1500"]);
    story.heard(1_400, 1_400, &["renew until 10900"]);
    story.event(1_450, suspect(Unreachable), &[]);
    // It was NotReady.
    story.time(1_500, &["ask #4 by 2000"]);
    story.time(2_000, &["NotReady: LivenessFailed(Unreachable)"]);
}
