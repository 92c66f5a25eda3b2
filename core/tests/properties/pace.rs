//! Pace: no input causes a burst of work; back-offs stay within their bounds and restart after a success.

use std::time::{Duration, Instant};

use livebus_core::{Action, Backoff, Cause, Config, Event, RegistrationId, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::operation_records::{OperationRecords, answered};
use crate::script::{Script, any_script};
use crate::simulation::{Entry, Input, Kind, Simulation};

/// S8. A bounded number of actions per call: at most `6 + 2 x handlers`.
fn actions_per_call_are_bounded(script: &Script) -> Result<(), TestCaseError> {
    let max = 6 + 2 * script.config.handlers().len();
    for entry in &Simulation::run(script).log {
        prop_assert!(entry.actions.len() <= max, "{entry:?}");
    }
    Ok(())
}

/// Returns the minimum time from one liveness message to the next of a client that does not replace another.
fn shortest_gap(config: &Config) -> Duration {
    let s = config.settings();
    [
        s.not_live_interval,
        s.recheck_delay,
        s.suspicion_spacing,
        s.suspicion_timeout,
        s.start_backoff.first,
    ]
    .into_iter()
    .min()
    .expect("five of them")
}

/// S8. Liveness messages are spaced.
///
/// "At most `W / min(L, N) + 1` in any window" would be wrong: a suspicion sends one after `suspicion_spacing`, a recheck
/// after `recheck_delay`, and when the lease ends during the check of a suspicion, one follows at the deadline of that check, which is
/// `suspicion_timeout` after it. Exactly: with
/// `g = min(N, recheck_delay, suspicion_spacing, suspicion_timeout, start_backoff.first)`, each liveness message is sent at least `g` after
/// the one before it, except for the first of a client that replaces another. So in any window of length `W` without a replacement there
/// are at most `W / g + 1`, rounded down; and replacements are at least `recreate_after` apart.
fn liveness_messages_are_spaced(script: &Script) -> Result<(), TestCaseError> {
    let gap = shortest_gap(&script.config);
    let mut last: Option<Instant> = None;
    let mut replaced: Option<Instant> = None;
    for entry in &Simulation::run(script).log {
        if entry.replaces_client() {
            last = None;
            if let Some(replaced) = replaced.replace(entry.clock) {
                let after = entry.clock - replaced;
                prop_assert!(
                    Some(after) >= script.config.settings().recreate_after,
                    "another replacement only {after:?} after one: {entry:?}"
                );
            }
        }
        for _ in 0..entry.liveness_messages() {
            if let Some(last) = last.replace(entry.clock) {
                let after = entry.clock - last;
                prop_assert!(after >= gap, "one more only {after:?} after one: {entry:?}");
            }
        }
    }
    Ok(())
}

/// Rule 6. A jump of days sends one liveness message, not a burst: no call sends more than one.
fn one_liveness_message_per_call(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        prop_assert!(entry.liveness_messages() <= 1, "{entry:?}");
    }
    Ok(())
}

/// S13. Returns whether a delay is within `first..=max`, and within the jitter of its doubling:
/// `|delay - d| <= d x jitter / 100` where `d = min(first x 2^(failures - 1), max)`, and `first` for no failure.
fn is_within(backoff: Backoff, failures: u32, delay: Duration) -> bool {
    let doubled = backoff
        .first
        .saturating_mul(1 << failures.saturating_sub(1).min(31))
        .min(backoff.max);
    let deviation = doubled.abs_diff(delay).as_nanos() * 100;
    (backoff.first..=backoff.max).contains(&delay)
        && deviation <= doubled.as_nanos() * u128::from(backoff.jitter_percent)
}

/// S13, starts. Exactly: when a client is given up or a start fails at `t`, then `poll_timeout - t` is the delay, the
/// next start does not come before it, its `attempt` is one more than the number of consecutive starts without proof, and
/// the delay is within the back-off for that number. A start that led to Running has proof; one after which nothing was
/// proved has none.
fn starts_back_off(script: &Script) -> Result<(), TestCaseError> {
    let backoff = script.config.settings().start_backoff;
    let mut records = OperationRecords::default();
    let mut attempt = 0;
    let (mut ran, mut proved) = (false, false);
    let mut waiting: Option<(Instant, Duration)> = None;
    for entry in &Simulation::run(script).log {
        records.add(&script.config, entry, |_, _| Ok::<(), TestCaseError>(()))?;
        proved |= matches!(
            entry.event(),
            Some(Event::Live { .. } | Event::LivenessAnswered { .. })
        );
        for action in &entry.actions {
            if let Action::Start { attempt: this, .. } = *action {
                if let Some((since, delay)) = waiting.take() {
                    prop_assert!(entry.clock - since >= delay, "too early: {entry:?}");
                    prop_assert!(is_within(backoff, this - 1, delay), "{delay:?}: {entry:?}");
                    prop_assert!(!ran || this == 1, "count not restarted: {entry:?}");
                    prop_assert!(proved || this == attempt + 1, "not counted up: {entry:?}");
                    prop_assert!(this == 1 || this == attempt + 1);
                }
                attempt = this;
                (ran, proved) = (false, false);
            }
        }
        ran |= entry
            .reports()
            .any(|report| report.status == Status::Running);
        if backs_off(&records, entry) {
            let until = entry.due.expect("a back-off has a deadline");
            waiting = waiting.or(Some((entry.clock, until - entry.clock)));
        }
    }
    Ok(())
}

