//! What follows a failure.

use super::{Bench, P, SECOND, record, runs, settings};
use crate::backoff::Backoff;
use crate::dispatch::{
    Action, DeadLetterId, Event, FailurePolicy, Generation, Health, Order, RecordFailure, RunEnd,
    RunId, Settings, Then,
};
use crate::failure::FailureClass;

const FAILED: RunEnd = RunEnd::Failed {
    done: 0,
    class: RecordFailure::Transient,
};

fn then(retries: u32, then: Then) -> Settings {
    Settings {
        transient: FailurePolicy::new(retries, Backoff::fixed(SECOND), then),
        ..settings(Order::Key)
    }
}

#[test]
fn a_failed_record_is_retried_after_its_back_off_and_keeps_its_key() {
    let mut bench = Bench::new(then(2, Then::Stop));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 1)]);
    assert_eq!(runs(&bench.end(1, FAILED)), []);
    assert_eq!(runs(&bench.pass(SECOND)), [(0, 1, 2)]);
    assert_eq!(runs(&bench.end(2, RunEnd::Done)), [(1, 1, 1)]);
}

#[test]
fn a_partition_stops_and_continues_when_the_record_succeeds() {
    let mut bench = Bench::new(then(0, Then::Stop));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    let stopped = Health::Stopped {
        partition: P,
        offset: 0,
        class: RecordFailure::Transient,
    };
    assert_eq!(bench.end(1, FAILED), [Action::SetHealth(stopped)]);
    assert_eq!(runs(&bench.fetch(1, &[record(1, 2)])), []);
    assert_eq!(runs(&bench.pass(SECOND)), [(0, 1, 2)]);
    let actions = bench.end(2, RunEnd::Done);
    assert_eq!(runs(&actions), [(1, 1, 1)]);
    assert!(actions.contains(&Action::SetHealth(Health::Working)));
}

#[test]
fn a_retry_that_fails_while_the_bus_is_not_usable_does_not_let_the_partition_continue() {
    let mut bench = Bench::new(then(0, Then::Stop));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.end(1, FAILED);
    assert_eq!(runs(&bench.pass(SECOND)), [(0, 1, 2)]);
    bench.give(Event::BusUsable(false));
    assert_eq!(bench.end(2, FAILED), []);
    bench.fetch(1, &[record(1, 2)]);
    assert_eq!(runs(&bench.give(Event::BusUsable(true))), []);
    assert_eq!(runs(&bench.pass(SECOND)), [(0, 1, 2)]);
}

#[test]
fn a_skipped_record_is_final() {
    let mut bench = Bench::new(then(0, Then::Skip));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 1)]);
    let actions = bench.end(1, FAILED);
    assert_eq!(runs(&actions), [(1, 1, 1)]);
    assert_eq!(bench.dispatcher.counters().skipped, 1);
}

#[test]
fn no_attempt_counts_and_no_back_off_ends_while_the_bus_is_not_usable() {
    let mut bench = Bench::new(then(0, Then::Skip));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.give(Event::BusUsable(false));
    bench.end(1, FAILED);
    assert_eq!(bench.pass(5 * SECOND), []);
    assert_eq!(runs(&bench.give(Event::BusUsable(true))), [(0, 1, 1)]);
    assert_eq!(bench.dispatcher.counters().skipped, 0);
}

fn letter(actions: &[Action]) -> Option<DeadLetterId> {
    match actions {
        [Action::WriteDeadLetter { id, offset: 0, .. }] => Some(*id),
        _ => None,
    }
}

#[test]
fn a_dead_letter_counts_when_it_is_acknowledged() {
    let mut bench = Bench::new(then(0, Then::DeadLetter));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 1)]);
    let id = letter(&bench.end(1, FAILED)).expect("a dead letter");
    assert_eq!(bench.pass(SECOND), [], "nothing is committed or run before");
    let result = Err(FailureClass::Unreachable.into());
    let actions = bench.give(Event::DeadLetterAnswered { id, result });
    let health = Health::DeadLetterFailed {
        partition: P,
        offset: 0,
    };
    assert_eq!(actions, [Action::SetHealth(health)]);
    let id = letter(&bench.pass(SECOND)).expect("it is written again");
    let result = Ok(());
    let actions = bench.give(Event::DeadLetterAnswered { id, result });
    assert_eq!(runs(&actions), [(1, 1, 1)]);
    assert!(actions.contains(&Action::SetHealth(Health::Working)));
    assert_eq!(super::commit(&actions), Some((1, vec![])));
    let result = Ok(());
    assert_eq!(bench.give(Event::DeadLetterAnswered { id, result }), []);
    assert_eq!(bench.dispatcher.counters().stale, 1);
}

#[test]
fn no_dead_letter_is_written_while_the_assignment_ends() {
    let mut bench = Bench::new(then(0, Then::DeadLetter));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.revoke(1);
    let released = Action::Release {
        partition: P,
        generation: Generation(1),
        duplicates: 1,
    };
    assert_eq!(bench.end(1, FAILED), [released]);
}

#[test]
fn a_function_is_cancelled_at_its_deadline_and_keeps_its_slot_until_it_ended() {
    let mut bench = Bench::new(Settings {
        record_timeout: Some(SECOND),
        ..settings(Order::Key)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 1)]);
    let run = RunId(1);
    assert_eq!(bench.pass(SECOND), [Action::Cancel { run }]);
    assert_eq!(bench.pass(SECOND), []);
    assert_eq!(bench.dispatcher.runs_in_flight(), 1);
    assert_eq!(runs(&bench.end(1, RunEnd::Cancelled { done: 0 })), []);
    assert_eq!(bench.dispatcher.counters().failed, 1);
    assert_eq!(runs(&bench.pass(SECOND)), [(0, 1, 2)]);
}

#[test]
fn a_function_that_the_runner_cancelled_did_not_fail() {
    let mut bench = Bench::new(then(0, Then::Skip));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    let actions = bench.end(1, RunEnd::Cancelled { done: 0 });
    assert_eq!(runs(&actions), [(0, 1, 1)]);
    assert_eq!(bench.dispatcher.counters().failed, 0);
}
