//! The shutdown.

use super::{Bench, P, SECOND, commit, record, settings};
use crate::dispatch::{Action, Event, Generation, Order, Pace, RunEnd, RunId, Start};

#[test]
fn a_shutdown_drains_commits_releases_and_stops() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    assert_eq!(bench.give(Event::Shutdown), [Action::SetPace(Pace::Paused)]);
    assert_eq!(commit(&bench.end(1, RunEnd::Done)), Some((1, vec![])));
    let actions = bench.acknowledge(1);
    let released = Action::Release {
        partition: P,
        generation: Generation(1),
        duplicates: 0,
    };
    assert_eq!(actions, [released, Action::Stopped { duplicates: 0 }]);
    assert_eq!(bench.dispatcher.poll_timeout(), None);
    assert_eq!(bench.give(Event::BusUsable(false)), []);
}

#[test]
fn a_shutdown_ends_at_its_bound_though_a_commit_hangs() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    bench.end(1, RunEnd::Done);
    bench.give(Event::Shutdown);
    let run = RunId(2);
    assert_eq!(bench.pass(SECOND), [Action::Cancel { run }]);
    assert_eq!(bench.pass(SECOND), []);
    let bound = bench.dispatcher.config().shutdown_bound();
    assert_eq!(bound, 3 * SECOND);
    assert_eq!(bench.pass(SECOND), [Action::Stopped { duplicates: 2 }]);
}

#[test]
fn a_shutdown_without_partitions_stops_at_once() {
    let mut bench = Bench::new(settings(Order::None));
    let actions = bench.give(Event::Shutdown);
    assert_eq!(actions.last(), Some(&Action::Stopped { duplicates: 0 }));
    assert!(bench.dispatcher.is_stopped());
}

#[test]
fn a_partition_that_is_assigned_during_a_shutdown_is_released_without_a_commit_in_flight() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.end(1, RunEnd::Done);
    bench.give(Event::Shutdown);
    let actions = bench.give(Event::Assigned {
        partition: P,
        generation: Generation(2),
        start: Start::Committed(0),
        done: &[],
    });
    assert_eq!(actions, [Action::SetPace(Pace::Paused)]);
    let actions = bench.acknowledge(1);
    let released = Action::Release {
        partition: P,
        generation: Generation(2),
        duplicates: 0,
    };
    assert_eq!(actions, [released, Action::Stopped { duplicates: 1 }]);
}
