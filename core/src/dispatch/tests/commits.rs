//! What is committed, and when.

use super::{Bench, P, SECOND, commit, record, runs, settings};
use crate::dispatch::{
    Action, Delivery, Event, Generation, Limits, Order, PartitionId, RunEnd, Settings, Start,
};

/// A partition beside `P`.
const Q: PartitionId = PartitionId(1);

#[test]
fn a_commit_names_what_is_done_above_its_position() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(2, 2), record(7, 3)]);
    assert_eq!(commit(&bench.end(2, RunEnd::Done)), Some((0, vec![2])));
    assert_eq!(bench.acknowledge(1), []);
    assert_eq!(bench.end(1, RunEnd::Done), [], "the interval is not over");
    assert_eq!(commit(&bench.pass(SECOND)), Some((3, vec![])));
}

#[test]
fn one_commit_is_in_flight_at_a_time() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(1, 2)]);
    assert_eq!(commit(&bench.end(1, RunEnd::Done)), Some((1, vec![])));
    assert_eq!(bench.end(2, RunEnd::Done), []);
    assert_eq!(bench.pass(SECOND), []);
    assert_eq!(commit(&bench.acknowledge(1)), Some((2, vec![])));
}

#[test]
fn a_commit_that_failed_is_repeated_at_growing_intervals() {
    let mut bench = Bench::new(settings(Order::None));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    bench.end(1, RunEnd::Done);
    assert_eq!(bench.fail_commit(1), []);
    assert_eq!(commit(&bench.pass(SECOND)), Some((1, vec![])));
    assert_eq!(bench.fail_commit(2), []);
    assert_eq!(bench.pass(SECOND), []);
    assert_eq!(commit(&bench.pass(SECOND)), Some((1, vec![])));
}

/// Returns a dispatcher of two partitions, each with a record that is done and one that waits for the acknowledgement, with both in a commit.
fn two_partitions() -> Bench {
    let limits = Limits {
        unacknowledged: 1,
        ..Limits::default()
    };
    let mut bench = Bench::new(Settings {
        limits,
        ..settings(Order::None)
    });
    let generation = Generation(1);
    for partition in [P, Q] {
        bench.give(Event::Assigned {
            partition,
            generation,
            start: Start::Resolved(0),
            done: &[],
        });
    }
    // The commit of the first position ended before the second one was there.
    assert_eq!(positions(&bench.answer(1, &[P])), [(Q, 0)]);
    bench.answer(2, &[Q]);
    for partition in [P, Q] {
        bench.give(Event::Fetched {
            partition,
            generation,
            records: &[record(0, 1), record(1, 1)],
        });
    }
    assert_eq!(positions(&bench.end(1, RunEnd::Done)), [(P, 1)]);
    bench.end(2, RunEnd::Done);
    assert_eq!(positions(&bench.answer(3, &[])), [(Q, 1)]);
    assert_eq!(bench.answer(4, &[]), []);
    assert_eq!(positions(&bench.pass(SECOND)), [(P, 1), (Q, 1)]);
    bench
}

/// Returns the partitions and offsets of the only commit among these actions.
fn positions(actions: &[Action]) -> Vec<(PartitionId, i64)> {
    let commit = actions.iter().find_map(|action| match action {
        Action::Commit { positions, .. } => Some(positions),
        Action::Run(_)
        | Action::Cancel { .. }
        | Action::WriteDeadLetter { .. }
        | Action::Forget { .. }
        | Action::SetPace(_)
        | Action::Seek { .. }
        | Action::Release { .. }
        | Action::SetHealth(_)
        | Action::Stopped { .. } => None,
    });
    let positions = commit.into_iter().flatten();
    positions.map(|it| (it.partition, it.offset)).collect()
}

#[test]
fn a_position_that_fails_does_not_fail_its_neighbour() {
    let mut bench = two_partitions();
    let actions = bench.answer(5, &[Q]);
    assert_eq!(actions.len(), 1, "{actions:?}");
    let run = actions.first().and_then(|action| {
        if let Action::Run(run) = action {
            Some((run.partition, run.offset))
        } else {
            None
        }
    });
    assert_eq!(run, Some((Q, 1)), "the window of the neighbour goes on");
    let counters = bench.dispatcher.counters();
    assert_eq!((counters.commits, counters.failed_commits), (2, 3));
}

