//! Time, from both sides, with ideal timers: each deadline is met exactly, and nothing comes early either.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Failure, FailureClass, OnSuspicion, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script, realistic_script};
use crate::simulation::{Kind, Simulation, operation};

/// More than any of these stories needs.
const MAX_STEPS: usize = 20_000;

/// After any story: the bus works, answers at once, and timers are ideal, until Running. Nothing for a supervisor that
/// came to its end, or that waits for what will not happen.
fn run_until_running(script: &Script) -> Option<Simulation> {
    let mut sim = Simulation::run(script);
    sim.answer_all();
    for _ in 0..MAX_STEPS {
        match sim.status() {
            Status::Running => return Some(sim),
            Status::Failed | Status::Stopped => return None,
            Status::Unknown | Status::Preparing | Status::Prepared | Status::NotReady => {}
        }
        sim.fire_timer();
        sim.answer_all();
    }
    panic!("never Running: {:?}", sim.report());
}

/// V1, V6. A bus that works forever leads to Running.
///
/// Exactly: within `2 x (start_backoff.max + (k + 1) x not_live_interval_max) + liveness_timeout +
/// registration_backoff.max`, `k` being `successes_to_ready`; twice, because the client may be due for replacement.
fn a_working_bus_leads_to_running(script: &Script) -> Result<(), TestCaseError> {
    let began = Simulation::run(script).clock;
    let Some(sim) = run_until_running(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let start = s.start_backoff.max + s.not_live_interval_max * (s.successes_to_ready + 1);
    let bound = start * 2 + s.liveness_timeout + s.registration_backoff.max;
    prop_assert!(
        sim.clock - began <= bound,
        "{:?} > {bound:?}",
        sim.clock - began
    );
    Ok(())
}

/// V2, S2. From Running, when nothing is ever answered again: NotReady at the lease or before, and the lease is at most
/// the (partial) detection bound after the newest evidence.
fn silence_ends_running_within_the_lease(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut sim) = run_until_running(script) else {
        return Ok(());
    };
    let lease = sim.report().lease.expect("Running has a lease");
    let evidence = sim.report().evidence.expect("and evidence");
    prop_assert!(lease - evidence <= script.config.partial_detection_bound());
    while sim.status() == Status::Running {
        prop_assert!(sim.fire_timer());
        prop_assert!(sim.clock <= lease);
    }
    prop_assert_eq!(sim.status(), Status::NotReady);
    Ok(())
}

/// Brings it to a liveness message that was answered well just now, without a warning: all is quiet and clear.
fn run_until_idle(script: &Script) -> Option<Simulation> {
    let mut sim = run_until_running(script)?;
    for _ in 0..MAX_STEPS {
        let sent = sim
            .log
            .last()
            .is_some_and(|entry| entry.liveness_messages() > 0);
        sim.answer_all();
        if sent && sim.status() == Status::Running && sim.report().evidence == Some(sim.clock) {
            return Some(sim);
        }
        sim.fire_timer();
    }
    panic!("never run_until_idle: {:?}", sim.report());
}

