//! The diagnosis: the most specific failure or suspicion that nothing has refuted, for the cause of a report.

use std::time::Instant;

use crate::context::Context;
use crate::failure::Failure;

/// The most specific of the failures and suspicions since the newest proof, and when it was seen last, or the bus ceased to be live.
///
/// A vaguer one does not replace it until it is outdated: a bus that rejected the password and then gives no answer still rejects the
/// password, as far as is known. What was true once is not the cause forever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Diagnosis {
    failure: Failure,
    seen: Instant,
}

impl Diagnosis {
    /// Returns the diagnosis after `newer` is seen now: of equally specific ones the newest.
    pub(crate) fn updated(known: Option<Self>, newer: Failure, cx: Context<'_>) -> Self {
        let current = known.filter(|old| !old.is_outdated(cx));
        match current {
            Some(old) if old.failure.is_more_specific_than(newer) => old,
            Some(_) | None => Self {
                failure: newer,
                seen: cx.now,
            },
        }
    }

    /// Returns the diagnosis as if it was seen now.
    pub(crate) fn renewed(self, cx: Context<'_>) -> Self {
        Self {
            seen: cx.now,
            ..self
        }
    }

    /// Returns whether it was not seen again for so long that the longest interval of a bus that is not live has begun and ended.
    fn is_outdated(self, cx: Context<'_>) -> bool {
        cx.now >= self.seen + cx.config.diagnosis_age()
    }

    /// Returns what it says.
    pub(crate) const fn failure(self) -> Failure {
        self.failure
    }
}

#[path = "inspect/diagnosis.rs"]
mod inspect;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::failure::FailureClass::{self, Authentication, Timeout, Tls, Unreachable};
    use crate::settings::Settings;

    /// Returns what the diagnosis says after each failure was seen so long after the beginning.
    fn diagnoses(seen: &[(u64, FailureClass)]) -> Vec<FailureClass> {
        let config = Config::new(Settings::default()).expect("the default is valid");
        #[expect(clippy::disallowed_methods, reason = "one instant to count from")]
        let begin = Instant::now();
        let mut known = None;
        let mut says = Vec::new();
        for (seconds, class) in seen {
            let cx = Context::new(begin + Duration::from_secs(*seconds), &config);
            let diagnosis = Diagnosis::updated(known, Failure::new(*class), cx);
            known = Some(diagnosis);
            says.push(diagnosis.failure().class);
        }
        says
    }

    #[test]
    fn a_vaguer_failure_does_not_replace_the_diagnosis_and_an_equal_one_does() {
        let seen = [
            (0, Timeout),
            (1, Unreachable),
            (2, Timeout),
            (3, Tls),
            (4, Unreachable),
            (5, Authentication),
        ];
        let says = [Timeout, Unreachable, Unreachable, Tls, Tls, Authentication];
        assert_eq!(diagnoses(&seen), says);
    }

    #[test]
    fn it_is_outdated_when_it_was_not_seen_for_twice_the_longest_interval() {
        let seen = [(0, Tls), (9, Timeout), (10, Timeout)];
        assert_eq!(diagnoses(&seen), [Tls, Tls, Timeout]);
        let seen_again = [(0, Tls), (9, Tls), (18, Timeout), (19, Timeout)];
        assert_eq!(diagnoses(&seen_again), [Tls, Tls, Tls, Timeout]);
    }
}
