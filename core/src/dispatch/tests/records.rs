//! Which record runs when.

use super::{Bench, P, SECOND, done, record, runs, settings};
use crate::dispatch::{
    Action, DoneRecord, Event, Generation, Health, Limits, OnRemoved, Order, Pace, RunEnd, RunId,
    Settings,
};

#[test]
fn records_of_a_partition_run_in_one_run_and_in_order() {
    let mut bench = Bench::new(settings(Order::Partition));
    bench.assign(1);
    let actions = bench.fetch(1, &[record(0, 1), record(2, 2)]);
    assert_eq!(runs(&actions), [(0, 2, 1)]);
    assert_eq!(runs(&bench.fetch(1, &[record(3, 1)])), []);
    assert_eq!(runs(&bench.end(1, RunEnd::Done)), [(3, 1, 1)]);
}

#[test]
fn records_of_a_key_wait_for_each_other_and_others_do_not() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(1);
    let records = [record(0, 1), record(1, 1), record(2, 2)];
    assert_eq!(runs(&bench.fetch(1, &records)), [(0, 1, 1), (2, 1, 1)]);
    assert_eq!(runs(&bench.end(1, RunEnd::Done)), [(1, 1, 1)]);
}

#[test]
fn records_without_an_order_run_at_once_up_to_the_limit() {
    let limits = Limits {
        runs: 2,
        ..Limits::default()
    };
    let mut bench = Bench::new(Settings {
        limits,
        ..settings(Order::None)
    });
    bench.assign(1);
    let records = [record(0, 1), record(1, 1), record(2, 1)];
    assert_eq!(runs(&bench.fetch(1, &records)), [(0, 1, 1), (1, 1, 1)]);
    assert_eq!(runs(&bench.end(2, RunEnd::Done)), [(2, 1, 1)]);
}

#[test]
fn a_pending_function_gives_back_the_records_behind_it() {
    let mut bench = Bench::new(settings(Order::Partition));
    bench.assign(1);
    let records = [record(0, 1), record(1, 1), record(2, 1)];
    assert_eq!(runs(&bench.fetch(1, &records)), [(0, 3, 1)]);
    let run = RunId(1);
    assert_eq!(runs(&bench.give(Event::Pending { run, done: 1 })), []);
    assert_eq!(bench.dispatcher.records_held(), 2);
    assert_eq!(runs(&bench.end(1, RunEnd::Done)), [(2, 1, 1)]);
}

#[test]
fn nothing_runs_before_the_bus_can_be_used() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.give(Event::BusUsable(false));
    bench.assign(1);
    assert_eq!(runs(&bench.fetch(1, &[record(0, 1)])), []);
    assert_eq!(runs(&bench.give(Event::BusUsable(true))), [(0, 1, 1)]);
}

#[test]
fn a_done_record_does_not_run_again_but_another_one_with_its_offset_does() {
    let mut bench = Bench::new(settings(Order::None));
    let other = DoneRecord {
        fingerprint: 8,
        ..done(3)
    };
    bench.assign_done(1, &[done(2), other]);
    let actions = bench.fetch(1, &[record(0, 1), record(2, 2), record(3, 3)]);
    assert_eq!(runs(&actions), [(0, 1, 1), (3, 1, 1)]);
    let forgotten = Action::Forget {
        partition: P,
        generation: Generation(1),
        offset: 2,
    };
    assert!(actions.contains(&forgotten));
}

#[test]
fn an_offset_that_was_fetched_already_is_ignored() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    assert_eq!(
        runs(&bench.fetch(1, &[record(1, 2), record(2, 3)])),
        [(2, 1, 1)]
    );
    assert_eq!(bench.dispatcher.counters().repeated, 1);
}

#[test]
fn fetching_slows_down_at_high_water_and_pauses_without_room() {
    let limits = Limits {
        high_water_bytes: 2,
        bytes: 4,
        record_bytes: 1,
        ..Limits::default()
    };
    let mut bench = Bench::new(Settings {
        limits,
        ..settings(Order::None)
    });
    bench.assign(1);
    let actions = bench.fetch(1, &[record(0, 1), record(1, 2)]);
    assert!(actions.contains(&Action::SetPace(Pace::Slow)));
    let actions = bench.fetch(1, &[record(2, 1), record(3, 2)]);
    assert!(actions.contains(&Action::SetPace(Pace::Paused)));
    bench.end(1, RunEnd::Done);
    bench.end(2, RunEnd::Done);
    let actions = bench.end(3, RunEnd::Done);
    assert!(
        actions.contains(&Action::SetPace(Pace::Full)),
        "{actions:?}"
    );
}

