//! The inbox loses no answer and no shutdown, and its size is bounded.

use std::collections::HashSet;
use std::thread;
use std::time::Instant;

use futures::FutureExt as _;
use futures::StreamExt as _;
use livebus_core::{Event, LivenessId};
use livebus_runner::{Effects, Supervision};

use crate::harness::{ManualTime, NoBus, builder, start};

/// Takes all messages that wait.
fn drain(supervision: &mut Supervision<NoBus>) -> Vec<Event> {
    let inbox = &mut supervision.inbox;
    std::iter::from_fn(|| inbox.next().now_or_never().flatten())
        .map(|(_, event)| event)
        .collect()
}

fn answer(effects: &Effects<NoBus>, number: u64) {
    let id = LivenessId::from_number(number);
    let operation = effects.send_liveness(id, Instant::now());
    operation.now_or_never().expect("it completes at once");
}

#[test]
fn a_million_shutdowns_leave_one_message_in_the_inbox() {
    let (handle, mut supervision) = start(builder(&ManualTime::default()));
    // Before the loop reads the inbox for the first time, and after that.
    for _ in 0..2 {
        for _ in 0..1_000_000 {
            handle.begin_shutdown();
        }
        assert_eq!(drain(&mut supervision), [Event::Shutdown]);
    }
}

#[test]
fn concurrent_shutdowns_leave_one_message_in_the_inbox() {
    let (handle, mut supervision) = start(builder(&ManualTime::default()));
    for round in 0..500 {
        thread::scope(|scope| {
            for number in 0..4 {
                let (handle, effects) = (&handle, &supervision.effects);
                scope.spawn(move || {
                    handle.begin_shutdown();
                    answer(effects, number);
                    handle.begin_shutdown();
                });
            }
        });
        let events = drain(&mut supervision);
        let shutdowns = events.iter().filter(|it| **it == Event::Shutdown);
        assert_eq!(shutdowns.count(), 1, "round {round}");
        assert_eq!(events.len(), 5, "round {round}");
    }
}

/// The test reads the inbox while threads write to it.
#[test]
fn every_operation_is_answered_once_under_contention() {
    const ANSWERS: u64 = 20_000;
    let (handle, mut supervision) = start(builder(&ManualTime::default()));
    let mut answered = HashSet::new();
    let mut shutdowns = 0;
    thread::scope(|scope| {
        let Supervision { effects, inbox, .. } = &mut supervision;
        let effects = &*effects;
        let sending = [0, 1].map(|parity| {
            let handle = &handle;
            scope.spawn(move || {
                for number in (0..ANSWERS).filter(|it| it % 2 == parity) {
                    answer(effects, number);
                    handle.begin_shutdown();
                }
            })
        });
        loop {
            let is_done = sending.iter().all(thread::ScopedJoinHandle::is_finished);
            while let Some((_, event)) = inbox.next().now_or_never().flatten() {
                if let Event::LivenessAnswered { id, result } = event {
                    assert!(
                        result.is_ok() && answered.insert(id),
                        "{event:?} came twice"
                    );
                } else {
                    assert_eq!(event, Event::Shutdown);
                    shutdowns += 1;
                }
            }
            if is_done {
                break;
            }
        }
    });
    assert_eq!(answered.len() as u64, ANSWERS);
    assert!(shutdowns > 0);
}
