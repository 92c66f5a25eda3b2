//! Causes: what is reported was seen, not long ago, and nothing that says more was seen with it.

use livebus_core::{Cause, Event, Failure, FailureClass};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::simulation::{Entry, Simulation};

/// Returns the failure of the cause that is reported in this call, for causes that have a diagnosis.
fn diagnosed(entry: &Entry) -> impl Iterator<Item = Failure> {
    entry
        .reports()
        .filter(|it| matches!(it.cause, Cause::LivenessFailed(_) | Cause::StartFailed(_)))
        .filter_map(|it| it.cause.failure())
}

/// Returns the failure or the suspicion that this call delivers.
fn delivered(entry: &Entry) -> Option<Failure> {
    match entry.event()? {
        Event::StartAnswered { result, .. } | Event::LivenessAnswered { result, .. } => {
            result.err()
        }
        Event::Suspicion(failure) => Some(failure),
        Event::RegistrationAnswered { .. }
        | Event::HandlerHealth { .. }
        | Event::StopAnswered { .. }
        | Event::Live { .. }
        | Event::ClientLost { .. }
        | Event::Shutdown => None,
    }
}

/// Exactly: the class of each reported failure is `Timeout`, or was delivered before; and if the cause before was a failure of the client
/// or the bus too, it was delivered, or became the cause while there was another, less than `2 x not_live_interval_max` before. While
/// a handler is the cause the bus is live, and nothing ages.
fn reported_cause_was_seen_in_time(script: &Script) -> Result<(), TestCaseError> {
    let age = script.config.settings().not_live_interval_max * 2;
    let log = Simulation::run(script).log;
    for (index, entry) in log.iter().enumerate() {
        for failure in diagnosed(entry) {
            let is_first = |entry: &Entry| {
                let cause = entry.before.cause;
                cause.failure().is_none() || cause.handler().is_some()
            };
            let same = |it: Failure| it.class == failure.class;
            let was_seen = log[..=index].iter().rev().any(|earlier| {
                let in_time = is_first(entry) || entry.clock - earlier.clock < age;
                let became = is_first(earlier) && diagnosed(earlier).any(same);
                in_time && (delivered(earlier).is_some_and(same) || became)
            });
            prop_assert!(
                failure.class == FailureClass::Timeout || was_seen,
                "{failure} was not seen in time: {entry:?}"
            );
        }
    }
    Ok(())
}

/// Exactly: a report that a failure causes is of a class that is as specific as that failure, or more.
fn reported_cause_says_as_much_as_the_failure(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        let is_fresh = entry.stale == 0 && entry.nothing_was_due();
        let Some(seen) = delivered(entry).filter(|_| is_fresh) else {
            continue;
        };
        for failure in diagnosed(entry) {
            prop_assert_eq!(seen.most_specific(failure), failure, "{:?}", entry);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("cause"))]

    #[test]
    fn cause_was_seen_within_twice_the_longest_interval(script in any_script()) {
        reported_cause_was_seen_in_time(&script)?;
    }

    #[test]
    fn cause_says_as_much_as_the_failure_at_hand(script in any_script()) {
        reported_cause_says_as_much_as_the_failure(&script)?;
    }
}
