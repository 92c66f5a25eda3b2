//! A dispatcher that is restored from its snapshot continues as the original does.

use super::*;
use crate::dispatch::{DeadLetterId, RecordFailure};
use crate::failure::FailureClass;

/// Restores the dispatcher, before its actions are polled and after.
fn restored(bench: &Bench) -> Dispatcher {
    let before = bench.now.checked_sub(SECOND);
    let epoch = before.unwrap_or(bench.now);
    let words = bench.dispatcher.snapshot(epoch);
    let config = bench.dispatcher.config().clone();
    Dispatcher::restore(config, epoch, &words).expect("a snapshot is restored")
}

/// Gives an event to a dispatcher that is restored before and after it.
fn give(bench: &mut Bench, event: Event<'_>) -> Vec<Action> {
    bench.dispatcher = restored(bench);
    bench.dispatcher.handle_event(bench.now, event);
    let original = bench.dispatcher.clone();
    bench.dispatcher = restored(bench);
    assert_eq!(bench.dispatcher, original);
    bench.actions()
}

fn failed(run: u64) -> Event<'static> {
    let (done, class) = (0, RecordFailure::Permanent);
    Event::RunEnded {
        run: RunId(run),
        end: RunEnd::Failed { done, class },
    }
}

#[test]
fn restored_dispatcher_is_equal_in_every_state_of_a_record() {
    for (order, then) in [
        (Order::Partition, Then::Stop),
        (Order::Key, Then::DeadLetter),
        (Order::None, Then::Skip),
    ] {
        let policy = FailurePolicy::new(0, Backoff::fixed(SECOND), then);
        let mut bench = Bench::new(Settings {
            permanent: policy,
            record_timeout: Some(2 * SECOND),
            ..settings(order)
        });
        bench.assign_done(1, &[done(4)]);
        let records = [record(0, 1), record(1, 1), record(4, 2), record(7, 3)];
        let mut actions = give(
            &mut bench,
            Event::Fetched {
                partition: P,
                generation: Generation(1),
                records: &records,
            },
        );
        actions.extend(give(&mut bench, failed(1)));
        if then == Then::DeadLetter {
            let unwritten = Event::DeadLetterAnswered {
                id: DeadLetterId(1),
                result: Err(FailureClass::Timeout.into()),
            };
            actions.extend(give(&mut bench, unwritten));
        }
        bench.now += SECOND;
        actions.extend(give(&mut bench, Event::BusUsable(false)));
        let gone = Event::Removed {
            partition: P,
            generation: Generation(1),
            from: 8,
            to: 11,
        };
        actions.extend(give(&mut bench, gone));
        actions.extend(give(&mut bench, Event::Shutdown));
        bench.now += 10 * SECOND;
        actions.extend(give(&mut bench, Event::BusUsable(true)));
        assert!(!runs(&actions).is_empty(), "{actions:?}");
        assert!(matches!(actions.last(), Some(Action::Stopped { .. })));
    }
}

#[test]
fn snapshot_of_many_records_in_a_row_is_short() {
    let mut bench = Bench::new(settings(Order::Partition));
    bench.assign(1);
    let records: Vec<_> = (0..10_000).map(|offset| record(offset, 1)).collect();
    bench.fetch(1, &records);
    let words = bench.dispatcher.snapshot(bench.now);
    assert!(words.len() < 200, "{}", words.len());
    assert_eq!(restored(&bench), bench.dispatcher);
}

#[test]
fn changed_word_is_noticed() {
    let mut bench = Bench::new(settings(Order::Key));
    bench.assign(1);
    bench.fetch(1, &[record(0, 1), record(5, 2)]);
    let words = bench.dispatcher.snapshot(bench.now);
    let restore = |words: &[u64]| {
        let config = bench.dispatcher.config().clone();
        Dispatcher::restore(config, bench.now, words)
    };
    assert!(restore(&words).is_some());
    for index in 0..words.len() {
        let mut words = words.clone();
        words[index] ^= 1 << (index % 64);
        assert_eq!(restore(&words), None, "{index}");
        assert_eq!(restore(&words[..index]), None, "{index}");
    }
}
