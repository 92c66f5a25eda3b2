//! A `Calls` that is restored from its snapshot continues as the original does.

use std::time::Instant;

use super::script::{IDENTITY, Numbers, SECOND, Script, config};
use crate::calls::{Calls, Event};

#[test]
fn restored_calls_are_equal_before_and_after_each_event() {
    let began = Instant::now();
    let epoch = began.checked_sub(SECOND).unwrap_or(began);
    for seed in 0..50 {
        let mut numbers = Numbers(seed << 32);
        let config = config(&mut numbers);
        let mut calls = Calls::new(config.clone(), IDENTITY, began);
        let mut restored = calls.clone();
        calls.handle_event(began, Event::BusReady);
        restored.handle_event(began, Event::BusReady);
        let mut script = Script::new(began);
        for _ in 0..100 {
            let words = restored.snapshot(epoch);
            restored = Calls::restore(config.clone(), epoch, &words).expect("it is restored");
            let event = script.draw(&mut numbers);
            for calls in [&mut calls, &mut restored] {
                match event {
                    Some(event) => calls.handle_event(script.now, event),
                    None => calls.handle_timeout(script.now),
                }
            }
            // Queued actions are part of it.
            let words = restored.snapshot(epoch);
            restored = Calls::restore(config.clone(), epoch, &words).expect("it is restored");
            assert_eq!(restored, calls, "seed {seed}");
            while let Some(action) = calls.poll_action() {
                assert_eq!(restored.poll_action(), Some(action), "seed {seed}");
                script.follow(action);
            }
            assert_eq!(restored.poll_action(), None, "seed {seed}");
        }
    }
}

#[test]
fn changed_word_is_noticed() {
    let epoch = Instant::now();
    let mut numbers = Numbers(5);
    let config = config(&mut numbers);
    let mut calls = Calls::new(config.clone(), IDENTITY, epoch);
    calls.handle_event(epoch, Event::BusReady);
    let mut script = Script::new(epoch);
    while calls.in_flight() < 2 {
        script.step(&mut calls, &mut numbers);
    }
    let words = calls.snapshot(epoch);
    let restore = |words: &[u64]| Calls::restore(config.clone(), epoch, words);
    assert!(restore(&words).is_some());
    for index in 0..words.len() {
        let mut words = words.clone();
        words[index] ^= 1 << (index % 64);
        assert_eq!(restore(&words), None, "{index}");
        assert_eq!(restore(&words[..index]), None, "{index}");
    }
}