#[test]
fn a_position_that_fails_is_held_back_and_its_neighbour_is_not() {
    let mut bench = two_partitions();
    bench.answer(5, &[Q]);
    assert_eq!(
        positions(&bench.end(3, RunEnd::Done)),
        [(Q, 2)],
        "a commit that is urgent has no position that is held back"
    );
    assert_eq!(bench.answer(6, &[Q]), []);
    assert_eq!(bench.pass(SECOND), [], "it failed twice in a row");
    assert_eq!(positions(&bench.pass(SECOND)), [(P, 1)]);
}

#[test]
fn a_position_that_is_held_back_is_in_the_last_commit() {
    let mut bench = two_partitions();
    bench.answer(5, &[Q]);
    assert_eq!(positions(&bench.revoke(1)), [(P, 1)]);
    let released = Action::Release {
        partition: P,
        generation: Generation(1),
        duplicates: 1,
    };
    assert_eq!(bench.answer(6, &[]), [released]);
}

#[test]
fn an_answer_after_another_one_changes_nothing() {
    let mut bench = two_partitions();
    bench.answer(5, &[]);
    assert_eq!(bench.answer(5, &[P, Q]), []);
    assert_eq!(bench.dispatcher.counters().stale, 1);
    assert_eq!(
        bench.revoke(1).len(),
        1,
        "what is not acknowledged is committed"
    );
}

#[test]
fn a_partition_that_is_not_in_the_commit_is_ignored() {
    let mut bench = two_partitions();
    let released = bench.answer(5, &[PartitionId(7), P, P]);
    assert_eq!(runs(&released), [(1, 1, 1)]);
    assert_eq!(bench.dispatcher.counters().stale, 0);
}

#[test]
fn nothing_runs_before_the_group_has_a_position() {
    let mut bench = Bench::new(settings(Order::None));
    let actions = bench.give(Event::Assigned {
        partition: P,
        generation: Generation(1),
        start: Start::Resolved(5),
        done: &[],
    });
    assert_eq!(commit(&actions), Some((5, vec![])));
    assert_eq!(bench.fetch(1, &[record(5, 1)]), []);
    assert_eq!(runs(&bench.acknowledge(1)), [(5, 1, 1)]);
}

#[test]
fn the_window_counts_from_the_acknowledged_position() {
    let limits = Limits {
        unacknowledged: 2,
        ..Limits::default()
    };
    let mut bench = Bench::new(Settings {
        limits,
        ..settings(Order::None)
    });
    bench.assign(1);
    let records = [record(0, 1), record(2, 2), record(3, 3)];
    assert_eq!(runs(&bench.fetch(1, &records)), [(0, 1, 1), (2, 1, 1)]);
    let actions = bench.end(1, RunEnd::Done);
    assert_eq!(runs(&actions), [], "done, but not acknowledged");
    assert_eq!(commit(&actions), Some((1, vec![])));
    assert_eq!(runs(&bench.acknowledge(1)), [(3, 1, 1)]);
}

#[test]
fn half_a_window_is_committed_before_the_interval_is_over() {
    let limits = Limits {
        unacknowledged: 4,
        ..Limits::default()
    };
    let mut bench = Bench::new(Settings {
        limits,
        ..settings(Order::None)
    });
    bench.assign(1);
    let records = [record(0, 1), record(1, 2), record(2, 3)];
    bench.fetch(1, &records);
    bench.end(1, RunEnd::Done);
    bench.acknowledge(1);
    assert_eq!(bench.end(2, RunEnd::Done), []);
    assert_eq!(commit(&bench.end(3, RunEnd::Done)), Some((3, vec![])));
}

#[test]
fn a_broadcast_commits_nothing_and_releases_at_once() {
    let mut bench = Bench::new(Settings {
        delivery: Delivery::Broadcast,
        ..settings(Order::None)
    });
    bench.assign(1);
    bench.fetch(1, &[record(0, 1)]);
    assert_eq!(bench.end(1, RunEnd::Done), []);
    let released = Action::Release {
        partition: P,
        generation: Generation(1),
        duplicates: 0,
    };
    assert_eq!(bench.revoke(1), [released]);
}
