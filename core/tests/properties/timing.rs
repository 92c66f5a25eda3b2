//! Time, with ideal timers: each deadline is met exactly, neither late nor early.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Event, Failure, FailureClass, FailureKind, OnSuspicion, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script, realistic_script};
use crate::simulation::{Kind, Simulation, operation};

/// More steps than any of these runs needs.
const MAX_STEPS: usize = 20_000;

/// Runs any script, then a bus that works and answers at once, with ideal timers, until Running. Returns nothing for a
/// supervisor that is Failed or Stopped by then.
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

/// Runs until a liveness message was just answered with success: the liveness check is idle, and there is no warning.
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
    panic!("never idle: {:?}", sim.report());
}

/// V2, exactly. Idle since evidence `e`, no warning, and from then on silence: liveness messages go out at
/// `e + L + i x (T + R)` for `i` in `0..n`, and NotReady comes at `e + detection_bound`, neither before nor after.
fn silence_is_detected_exactly_at_the_bound(script: &Script) -> Result<(), TestCaseError> {
    let Some(mut sim) = run_until_idle(script) else {
        return Ok(());
    };
    let s = script.config.settings();
    let evidence = sim.clock;
    let mut sent: Vec<Instant> = Vec::new();
    while sim.status() == Status::Running {
        sim.fire_timer();
        let entry = sim.log.last().expect("one per timer");
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

/// A suspicion of a silent bus. From Running, a suspicion at `s`, and no answer ever again.
///
/// Exactly: NotReady at `s` with `OnSuspicion::NotReady`; else at most `suspicion_spacing + 2 x suspicion_timeout` after
/// `s`, twice because a liveness message in flight is awaited first; and exactly
/// `max(s, sent + suspicion_spacing) + suspicion_timeout` while idle, unless `L` or the lease is sooner. While the tolerance runs,
/// `liveness_timeout` takes the place of `suspicion_timeout`.
fn suspicion_is_decided_within_its_bound(script: &Script, after: u32) -> Result<(), TestCaseError> {
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
    let warning = sim.report().warning.map(|it| it.class.kind());
    let timeout = if warning == Some(FailureKind::Partial) {
        s.liveness_timeout
    } else {
        s.suspicion_timeout
    };
    while sim.status() == Status::Running {
        sim.fire_timer();
    }
    let took = sim.clock - suspected_at;
    prop_assert!(took <= s.suspicion_spacing + timeout * 2, "{took:?}");
    Ok(())
}

fn suspicion_while_idle_is_decided_exactly(
    script: &Script,
    after: u32,
) -> Result<(), TestCaseError> {
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

/// Missing leaders, exactly. Idle, and from then on every liveness message is answered with `NoLeader` at once:
/// Running with a warning from the first such answer at `f`, and NotReady at `f + partial_tolerance` exactly, at once
/// where that is zero.
fn missing_leaders_end_running_after_the_tolerance(script: &Script) -> Result<(), TestCaseError> {
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

/// V3, V4, S15. While nothing works and suspicions keep arriving, the time from one start or liveness message to the next is
/// never longer than `start_timeout + start_backoff.max`, or `max(not_live_interval_max, liveness_timeout)`.
fn retries_never_stop(script: &Script) -> Result<(), TestCaseError> {
    let mut sim = Simulation::run(script);
    let s = script.config.settings().clone();
    let max_gap = (s.start_timeout + s.start_backoff.max)
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
        prop_assert!(sim.clock - last <= max_gap);
    }
    Ok(())
}

/// `status_at` is never Running after the lease, whether or not the supervisor is called again.
fn status_at_ends_with_the_lease(script: &Script) -> Result<(), TestCaseError> {
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
    fn v1_working_bus_becomes_running_within_a_bound(script in realistic_script()) {
        a_working_bus_leads_to_running(&script)?;
    }

    #[test]
    fn v2_silent_bus_ends_running_within_the_lease(script in realistic_script()) {
        silence_ends_running_within_the_lease(&script)?;
    }

    #[test]
    fn v2_hung_bus_becomes_not_ready_exactly_at_the_detection_bound(script in realistic_script()) {
        silence_is_detected_exactly_at_the_bound(&script)?;
    }

    #[test]
    fn v2_suspicion_of_a_silent_bus_is_decided_within_its_bound(script in realistic_script(), after in 0_u32..1_000) {
        suspicion_is_decided_within_its_bound(&script, after)?;
    }

    #[test]
    fn v2_suspicion_while_idle_is_decided_exactly_at_its_timeout(script in realistic_script(), after in 0_u32..1_000) {
        suspicion_while_idle_is_decided_exactly(&script, after)?;
    }

    #[test]
    fn v2_missing_leaders_are_tolerated_exactly_for_the_tolerance(script in realistic_script()) {
        missing_leaders_end_running_after_the_tolerance(&script)?;
    }

    #[test]
    fn s15_retries_never_stop_however_many_suspicions_arrive(script in realistic_script()) {
        retries_never_stop(&script)?;
    }

    #[test]
    fn s2_running_ends_at_its_lease_without_any_call(script in any_script()) {
        status_at_ends_with_the_lease(&script)?;
    }
}