/// V2 from both sides. All quiet since evidence `e`, no warning, and from then on silence: liveness messages go out at
/// `e + L + i x (T + R)` for `i` in `0..n`, and NotReady comes at `e + detection_bound`, neither before nor after.
fn silence_is_noticed_exactly_at_the_bound(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut sim) = run_until_idle(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let evidence = sim.clock;
    let mut sent: Vec<Instant> = Vec::new();
    while sim.status() == Status::Running {
        sim.fire_timer();
        let entry = sim.log.last().expect("one per wait");
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
    prop_assert_eq!(sim.clock, evidence + script.config.detection_bound());
    prop_assert_eq!(
        sim.report().cause,
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
    let Some(mut sim) = run_until_running(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let due = sim
        .supervisor
        .poll_timeout()
        .expect("Running has a deadline");
    let suspected_at = sim.clock + (due - sim.clock) / 1_000 * after;
    sim.deliver_and_drain(
        suspected_at,
        Some(Event::Suspicion(FailureClass::Unreachable.into())),
    );
    if s.on_suspicion == OnSuspicion::NotReady {
        prop_assert_eq!(sim.status(), Status::NotReady);
        return Ok(());
    }
    prop_assert_eq!(sim.status(), Status::Running);
    while sim.status() == Status::Running {
        sim.fire_timer();
    }
    let took = sim.clock - suspected_at;
    prop_assert!(
        took <= s.suspicion_spacing + s.suspicion_timeout * 2,
        "{took:?}"
    );
    Ok(())
}

fn bad_news_in_the_quiet(script: &Script, after: u32) -> Result<(), TestCaseError> {
    let Some(mut sim) = run_until_idle(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    if s.on_suspicion == OnSuspicion::NotReady {
        return Ok(());
    }
    let sent = sim.clock;
    let suspected_at = sent + s.live_interval / 1_000 * after;
    sim.deliver_and_drain(
        suspected_at,
        Some(Event::Suspicion(FailureClass::Unreachable.into())),
    );
    while sim.status() == Status::Running {
        sim.fire_timer();
    }
    let sent_again = suspected_at
        .max(sent + s.suspicion_spacing)
        .min(sent + s.live_interval);
    prop_assert_eq!(sim.clock, sent_again + s.suspicion_timeout);
    prop_assert_eq!(
        sim.report().cause,
        Cause::LivenessFailed(FailureClass::Unreachable.into())
    );
    Ok(())
}

/// Missing leaders from both sides. All quiet, and from then on every liveness message is answered `NoLeader` at once:
/// Running with a warning from the first such answer at `f`, and NotReady at `f + partial_tolerance` exactly, at once
/// where that is zero.
fn missing_leaders_are_tolerated_exactly_so_long(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut sim) = run_until_idle(script) else {
        return Ok(());
    };
    let missing = Failure::new(FailureClass::NoLeader);
    let failed = sim.clock + script.config.settings().live_interval;
    while sim.status() == Status::Running {
        prop_assert_eq!(sim.report().warning.is_some(), sim.clock >= failed);
        sim.fire_timer();
        sim.fail_liveness(missing);
    }
    let end = failed + script.config.settings().partial_tolerance;
    prop_assert_eq!(sim.clock, end);
    prop_assert_eq!(sim.report().cause, Cause::LivenessFailed(missing));
    Ok(())
}

/// V3, V4, S15. While nothing works, with suspicions pouring in: from one start or liveness message to the next it is never
/// longer than `start_timeout + start_backoff.max`, or `max(not_live_interval_max, liveness_timeout)`.
fn it_never_gives_up(script: &Script) -> Result<(), TestCaseError> {
    let mut sim = Simulation::run(script);
    let s = script.config.settings().clone();
    let longest = (s.start_timeout + s.start_backoff.max)
        .max(s.not_live_interval_max)
        .max(s.liveness_timeout)
        .max(script.config.partial_detection_bound());
    let mut last = sim.clock;
    for _ in 0..50 {
        if sim.supervisor.is_stopped()
            || sim.status() == Status::Failed
            || sim.report().cause == Cause::ShuttingDown
        {
            return Ok(());
        }
        sim.fire_timer();
        sim.deliver_and_drain(
            sim.clock,
            Some(Event::Suspicion(FailureClass::Unreachable.into())),
        );
        let tries = |action| {
            operation(action).is_some_and(|op| matches!(op.1, Kind::Start | Kind::Liveness))
        };
        if sim
            .log
            .iter()
            .rev()
            .take(2)
            .any(|entry| entry.actions.iter().any(tries))
        {
            last = sim.clock;
        }
        prop_assert!(sim.clock - last <= longest);
    }
    Ok(())
}

/// Whoever reads `status_at` sees it too: never Running after the lease, whether or not the supervisor is ever called
/// again.
fn the_lease_runs_out_by_itself(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
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
    #![proptest_config(config_for!("timing"))]

    #[test]
    fn v1_a_bus_that_works_leads_to_running_within_a_bound(script in realistic_script()) {
        a_working_bus_leads_to_running(&script)?;
    }

    #[test]
    fn v2_a_bus_that_is_gone_ends_running_within_the_lease(script in realistic_script()) {
        silence_ends_running_within_the_lease(&script)?;
    }

    #[test]
    fn v2_in_the_quiet_a_bus_that_hangs_is_noticed_exactly_at_the_bound(script in realistic_script()) {
        silence_is_noticed_exactly_at_the_bound(&script)?;
    }

    #[test]
    fn v2_bad_news_about_a_bus_that_is_gone_is_checked_quickly(script in realistic_script(), after in 0_u32..1_000) {
        bad_news_is_checked_quickly(&script, after)?;
    }

    #[test]
    fn v2_in_the_quiet_bad_news_decides_exactly_after_the_suspicion_timeout(script in realistic_script(), after in 0_u32..1_000) {
        bad_news_in_the_quiet(&script, after)?;
    }

    #[test]
    fn v2_missing_leaders_are_tolerated_exactly_so_long_as_it_was_told(script in realistic_script()) {
        missing_leaders_are_tolerated_exactly_so_long(&script)?;
    }

    #[test]
    fn s15_it_never_gives_up_however_much_bad_news_comes(script in realistic_script()) {
        it_never_gives_up(&script)?;
    }

    #[test]
    fn s2_running_never_survives_its_lease_even_if_nobody_calls(script in any_script()) {
        the_lease_runs_out_by_itself(&script)?;
    }
}
