//! Shutdown: from every state, twice, in the middle of anything.

use livebus_core::FailureClass::{Timeout, Unreachable};
use livebus_core::{Event, OnClientLost, Settings};

use crate::story::{Story, live, lost, ms, not_started, not_stopped, plain, started, stopped};

#[test]
fn a_running_service_is_not_ready_first_then_drains_then_stops() {
    let mut story = Story::running(plain());
    story.event(1_000, Event::Shutdown, &["NotReady: ShuttingDown"]);
    story.next_is(6_000);
    story.time(6_000, &["stop #3 by 11000"]);
    story.event(6_100, stopped(3), &["Stopped: ShutDown"]);
    story.nothing_is_next();
    assert!(story.supervisor.is_stopped());
}

#[test]
fn an_operation_in_flight_neither_delays_it_nor_brings_it_back() {
    let mut story = Story::running(plain());
    story.time(5_000, &["ask #3 by 7000"]);
    story.event(5_100, Event::Shutdown, &["NotReady: ShuttingDown"]);
    story.event(5_200, live(3), &[]);
    story.heard(5_300, 5_300, &[]);
    story.time(10_100, &["stop #4 by 15100"]);
    story.time(15_100, &["Stopped: ForcedStop"]);
}

#[test]
fn a_stop_that_fails_is_stopped_all_the_same() {
    let settings = Settings {
        drain: ms(0),
        ..plain()
    };
    let mut story = Story::running(settings);
    let ends = ["NotReady: ShuttingDown", "stop #3 by 6000"];
    story.event(1_000, Event::Shutdown, &ends);
    story.event(1_001, not_stopped(3, Timeout), &["Stopped: ForcedStop"]);
}

#[test]
fn a_second_shutdown_changes_nothing() {
    let mut story = Story::running(plain());
    story.event(1_000, Event::Shutdown, &["NotReady: ShuttingDown"]);
    story.event(3_000, Event::Shutdown, &[]);
    story.time(6_000, &["stop #3 by 11000"]);
    story.event(6_050, Event::Shutdown, &[]);
    story.event(6_100, stopped(3), &["Stopped: ShutDown"]);
    story.event(6_200, Event::Shutdown, &[]);
}

#[test]
fn who_never_ran_needs_no_drain() {
    let ends = ["NotReady: ShuttingDown", "stop #2 by 5010"];
    let mut starting = Story::new(plain());
    starting.event(10, Event::Shutdown, &ends);

    let mut backing_off = Story::new(plain());
    let failed = ["NotReady: StartFailed(Unreachable)"];
    backing_off.event(0, not_started(1, Unreachable), &failed);
    backing_off.event(10, Event::Shutdown, &ends);

    let mut not_live = Story::started(plain());
    let ends = ["NotReady: ShuttingDown", "stop #3 by 5010"];
    not_live.event(10, Event::Shutdown, &ends);
    not_live.event(20, started(1), &[]);
}

#[test]
fn the_drain_counts_from_when_it_was_seen_to_be_not_ready() {
    let mut story = Story::running(plain());
    let gone = ["NotReady: ClientLost(ClientFatal)", "discard client #1"];
    story.event(100, lost(1), &gone);
    story.event(550, Event::Shutdown, &["NotReady: ShuttingDown"]);
    story.next_is(5_100);
    story.time(5_100, &["stop #3 by 10100"]);
}

#[test]
fn even_the_failed_can_be_shut_down() {
    let settings = Settings {
        on_client_lost: OnClientLost::Fail,
        ..plain()
    };
    let mut story = Story::running(settings);
    let gone = ["Failed: ClientLost(ClientFatal)", "discard client #1"];
    story.event(100, lost(1), &gone);
    let ends = ["NotReady: ShuttingDown", "stop #3 by 65000"];
    story.event(60_000, Event::Shutdown, &ends);
    story.event(60_001, stopped(3), &["Stopped: ShutDown"]);
}
