//! Whether a condition of the table holds.

use livebus_core::{OnClientLost, OnSuspicion};

use super::interpreter::Told;
use super::record::{Record, Timer};
use super::table::Guard;

impl Record {
    pub(super) fn holds(&self, guard: Guard, told: &Told) -> bool {
        match guard {
            Guard::HintsAreBelieved => self.settings.on_suspicion == OnSuspicion::NotReady,
            Guard::LossIsTheEnd => self.settings.on_client_lost == OnClientLost::Fail,
            Guard::LastFailure => self.failures + 1 >= self.settings.failures_to_not_ready,
            Guard::LastProof => self.proofs + 1 >= self.settings.successes_to_ready,
            Guard::QuestionIsOpen => self.question.is_some(),
            Guard::QuestionIsOver => self.armed(Timer::Question).is_some_and(|at| at <= self.now),
            Guard::Decides => self.decides,
            Guard::Hinted => self.hinted,
            Guard::Proved => self.proved,
            Guard::ProvedSince => self.evidence.is_some_and(|at| at > self.doubted),
            Guard::NewerThanDoubt => told.at > self.doubted,
            Guard::TooOld => told.at + self.spans.detection_bound <= self.now,
            Guard::Warned => self.warning.is_some(),
            Guard::NoTolerance => self.spans.partial_tolerance == 0,
            Guard::DrainIsLeft => self.drain_ends() > self.now,
        }
    }
}
