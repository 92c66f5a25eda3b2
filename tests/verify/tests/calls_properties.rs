//! Properties of every `Calls`, with any configuration and any inputs: K1 to K16, and the rules of `docs/calls-rules.md`.
//!
//! A script is a list of numbers, one for each step, and all choices of a step follow from its number. So a failure shrinks to few steps.

use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::calls::{Action, Calls, Config, Event, Limits, Settings};
use livebus_verify::calls::differential::{compare_steps, inputs};
use livebus_verify::calls::environment::EPOCH;
use livebus_verify::calls::settings::IDENTITY;
use livebus_verify::calls::simulation::simulate_steps;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as Cases, FileFailurePersistence};

fn cases() -> Cases {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/calls_properties_regressions.txt"
    );
    let default = Cases::default();
    Cases {
        cases: default.cases.max(1_000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}

/// Returns any configuration, with limits that are reached.
fn any_config() -> impl Strategy<Value = Config> {
    let limits = (1_u32..8, 1_u32..24, 0_u64..60, 1_u32..6);
    let times = (
        millis(1, 2_000),
        millis(1, 1_000),
        millis(1, 2_000),
        millis(0, 2_000),
    );
    let rest = (backoff(), backoff(), 1_u32..5, any::<u64>());
    (limits, times, rest).prop_map(|(limits, times, rest)| {
        let (calls, call_bytes, more, remembered) = limits;
        let (assign_timeout, attempt_timeout, overload_hint, drain) = times;
        let (assign_backoff, retry_backoff, attempts, seed) = rest;
        let limits = Limits {
            calls,
            bytes: u64::from(call_bytes) + more,
            call_bytes,
            remembered,
        };
        Config::new(Settings {
            limits,
            assign_timeout,
            assign_backoff,
            attempts,
            attempt_timeout,
            retry_backoff,
            overload_hint,
            drain,
            seed,
        })
        .expect("the settings are made to be valid")
    })
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let jitters = select(vec![0, 20, 100]);
    (millis(1, 500), millis(0, 3_000), jitters).prop_map(|(first, more, jitter_percent)| Backoff {
        first,
        max: first + more,
        jitter_percent,
    })
}

/// Returns a duration of this many milliseconds, a short one as often as a long one.
fn millis(min: u64, max: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![min..=(min + 20).min(max), min..=max].prop_map(Duration::from_millis)
}

fn steps(max: usize) -> impl Strategy<Value = Vec<u64>> {
    vec(any::<u64>(), 0..=max)
}

fn give(core: &mut Calls, at: Instant, event: Option<Event>) -> Vec<Action> {
    match event {
        Some(event) => core.handle_event(at, event),
        None => core.handle_timeout(at),
    }
    std::iter::from_fn(|| core.poll_action()).collect()
}

fn new(config: &Config) -> Calls {
    Calls::new(config.clone(), IDENTITY, *EPOCH)
}

proptest! {
    #![proptest_config(cases())]

    /// K1 to K16 at every step. In the end a shutdown: every call ends within its bound, and nothing is left.
    #[test]
    fn claims_hold_with_faults_and_nothing_is_left(config in any_config(), numbers in steps(400)) {
        simulate_steps(&config, &numbers)
            .map_err(|failed| TestCaseError::fail(failed.to_string()))?;
    }

    /// Every action, every deadline and every counted reply.
    #[test]
    fn core_and_reference_model_do_the_same(config in any_config(), numbers in steps(200)) {
        compare_steps(&config, &numbers)
            .map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }

    /// A runner that polls its actions only after its last input gets the same ones.
    #[test]
    fn actions_that_are_polled_late_are_the_same(config in any_config(), numbers in steps(100)) {
        let inputs = inputs(&config, &numbers);
        let (mut prompt, mut late) = (new(&config), new(&config));
        let mut actions = Vec::new();
        for &(at, event) in &inputs {
            actions.extend(give(&mut prompt, at, event));
            match event {
                Some(event) => late.handle_event(at, event),
                None => late.handle_timeout(at),
            }
        }
        let all: Vec<Action> = std::iter::from_fn(|| late.poll_action()).collect();
        prop_assert_eq!(actions, all);
        prop_assert_eq!(prompt, late);
    }

    /// What the explorer assumes of the canonical form. Back-offs have no jitter here, since the form leaves out its generator.
    #[test]
    fn the_canonical_form_behaves_the_same(config in any_config(), numbers in steps(100), at in 0_usize..100) {
        let mut settings = config.settings().clone();
        settings.assign_backoff.jitter_percent = 0;
        settings.retry_backoff.jitter_percent = 0;
        settings.assign_backoff.max = settings.assign_backoff.first;
        settings.retry_backoff.max = settings.retry_backoff.first;
        let config = Config::new(settings).expect("valid still");
        let (mut core, mut canonical) = (new(&config), new(&config));
        for (number, (time, event)) in inputs(&config, &numbers).into_iter().enumerate() {
            if number == at {
                canonical.make_canonical();
            }
            prop_assert_eq!(give(&mut core, time, event), give(&mut canonical, time, event));
            prop_assert_eq!(core.poll_timeout(), canonical.poll_timeout());
        }
    }

    /// Time that passes in small steps, early and repeated calls included, leads to the same end as one step.
    #[test]
    fn calls_that_are_early_change_nothing(config in any_config(), numbers in steps(100)) {
        let (mut core, mut nervous) = (new(&config), new(&config));
        let mut before = *EPOCH;
        for (at, event) in inputs(&config, &numbers) {
            let due = core.poll_timeout();
            let is_due = due.is_some_and(|due| due <= at);
            if !is_due && at > before {
                let half = before + at.saturating_duration_since(before) / 2;
                prop_assert!(give(&mut nervous, half, None).is_empty());
                prop_assert!(give(&mut nervous, half, None).is_empty());
            }
            before = before.max(at);
            prop_assert_eq!(give(&mut core, at, event), give(&mut nervous, at, event));
        }
        prop_assert_eq!(core, nervous);
    }
}
