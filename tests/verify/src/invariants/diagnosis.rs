//! Follows what is known of the reason why the bus does not work, and compares it with the causes that are reported.

use std::time::{Duration, Instant};

use livebus_core::{Cause, Config, Failure, FailureClass};

use super::bookkeeping::{Bus, Diagnosis, InvariantChecker};
use super::check;
use super::claim::Claim;

impl InvariantChecker {
    /// A failure or a suspicion was seen.
    pub(super) fn see(&mut self, config: &Config, now: Instant, class: FailureClass) {
        let newer = Failure::from(class);
        // While live it lasts until evidence refutes it.
        let is_live = matches!(self.bus, Bus::Live { .. });
        let stays = |old: Diagnosis| {
            (is_live || now < old.seen + diagnosis_age(config))
                && Failure::from(old.class).most_specific(newer) != newer
        };
        if !self.diagnosis.is_some_and(stays) {
            self.diagnosis =
                (class != FailureClass::Timeout).then_some(Diagnosis { class, seen: now });
        }
    }

    /// A start failed.
    pub(super) fn see_start_fail(&mut self, config: &Config, now: Instant, class: FailureClass) {
        self.see(config, now, class);
        self.step_is_diagnosed = true;
    }

    /// Checks that a cause that has a diagnosis has the right one.
    pub(super) fn check_cause(&self, cause: Cause) -> Result<(), Claim> {
        let known = self.diagnosis.map_or(FailureClass::Timeout, |it| it.class);
        if let Cause::LivenessFailed(failure) | Cause::StartFailed(failure) = cause {
            check(failure.class == known, Claim::CauseIsKnown)?;
        }
        Ok(())
    }
}

/// Returns how long a failure that is not seen again outranks vaguer ones.
pub(super) fn diagnosis_age(config: &Config) -> Duration {
    config.settings().not_live_interval_max * 2
}
