//! Snapshots that somebody made up: refused, or a `Calls` that handles any event, ends each call once and stops.

use std::collections::BTreeSet;
use std::time::Instant;

use super::script::{IDENTITY, Numbers, Script, config};
use crate::calls::{Action, CallId, Calls, Event};
use crate::inspect::words::checksum;

/// Changes some words, and their checksum with them.
fn forge(words: &mut Vec<u64>, numbers: &mut Numbers) {
    words.pop();
    for _ in 0..=numbers.below(3) {
        let index = usize::try_from(numbers.below(words.len() as u64)).unwrap_or(0);
        let small = numbers.below(6);
        match numbers.below(6) {
            0 => words[index] = small,
            1 => words[index] = [u64::MAX, 1 << 62, 1 << 63, u32::MAX.into()][(small % 4) as usize],
            2 => words[index] = words[index].wrapping_add(1 + small),
            3 => words[index] = words[index].wrapping_sub(1 + small),
            4 => words.insert(index, small),
            _ => {
                if words.len() > 1 {
                    words.remove(index);
                }
            }
        }
    }
    words.push(checksum(words));
}

/// Shuts it down, and lets time alone end it.
fn shut_down(calls: &mut Calls, now: Instant) {
    calls.handle_event(now, Event::Shutdown);
    let mut ended = BTreeSet::<CallId>::new();
    let mut stops = u32::from(calls.is_stopped() && calls.poll_timeout().is_none());
    for _ in 0..1_000 {
        while let Some(action) = calls.poll_action() {
            match action {
                Action::End { call, .. } => assert!(ended.insert(call), "{call:?} ended twice"),
                Action::Stopped => stops += 1,
                Action::AssignReplies { .. }
                | Action::Send { .. }
                | Action::SendCancel { .. }
                | Action::SetHealth(_) => {}
            }
        }
        let Some(due) = calls.poll_timeout() else {
            break;
        };
        calls.handle_timeout(due);
    }
    assert!(calls.is_stopped(), "{calls:?}");
    assert_eq!(stops, 1, "{calls:?}");
    assert_eq!((calls.in_flight(), calls.bytes_in_flight()), (0, 0));
    assert_eq!(calls.counters().called, calls.counters().ended());
}

#[test]
fn every_state_is_restored_and_no_forged_one_panics() {
    let epoch = Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..400 {
        let mut numbers = Numbers(seed << 32);
        let config = config(&mut numbers);
        let mut script = Script::new(epoch);
        let mut calls = Calls::new(config.clone(), IDENTITY, epoch);
        calls.handle_event(epoch, Event::BusReady);
        for step in 0..60 {
            script.step(&mut calls, &mut numbers);
            if step == 50 && seed % 4 == 0 {
                calls.handle_event(script.now, Event::Shutdown);
            }
            let mut words = calls.snapshot(epoch);
            let restored = Calls::restore(config.clone(), epoch, &words);
            assert_eq!(restored.as_ref(), Some(&calls), "seed {seed}");
            forge(&mut words, &mut numbers);
            let Some(mut forged) = Calls::restore(config.clone(), epoch, &words) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let mut script = script.clone();
            while forged.poll_action().is_some() {}
            for _ in 0..40 {
                script.step(&mut forged, &mut numbers);
            }
            shut_down(&mut forged, script.now);
        }
        shut_down(&mut calls, script.now);
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
}