#[test]
fn the_pace_is_repeated_when_a_partition_is_assigned_again() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.lose(1);
    bench.assign(2);
}

#[test]
fn records_that_were_removed_are_passed_over_when_those_before_are_final() {
    let mut bench = Bench::new(Settings {
        on_removed: OnRemoved::Continue,
        ..settings(Order::Key)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 1)]);
    let removed = Event::Removed {
        partition: P,
        generation: Generation(1),
        from: 2,
        to: 9,
    };
    assert_eq!(bench.give(removed), []);
    assert_eq!(
        runs(&bench.fetch(1, &[record(9, 1)])),
        [],
        "before the seek"
    );
    assert_eq!(runs(&bench.end(1, RunEnd::Done)), [(1, 1, 1)]);
    let seek = Action::Seek {
        partition: P,
        generation: Generation(1),
        offset: 9,
    };
    assert!(bench.end(2, RunEnd::Done).contains(&seek));
    assert_eq!(bench.dispatcher.counters().removed, 7);
    assert_eq!(runs(&bench.fetch(1, &[record(9, 1)])), [(9, 1, 1)]);
}

#[test]
fn a_topic_that_was_created_again_continues_at_lower_offsets() {
    let mut bench = Bench::new(Settings {
        on_removed: OnRemoved::Continue,
        ..settings(Order::Key)
    });
    bench.assign_done(1, &[done(3)]);
    bench.fetch(1, &[record(5, 1)]);
    bench.end(1, RunEnd::Done);
    let actions = bench.give(Event::Removed {
        partition: P,
        generation: Generation(1),
        from: 6,
        to: 0,
    });
    assert!(
        matches!(actions[..], [Action::Seek { offset: 0, .. }]),
        "{actions:?}"
    );
    assert_eq!(runs(&bench.fetch(1, &[record(3, 1)])), [(3, 1, 1)]);
}

#[test]
fn removed_records_stop_the_partition_by_default() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(1);
    let actions = bench.give(Event::Removed {
        partition: P,
        generation: Generation(1),
        from: 0,
        to: 9,
    });
    let health = Health::RecordsRemoved {
        partition: P,
        offset: 0,
    };
    assert_eq!(actions, [Action::SetHealth(health)]);
}

#[test]
fn a_record_that_waits_for_too_long_is_reported_when_only_time_passes() {
    let mut bench = Bench::new(Settings {
        stall_timeout: 2 * SECOND,
        ..settings(Order::Key)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    assert_eq!(bench.pass(SECOND), []);
    let health = Health::Stalled {
        partition: P,
        offset: 0,
    };
    assert_eq!(bench.pass(SECOND), [Action::SetHealth(health)]);
}

#[test]
fn a_record_that_arrives_after_an_idle_time_does_not_count_as_old() {
    let mut bench = Bench::new(Settings {
        stall_timeout: 3 * SECOND,
        ..settings(Order::Key)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.end(1, RunEnd::Done);
    bench.pass(2 * SECOND);
    bench.fetch(1, &[record(1, 1)]);
    bench.pass(2 * SECOND);
    assert_eq!(bench.dispatcher.health(), Health::Working);
    bench.pass(SECOND);
    assert_ne!(bench.dispatcher.health(), Health::Working);
}

#[test]
fn oldest_arrival_is_that_of_the_oldest_record_without_a_verdict() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    assert_eq!(bench.dispatcher.oldest_arrival(), None);
    assert_eq!(bench.dispatcher.runs_in_flight(), 0);
    bench.fetch(1, &[record(0, 1)]);
    let first = bench.now;
    bench.pass(SECOND);
    bench.fetch(1, &[record(1, 2)]);
    assert_eq!(bench.dispatcher.oldest_arrival(), Some(first));
    bench.end(1, RunEnd::Done);
    assert_eq!(bench.dispatcher.oldest_arrival(), Some(first + SECOND));
    bench.end(2, RunEnd::Done);
    assert_eq!(bench.dispatcher.oldest_arrival(), None);
}
