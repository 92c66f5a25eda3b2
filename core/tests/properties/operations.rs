//! Operations: at most one of each kind in flight, each answered once, each with a deadline.

use livebus_core::{Event, OpId, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::operation_records::{OperationRecords, Prediction, answered};
use crate::script::{Script, any_script};
use crate::settings;
use crate::simulation::{Kind, Simulation, discards, operation};

/// S5, S6, rule 4. When an operation begins, no operation of its kind is in flight: unanswered, before its deadline, and
/// not discarded with its client.
///
/// Exactly: a liveness message counts as in flight up to `min(deadline, s + suspicion_timeout, l + liveness_timeout)`
/// for a suspicion at `s` and evidence at `l` that came since it was sent. The runner knows `deadline` only, so it may still
/// run an operation that the supervisor has given up.
fn at_most_one_in_flight(
    script: &Script,
    kinds: impl Fn(Kind) -> bool,
) -> Result<(), TestCaseError> {
    let mut records = OperationRecords::default();
    for entry in &Simulation::run(script).log {
        records.add(&script.config, entry, |records, new| {
            let other = records.surely_in_flight(new.kind, new.sent);
            prop_assert!(
                !kinds(new.kind) || other.is_none(),
                "{new:?} begins while {other:?} is in flight, at {entry:?}"
            );
            Ok(())
        })?;
    }
    Ok(())
}

/// S10, rule 3. An answer to anything but an operation in flight is counted, and does nothing else that time alone would
/// not do; the first answer to an operation in flight is accepted.
///
/// Exactly: for a stale answer at `now`, `handle_event(now, answer)` and `handle_timeout(now)` on a clone agree in all
/// actions, the report and `poll_timeout`, and `stale_answers` grows by one. This holds for every answer that was counted,
/// whatever the records predict.
fn a_stale_answer_is_counted_and_does_nothing(script: &Script) -> Result<(), TestCaseError> {
    let mut records = OperationRecords::default();
    let mut seen = 0;
    Simulation::run_observed(script, |before, sim| {
        for entry in &sim.log[seen..] {
            match records.prediction(entry) {
                Some(Prediction::Fresh) => prop_assert_eq!(entry.stale, 0, "{:?}", entry),
                Some(Prediction::Stale) => prop_assert_eq!(entry.stale, 1, "{:?}", entry),
                Some(Prediction::Either) | None => prop_assert!(entry.stale <= 1),
            }
            records.add(&script.config, entry, |_, _| Ok::<(), TestCaseError>(()))?;
        }
        seen = sim.log.len();
        let entry = sim.log.last().expect("one per step");
        if entry.stale == 1 {
            let mut twin = before.clone();
            twin.handle_timeout(entry.called_at);
            let mut delivered = sim.supervisor.clone();
            prop_assert_eq!(twin.report(), delivered.report());
            loop {
                let action = delivered.poll_action();
                prop_assert_eq!(twin.poll_action(), action);
                if action.is_none() {
                    break;
                }
            }
            prop_assert_eq!(twin.poll_timeout(), delivered.poll_timeout());
        }
        Ok(())
    })?;
    Ok(())
}

/// Only answers and lost clients are ever counted as stale. A lost client is stale unless it is the current one.
fn only_what_names_an_operation_is_stale(script: &Script) -> Result<(), TestCaseError> {
    let mut records = OperationRecords::default();
    for entry in &Simulation::run(script).log {
        match entry.event() {
            Some(Event::ClientLost { client, .. }) => {
                if records.client != Some(client) {
                    prop_assert_eq!(entry.stale, 1);
                } else if entry.nothing_was_due()
                    && !is_over(entry.before.status, entry.before.cause)
                {
                    prop_assert_eq!(entry.stale, 0, "{:?}", entry);
                }
            }
            event => {
                if event.and_then(answered).is_none() {
                    prop_assert_eq!(entry.stale, 0);
                }
            }
        }
        records.add(&script.config, entry, |_, _| Ok::<(), TestCaseError>(()))?;
    }
    Ok(())
}

fn is_over(status: Status, cause: livebus_core::Cause) -> bool {
    matches!(status, Status::Stopped | Status::Failed) || cause == livebus_core::Cause::ShuttingDown
}

/// Rule 3. Ids are 1, 2, 3 in the order in which the operations begin; none is used twice. A discard names a start or a
/// registration that began before, and none is discarded twice.
fn ids_count_up(script: &Script) -> Result<(), TestCaseError> {
    let mut begun: Vec<OpId> = Vec::new();
    let mut discarded = Vec::new();
    for action in Simulation::run(script)
        .log
        .iter()
        .flat_map(|entry| &entry.actions)
    {
        if let Some((id, ..)) = operation(action) {
            begun.push(id);
            prop_assert_eq!(id.number(), begun.len() as u64);
        }
        if let Some(id) = discards(action) {
            prop_assert!(begun.contains(&id), "{id:?} never began");
            prop_assert!(!discarded.contains(&id), "discarded twice");
            discarded.push(id);
        }
    }
    Ok(())
}

/// Rules 4 and 5. Each deadline is counted from now: `start_timeout`, `registration_timeout` and `stop_timeout` after
/// it; a liveness message's is `liveness_timeout` or `suspicion_timeout` after it, or `not_live_interval` doubled 0 to
/// 31 times and capped. All are later than now.
fn deadlines_are_counted_from_now(script: &Script) -> Result<(), TestCaseError> {
    let s = script.config.settings();
    for entry in &Simulation::run(script).log {
        for (_, kind, deadline) in entry.actions.iter().filter_map(operation) {
            prop_assert!(deadline > entry.clock);
            let left = deadline - entry.clock;
            match kind {
                Kind::Start => prop_assert_eq!(left, s.start_timeout),
                Kind::Registration(_) => prop_assert_eq!(left, s.registration_timeout),
                Kind::Stop => prop_assert_eq!(left, s.stop_timeout),
                Kind::Liveness => {
                    let doubled = |n: u32| s.not_live_interval.saturating_mul(1 << n);
                    let mut intervals = (0..32).map(|n| doubled(n).min(s.not_live_interval_max));
                    prop_assert!(
                        left == s.liveness_timeout
                            || left == s.suspicion_timeout
                            || intervals.any(|interval| left == interval)
                    );
                }
            }
        }
    }
    Ok(())
}

/// Rule 4. A missing answer is a failure at the deadline: after an entry whose clock has reached the deadline of an
/// unanswered start, that start is discarded; likewise a registration.
fn silence_is_a_failure(script: &Script) -> Result<(), TestCaseError> {
    let mut records = OperationRecords::default();
    for entry in &Simulation::run(script).log {
        records.add(&script.config, entry, |_, _| Ok::<(), TestCaseError>(()))?;
        for op in &records.operations {
            prop_assert!(
                op.answered
                    || op.over
                    || op.deadline > entry.clock
                    || op.kind == Kind::Stop && entry.stopped
                    || op.kind == Kind::Liveness,
                "{op:?} is still in flight at {entry:?}"
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("operations"))]

    #[test]
    fn s5_at_most_one_liveness_message_in_flight(script in any_script()) {
        at_most_one_in_flight(&script, |kind| kind == Kind::Liveness)?;
    }

    #[test]
    fn s6_no_second_start_before_the_first_is_answered_or_timed_out(script in any_script()) {
        at_most_one_in_flight(&script, |kind| kind == Kind::Start)?;
    }

    #[test]
    fn rule_4_at_most_one_registration_per_handler_and_one_stop_in_flight(script in any_script()) {
        at_most_one_in_flight(&script, |kind| matches!(kind, Kind::Registration(_) | Kind::Stop))?;
    }

    #[test]
    fn s10_stale_answer_is_only_counted_and_fresh_answer_is_accepted(script in any_script()) {
        a_stale_answer_is_counted_and_does_nothing(&script)?;
    }

    #[test]
    fn rule_3_only_answers_and_lost_clients_can_be_stale(script in any_script()) {
        only_what_names_an_operation_is_stale(&script)?;
    }

    #[test]
    fn rule_3_ids_count_up_and_none_is_discarded_twice(script in any_script()) {
        ids_count_up(&script)?;
    }

    #[test]
    fn rule_5_every_deadline_is_counted_from_now(script in any_script()) {
        deadlines_are_counted_from_now(&script)?;
    }

    #[test]
    fn rule_4_missing_answer_is_a_failure_at_its_deadline(script in any_script()) {
        silence_is_a_failure(&script)?;
    }

    #[test]
    fn rule_5_settings_of_a_valid_config_are_valid_again(words in proptest::array::uniform32(any::<u32>())) {
        let config = settings::config(&words, settings::Scale::Any);
        let again = livebus_core::Config::new(config.settings().clone());
        let again = again.and_then(|it| it.with_handlers(config.handlers().to_vec()));
        prop_assert_eq!(again, Ok(config));
    }
}
