//! Time, from both sides, with ideal timers: each deadline is met exactly, and nothing comes early either.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Failure, FailureClass, OnSuspicion, Status};
use proptest::prelude::*;

use crate::kept_in;
use crate::script::{Script, any_script, human_script};
use crate::world::{Kind, World, operation};

/// More than any of these stories needs.
const PATIENCE: usize = 20_000;

/// After any story: the bus works, answers at once, and timers are ideal, until Running. Nothing for a supervisor that
/// came to its end, or that waits for what will not happen.
fn brought_up(script: &Script) -> Option<World> {
    let mut world = World::run(script);
    world.answer_all();
    for _ in 0..PATIENCE {
        match world.status() {
            Status::Running => return Some(world),
            Status::Failed | Status::Stopped => return None,
            Status::Unknown | Status::Preparing | Status::Prepared | Status::NotReady => {}
        }
        world.wait();
        world.answer_all();
    }
    panic!("never Running: {:?}", world.report());
}

/// V1, V6. A bus that works forever leads to Running.
///
/// Exactly: within `2 x (start_backoff.max + (k + 1) x not_live_interval_max) + liveness_timeout +
/// registration_backoff.max`, `k` being `successes_to_ready`; twice, because the client may be due for replacement.
fn a_working_bus_leads_to_running(script: &Script) -> Result<(), TestCaseError> {
    let began = World::run(script).clock;
    let Some(world) = brought_up(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let start = s.start_backoff.max + s.not_live_interval_max * (s.successes_to_ready + 1);
    let bound = start * 2 + s.liveness_timeout + s.registration_backoff.max;
    prop_assert!(
        world.clock - began <= bound,
        "{:?} > {bound:?}",
        world.clock - began
    );
    Ok(())
}

/// V2, S2. From Running, when nothing is ever answered again: NotReady at the lease or before, and the lease is at most
/// the (partial) detection bound after the newest evidence.
fn silence_ends_running_within_the_lease(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut world) = brought_up(script) else {
        return Ok(());
    };
    let lease = world.report().lease.expect("Running has a lease");
    let evidence = world.report().evidence.expect("and evidence");
    prop_assert!(lease - evidence <= script.config.partial_detection_bound());
    while world.status() == Status::Running {
        prop_assert!(world.wait());
        prop_assert!(world.clock <= lease);
    }
    prop_assert_eq!(world.status(), Status::NotReady);
    Ok(())
}

/// Brings it to a liveness message that was answered well just now, without a warning: all is quiet and clear.
fn quiet(script: &Script) -> Option<World> {
    let mut world = brought_up(script)?;
    for _ in 0..PATIENCE {
        let sent = world
            .log
            .last()
            .is_some_and(|entry| entry.liveness_messages() > 0);
        world.answer_all();
        if sent && world.status() == Status::Running && world.report().evidence == Some(world.clock)
        {
            return Some(world);
        }
        world.wait();
    }
    panic!("never quiet: {:?}", world.report());
}

/// V2 from both sides. All quiet since evidence `e`, no warning, and from then on silence: liveness messages go out at
/// `e + L + i x (T + R)` for `i` in `0..n`, and NotReady comes at `e + detection_bound`, neither before nor after.
fn silence_is_noticed_exactly_at_the_bound(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut world) = quiet(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let evidence = world.clock;
    let mut sent: Vec<Instant> = Vec::new();
    while world.status() == Status::Running {
        world.wait();
        let entry = world.log.last().expect("one per wait");
        if entry.report.status == Status::Running {
            sent.extend(
                entry
                    .actions
                    .iter()
                    .filter_map(operation)
                    .filter(|op| op.1 == Kind::Liveness)
                    .map(|_| entry.clock),
            );
        }
    }
    let expected: Vec<Instant> = (0..s.failures_to_not_ready)
        .map(|i| evidence + s.live_interval + (s.liveness_timeout + s.recheck_delay) * i)
        .collect();
    prop_assert_eq!(sent, expected);
    prop_assert_eq!(world.clock, evidence + script.config.detection_bound());
    prop_assert_eq!(
        world.report().cause,
        Cause::LivenessFailed(FailureClass::Timeout.into())
    );
    Ok(())
}

