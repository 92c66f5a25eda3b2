//! Whether a condition of the table holds.

use livebus_core::{Cause, OnClientLost, OnSuspicion};

use super::interpreter::Payload;
use super::record::{Record, Timer};
use super::table::Guard;

impl Record {
    pub(super) fn holds(&self, guard: Guard, payload: &Payload) -> bool {
        match guard {
            Guard::SuspicionIsNotReady => self.settings.on_suspicion == OnSuspicion::NotReady,
            Guard::LossIsFailed => self.settings.on_client_lost == OnClientLost::Fail,
            Guard::LastFailure => self.failures + 1 >= self.settings.failures_to_not_ready,
            Guard::LastProof => self.proofs + 1 >= self.settings.successes_to_ready,
            Guard::CheckIsInFlight => self.check.is_some(),
            Guard::CheckIsDue => self.armed(Timer::Check).is_some_and(|at| at <= self.now),
            Guard::Decides => self.decides,
            Guard::SuspicionCame => self.suspicion_came,
            Guard::Proved => self.proved,
            Guard::ProvedSince => self.evidence.is_some_and(|at| at > self.unverified_since),
            Guard::VerifiesAgain => payload.at > self.unverified_since,
            Guard::TooOld => payload.at + self.spans.detection_bound <= self.now,
            Guard::Warned => self.warning.is_some(),
            Guard::NoTolerance => self.spans.partial_tolerance == 0,
            Guard::DrainIsLeft => self.drain_ends() > self.now,
            Guard::StartIsTheCause => {
                matches!(self.cause, Cause::StartFailed(_) | Cause::ClientLost(_))
            }
        }
    }
}
