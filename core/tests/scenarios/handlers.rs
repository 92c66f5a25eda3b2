//! Handlers: Running needs the required ones; each is tried again on its own.

use livebus_core::FailureClass::Authorization;
use livebus_core::{Event, Handler, Settings, Status};

use crate::story::{Story, live, lost, ms, not_registered, plain, registered, started};

fn with(handlers: Vec<Handler>) -> Settings {
    Settings {
        registration_timeout: ms(1_000),
        handlers,
        ..plain()
    }
}

#[test]
fn a_required_handler_holds_running_back_until_it_is_registered() {
    let mut story = Story::new(with(vec![Handler::required("requests")]));
    let begun = ["ask #2 by 1000", "register #3 handler 0 attempt 1 by 1000"];
    story.event(0, started(1), &begun);
    story.event(10, live(2), &[]);
    assert_eq!(story.status(), Status::Prepared);
    story.event(20, registered(3), &["Running: Evidence"]);
    assert_eq!(story.report().evidence, Some(story.began + ms(10)));
}

#[test]
fn an_optional_handler_holds_nothing_back_even_when_it_fails() {
    let mut story = Story::started(with(vec![Handler::optional("extra")]));
    story.event(10, live(2), &["Running: Evidence"]);
    story.event(20, not_registered(3, Authorization), &[]);
    story.time(520, &["register #4 handler 0 attempt 2 by 1520"]);
    story.time(1_520, &["discard registration #4"]);
    story.time(2_520, &["register #5 handler 0 attempt 3 by 3520"]);
    assert_eq!(story.status(), Status::Running);
}

#[test]
fn a_required_handler_that_fails_is_not_ready_and_tried_again() {
    let mut story = Story::started(with(vec![Handler::required("requests")]));
    story.event(10, live(2), &[]);
    story.event(
        20,
        not_registered(3, Authorization),
        &["NotReady: HandlerFailed(Authorization)"],
    );
    story.time(520, &["register #4 handler 0 attempt 2 by 1520"]);
    story.event(530, registered(4), &["Running: Evidence"]);
}

#[test]
fn a_registration_that_is_overdue_is_a_failure() {
    let mut story = Story::started(with(vec![Handler::required("requests")]));
    story.event(10, live(2), &[]);
    story.time(
        1_000,
        &[
            "NotReady: HandlerFailed(Timeout)",
            "discard registration #3",
        ],
    );
    story.event(1_001, registered(3), &[]);
    assert_eq!(story.supervisor.stale_answers(), 1);
    story.time(1_500, &["register #4 handler 0 attempt 2 by 2500"]);
}

#[test]
fn a_new_client_registers_all_its_handlers_anew() {
    let handlers = vec![Handler::required("a"), Handler::optional("b")];
    let mut story = Story::started(with(handlers));
    story.event(10, live(2), &[]);
    story.event(20, registered(3), &["Running: Evidence"]);
    story.event(30, not_registered(4, Authorization), &[]);
    // With the client go the registrations; the retry of the second one is forgotten too.
    let gone = ["NotReady: ClientLost(ClientFatal)", "discard client #1"];
    story.event(40, lost(1), &gone);
    story.time(540, &["start #5 attempt 1 by 10540"]);
    let begun = [
        "NotReady: Starting",
        "ask #6 by 1550",
        "register #7 handler 0 attempt 1 by 1550",
        "register #8 handler 1 attempt 1 by 1550",
    ];
    story.event(550, started(5), &begun);
}

#[test]
fn a_registration_under_way_goes_with_its_client() {
    let mut story = Story::started(with(vec![Handler::required("requests")]));
    story.event(10, live(2), &[]);
    let gone = [
        "NotReady: ClientLost(ClientFatal)",
        "discard registration #3",
        "discard client #1",
    ];
    story.event(20, lost(1), &gone);
}

#[test]
fn a_registration_under_way_is_given_up_by_a_shutdown() {
    let mut story = Story::started(with(vec![Handler::required("requests")]));
    let ended = [
        "NotReady: ShuttingDown",
        "discard registration #3",
        "stop #4 by 5010",
    ];
    story.event(10, Event::Shutdown, &ended);
}