/// Bad news from a bus that is gone. From Running, a suspicion at `s` and no answer ever again.
///
/// Exactly: NotReady at `s` where suspicions are believed; else at most
/// `suspicion_spacing + 2 x suspicion_timeout` after `s`, twice because a round that is under way gets its chance first;
/// and exactly `max(s, sent + suspicion_spacing) + suspicion_timeout` when all was quiet, unless `L` or the lease is
/// sooner.
fn bad_news_is_checked_quickly(script: &Script, after: u32) -> Result<(), TestCaseError> {
    let Some(mut world) = brought_up(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let due = world
        .supervisor
        .poll_timeout()
        .expect("Running has a deadline");
    let told = world.clock + (due - world.clock) / 1_000 * after;
    world.tell_and_drain(
        told,
        Some(Event::Suspicion(FailureClass::Unreachable.into())),
    );
    if s.on_suspicion == OnSuspicion::NotReady {
        prop_assert_eq!(world.status(), Status::NotReady);
        return Ok(());
    }
    prop_assert_eq!(world.status(), Status::Running);
    while world.status() == Status::Running {
        world.wait();
    }
    let took = world.clock - told;
    prop_assert!(
        took <= s.suspicion_spacing + s.suspicion_timeout * 2,
        "{took:?}"
    );
    Ok(())
}

fn bad_news_in_the_quiet(script: &Script, after: u32) -> Result<(), TestCaseError> {
    let Some(mut world) = quiet(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    if s.on_suspicion == OnSuspicion::NotReady {
        return Ok(());
    }
    let sent = world.clock;
    let told = sent + s.live_interval / 1_000 * after;
    world.tell_and_drain(
        told,
        Some(Event::Suspicion(FailureClass::Unreachable.into())),
    );
    while world.status() == Status::Running {
        world.wait();
    }
    let asked = told
        .max(sent + s.suspicion_spacing)
        .min(sent + s.live_interval);
    prop_assert_eq!(world.clock, asked + s.suspicion_timeout);
    prop_assert_eq!(
        world.report().cause,
        Cause::LivenessFailed(FailureClass::Unreachable.into())
    );
    Ok(())
}

/// Missing leaders from both sides. All quiet, and from then on every liveness message is answered `NoLeader` at once:
/// Running with a warning from the first such answer at `f`, and NotReady at `f + partial_tolerance` exactly, at once
/// where that is zero.
fn missing_leaders_are_tolerated_exactly_so_long(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut world) = quiet(script) else {
        return Ok(());
    };
    let missing = Failure::new(FailureClass::NoLeader);
    let failed = world.clock + script.config.settings().live_interval;
    while world.status() == Status::Running {
        prop_assert_eq!(world.report().warning.is_some(), world.clock >= failed);
        world.wait();
        world.fail_liveness(missing);
    }
    let end = failed + script.config.settings().partial_tolerance;
    prop_assert_eq!(world.clock, end);
    prop_assert_eq!(world.report().cause, Cause::LivenessFailed(missing));
    Ok(())
}

/// V3, V4, S15. While nothing works, with suspicions pouring in: from one start or liveness message to the next it is never
/// longer than `start_timeout + start_backoff.max`, or `max(not_live_interval_max, liveness_timeout)`.
fn it_never_gives_up(script: &Script) -> Result<(), TestCaseError> {
    let mut world = World::run(script);
    let s = script.config.settings().clone();
    let longest = (s.start_timeout + s.start_backoff.max)
        .max(s.not_live_interval_max)
        .max(s.liveness_timeout)
        .max(script.config.partial_detection_bound());
    let mut last = world.clock;
    for _ in 0..50 {
        if world.supervisor.is_stopped()
            || world.status() == Status::Failed
            || world.report().cause == Cause::ShuttingDown
        {
            return Ok(());
        }
        world.wait();
        world.tell_and_drain(
            world.clock,
            Some(Event::Suspicion(FailureClass::Unreachable.into())),
        );
        let tries = |action| {
            operation(action).is_some_and(|op| matches!(op.1, Kind::Start | Kind::Liveness))
        };
        if world
            .log
            .iter()
            .rev()
            .take(2)
            .any(|entry| entry.actions.iter().any(tries))
        {
            last = world.clock;
        }
        prop_assert!(world.clock - last <= longest);
    }
    Ok(())
}

/// Whoever reads `status_at` sees it too: never Running after the lease, whether or not the supervisor is ever called
/// again.
fn the_lease_runs_out_by_itself(script: &Script) -> Result<(), TestCaseError> {
    for entry in &World::run(script).log {
        if let Some(lease) = entry.report.lease {
            prop_assert_eq!(entry.report.status_at(lease), Status::Running);
            prop_assert_eq!(
                entry.report.status_at(lease + Duration::from_nanos(1)),
                Status::NotReady
            );
            prop_assert_eq!(
                entry.report.status_at(lease + Config::MAX_DURATION),
                Status::NotReady
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(kept_in!("timing"))]

    #[test]
    fn v1_a_bus_that_works_leads_to_running_within_a_bound(script in human_script()) {
        a_working_bus_leads_to_running(&script)?;
    }

    #[test]
    fn v2_a_bus_that_is_gone_ends_running_within_the_lease(script in human_script()) {
        silence_ends_running_within_the_lease(&script)?;
    }

    #[test]
    fn v2_in_the_quiet_a_bus_that_hangs_is_noticed_exactly_at_the_bound(script in human_script()) {
        silence_is_noticed_exactly_at_the_bound(&script)?;
    }

    #[test]
    fn v2_bad_news_about_a_bus_that_is_gone_is_checked_quickly(script in human_script(), after in 0_u32..1_000) {
        bad_news_is_checked_quickly(&script, after)?;
    }

    #[test]
    fn v2_in_the_quiet_bad_news_decides_exactly_after_the_suspicion_timeout(script in human_script(), after in 0_u32..1_000) {
        bad_news_in_the_quiet(&script, after)?;
    }

    #[test]
    fn v2_missing_leaders_are_tolerated_exactly_so_long_as_it_was_told(script in human_script()) {
        missing_leaders_are_tolerated_exactly_so_long(&script)?;
    }

    #[test]
    fn s15_it_never_gives_up_however_much_bad_news_comes(script in human_script()) {
        it_never_gives_up(&script)?;
    }

    #[test]
    fn s2_running_never_survives_its_lease_even_if_nobody_calls(script in any_script()) {
        the_lease_runs_out_by_itself(&script)?;
    }
}
