//! The end of an assignment.

use super::{Bench, P, SECOND, commit, record, runs, settings};
use crate::dispatch::{Action, Event, Generation, Order, RunEnd, RunId, Settings};

fn released(generation: u64, duplicates: u32) -> Action {
    Action::Release {
        partition: P,
        generation: Generation(generation),
        duplicates,
    }
}

#[test]
fn a_partition_is_released_after_its_functions_and_its_last_commit() {
    let mut bench = Bench::new(settings(Order::Partition));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.fetch(1, &[record(1, 1)]);
    assert_eq!(bench.revoke(1), []);
    assert_eq!(commit(&bench.end(1, RunEnd::Done)), Some((1, vec![])));
    assert_eq!(bench.acknowledge(1), [released(1, 0)]);
}

#[test]
fn a_drain_ends_and_what_runs_then_is_a_duplicate() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.revoke(1);
    let run = RunId(1);
    let actions = bench.pass(SECOND);
    assert_eq!(actions, [Action::Cancel { run }, released(1, 1)]);
    assert_eq!(bench.end(1, RunEnd::Done), []);
    assert_eq!(bench.dispatcher.counters().late_verdicts, 1);
}

#[test]
fn a_cancelled_record_is_a_duplicate_when_it_ends_before_the_release() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    bench.end(1, RunEnd::Done);
    bench.revoke(1);
    let run = RunId(2);
    assert_eq!(bench.pass(SECOND), [Action::Cancel { run }]);
    assert_eq!(bench.end(2, RunEnd::Cancelled { done: 0 }), []);
    assert_eq!(bench.acknowledge(1), [released(1, 1)]);
}

#[test]
fn a_release_waits_for_a_commit_in_flight_and_the_last_one() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    assert_eq!(commit(&bench.end(1, RunEnd::Done)), Some((1, vec![])));
    assert_eq!(bench.end(2, RunEnd::Done), []);
    assert_eq!(bench.revoke(1), []);
    assert_eq!(commit(&bench.acknowledge(1)), Some((2, vec![])));
    assert_eq!(bench.fail_commit(2), [released(1, 1)]);
}

#[test]
fn a_loss_comes_before_what_is_due() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    bench.end(1, RunEnd::Done);
    bench.acknowledge(1);
    bench.end(2, RunEnd::Done);
    bench.now += SECOND;
    assert_eq!(bench.lose(1), [], "the commit that is due now is not sent");
    assert_eq!(bench.dispatcher.counters().duplicates, 1);
}

#[test]
fn records_of_a_new_assignment_wait_for_functions_of_the_old_one() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    let run = RunId(1);
    assert_eq!(bench.lose(1), [Action::Cancel { run }]);
    bench.assign(2);
    assert_eq!(bench.fetch(2, &[record(0, 1), record(1, 2)]), []);
    let actions = bench.end(1, RunEnd::Done);
    assert_eq!(runs(&actions), [(0, 1, 1), (1, 1, 1)]);
    assert_eq!(commit(&actions), None, "a late verdict changes nothing");
}

#[test]
fn what_belongs_to_an_earlier_generation_is_ignored() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(2);
    assert_eq!(bench.fetch(1, &[record(0, 1)]), []);
    assert_eq!(bench.revoke(1), []);
    assert_eq!(bench.lose(1), []);
    assert_eq!(bench.dispatcher.counters().stale, 3);
}

#[test]
fn a_lost_client_ends_all_assignments() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    let run = RunId(1);
    assert_eq!(bench.give(Event::ClientLost), [Action::Cancel { run }]);
    assert_eq!(bench.dispatcher.records_held(), 0);
}

#[test]
fn a_revocation_during_a_shutdown_shortens_the_drain() {
    let mut bench = Bench::new(Settings {
        drain: 10 * SECOND,
        ..settings(Order::None)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.give(Event::Shutdown);
    assert_eq!(bench.revoke(1), []);
    let actions = bench.pass(SECOND);
    assert!(actions.contains(&released(1, 1)), "{actions:?}");
}