/// Returns whether there is neither a client nor a start in flight, and another start will come.
fn backs_off(records: &OperationRecords, entry: &Entry) -> bool {
    let in_flight = records
        .operations
        .iter()
        .any(|op| op.kind == Kind::Start && !op.answered && !op.over && op.deadline > entry.clock);
    let ends = matches!(entry.report.status, Status::Failed | Status::Stopped)
        || entry.report.cause == Cause::ShuttingDown;
    records.client.is_none() && !in_flight && !ends
}

/// S13, registrations. Exactly: per handler, when attempt `n` fails at `t`, or times out at `t`, then attempt `n + 1`
/// comes at `u` with `u - t` within the back-off for `n` failures, unless the clock stepped over it: never before, and
/// `poll_timeout` never beyond. With a new client the count begins at 1.
fn registrations_back_off(script: &Script) -> Result<(), TestCaseError> {
    let backoff = script.config.settings().registration_backoff;
    let handlers = script.config.handlers().len();
    // Per handler: the attempt and the instant of its failure, while it waits.
    let mut failed: Vec<Option<(u32, Instant)>> = vec![None; handlers];
    let mut in_flight = vec![None; handlers];
    for entry in &Simulation::run(script).log {
        let succeeded =
            |id: RegistrationId| entry.event().and_then(answered) == Some((id.into(), Ok(())));
        for (handler, slot) in in_flight.iter_mut().enumerate() {
            let Some((id, attempt)) = *slot else { continue };
            let refused = entry.stale == 0
                && matches!(entry.event(), Some(Event::RegistrationAnswered { id: this, result: Err(_) }) if this == id);
            let timed_out = entry
                .actions
                .contains(&Action::DiscardRegistration { registration: id });
            if refused || timed_out {
                failed[handler] = Some((attempt, entry.clock));
                *slot = None;
            } else if succeeded(id) && entry.stale == 0 {
                *slot = None;
            }
        }
        for action in &entry.actions {
            match *action {
                Action::RegisterHandler {
                    id,
                    handler,
                    attempt,
                    ..
                } => {
                    if let Some((before, at)) = failed[handler.index()].take() {
                        prop_assert_eq!(attempt, before + 1);
                        let delay = entry.clock - at;
                        let on_time =
                            entry.due_before == Some(entry.clock) && entry.input == Input::Timeout;
                        prop_assert!(delay >= backoff.first, "too early: {entry:?}");
                        prop_assert!(!on_time || is_within(backoff, before, delay), "{entry:?}");
                    } else {
                        prop_assert_eq!(attempt, 1);
                    }
                    in_flight[handler.index()] = Some((id, attempt));
                }
                // A new start resets the records of the old client.
                Action::Start { .. } => {
                    failed.fill(None);
                    in_flight.fill(None);
                }
                Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::SendLiveness { .. }
                | Action::SetStatus(_)
                | Action::Renew { .. }
                | Action::Stop { .. } => {}
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("pace"))]

    #[test]
    fn s8_one_call_causes_a_bounded_number_of_actions(script in any_script()) {
        actions_per_call_are_bounded(&script)?;
    }

    #[test]
    fn s8_liveness_messages_keep_a_minimum_gap(script in any_script()) {
        liveness_messages_are_spaced(&script)?;
    }

    #[test]
    fn rule_6_one_call_sends_at_most_one_liveness_message_even_after_days(script in any_script()) {
        one_liveness_message_per_call(&script)?;
    }

    #[test]
    fn s13_start_back_off_stays_in_bounds_and_restarts_after_a_success(script in any_script()) {
        starts_back_off(&script)?;
    }

    #[test]
    fn s13_registration_back_off_stays_in_bounds_and_restarts_per_client(script in any_script()) {
        registrations_back_off(&script)?;
    }
}
