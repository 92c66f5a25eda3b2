//! Which difference is in run, judged from what is known before anything happens.

use super::super::difference::Difference;
use super::super::failure::BusFailure;
use super::super::transcription::{At, LoopState, NOT_LIVE, ServiceStatus, is_liveness_error};
use super::{Adapted, Ending, Occurrence, Open};

impl Adapted {
    /// The difference that is in run when this happens now.
    #[must_use]
    pub fn situation(&self, now: At, occurrence: Occurrence) -> Option<Difference> {
        match self.ending {
            Ending::NotYet => self.situation_in_the_loop(now, occurrence),
            Ending::Failed => (occurrence == Occurrence::Shutdown).then_some(Difference::Shutdown),
            Ending::Stopping { until } => {
                let over = occurrence == Occurrence::StopReturned || until <= now;
                over.then_some(Difference::Shutdown)
            }
            Ending::Stopped => None,
        }
    }

    fn situation_in_the_loop(&self, now: At, occurrence: Occurrence) -> Option<Difference> {
        match occurrence {
            Occurrence::TimePasses => self.situation_in_time(now),
            Occurrence::StartReturned(number, result) => {
                let pending = self.seed.state == LoopState::Starting && number + 1 == self.starts;
                (pending && result.is_ok()).then_some(Difference::RunningWithoutProof)
            }
            Occurrence::LivenessReturned(number, result) => match self.open_message(now) {
                Some(open) if open.number == number => match result {
                    Ok(()) => self.situation_of_evidence(now),
                    Err(failure) => self.situation_of_a_failed_message(now, open, failure),
                },
                Some(_) | None => self
                    .reaches_the_monitor(now, result)
                    .then_some(Difference::LateAnswer),
            },
            Occurrence::Traffic(result) if self.has_client() => match result {
                Ok(()) => self.situation_of_evidence(now),
                Err(failure) => self.situation_of_suspicion(now, failure),
            },
            Occurrence::Shutdown => Some(Difference::Shutdown),
            Occurrence::Traffic(_) | Occurrence::StopReturned => None,
        }
    }

    fn situation_in_time(&self, now: At) -> Option<Difference> {
        match (self.seed.state, self.open) {
            (LoopState::Starting, _) => {
                (self.start_given_up <= now).then_some(Difference::StartWithoutDeadline)
            }
            (LoopState::Monitoring { timer, .. }, Some(open)) if timer <= now => {
                let depends = match self.seed.status() {
                    ServiceStatus::Prepared => true,
                    // Unless it was given up before, because something else succeeded since.
                    ServiceStatus::Running => open.until == now,
                    ServiceStatus::Unknown
                    | ServiceStatus::Preparing
                    | ServiceStatus::Stopped
                    | ServiceStatus::Failed
                    | ServiceStatus::NotReady => false,
                };
                depends.then_some(Difference::MessageWithoutDeadline)
            }
            (LoopState::Delaying { .. } | LoopState::Monitoring { .. } | LoopState::Exited, _) => {
                None
            }
        }
    }

    fn situation_of_evidence(&self, now: At) -> Option<Difference> {
        let held_back = !self.seed.client.would_post(now, true);
        held_back.then_some(Difference::EvidenceHeldBack)
    }

    fn situation_of_a_failed_message(
        &self,
        now: At,
        open: Open,
        failure: BusFailure,
    ) -> Option<Difference> {
        let known = is_liveness_error(failure.text);
        let bad_luck = failure.may_be_bad_luck();
        let newer_success = self.last_success.is_some_and(|at| at > open.sent);
        if failure.loses_the_client() {
            Some(Difference::ClientLost)
        } else if self.seed.client.alive {
            match (known, bad_luck && newer_success) {
                (true, true) => Some(Difference::NewerSuccess),
                (true, false) => Some(Difference::IntervalAfterLoss),
                (false, true) => None,
                (false, false) => Some(Difference::UnknownText),
            }
        } else if known {
            let again = self.seed.client.would_post(now, false);
            again.then_some(Difference::FailureWhileNotLive)
        } else {
            (self.seed.status() == ServiceStatus::Prepared).then_some(Difference::UnknownText)
        }
    }

    fn situation_of_suspicion(&self, now: At, failure: BusFailure) -> Option<Difference> {
        let known = is_liveness_error(failure.text);
        if failure.loses_the_client() {
            Some(Difference::ClientLost)
        } else if self.seed.client.alive {
            match (known, self.open_message(now)) {
                (true, None) => Some(Difference::IntervalAfterLoss),
                (true, Some(open)) => {
                    let over_sooner = open.until < now + NOT_LIVE;
                    over_sooner.then_some(Difference::FailureDuringMessage)
                }
                (false, _) => Some(Difference::UnknownText),
            }
        } else if known && self.seed.client.would_post(now, false) {
            Some(match self.seed.status() {
                ServiceStatus::Prepared => Difference::SuspicionBeforeProof,
                ServiceStatus::Unknown
                | ServiceStatus::Preparing
                | ServiceStatus::Running
                | ServiceStatus::Stopped
                | ServiceStatus::Failed
                | ServiceStatus::NotReady => Difference::FailureWhileNotLive,
            })
        } else {
            None
        }
    }

    fn reaches_the_monitor(&self, now: At, result: Result<(), BusFailure>) -> bool {
        let known = result.map_or_else(|failure| is_liveness_error(failure.text), |()| true);
        known && self.seed.client.would_post(now, result.is_ok())
    }

    pub(super) fn open_message(&self, now: At) -> Option<Open> {
        self.open.filter(|open| now < open.until)
    }

    pub(super) fn has_client(&self) -> bool {
        match self.seed.state {
            LoopState::Monitoring { .. } => true,
            LoopState::Starting | LoopState::Delaying { .. } | LoopState::Exited => false,
        }
    }
}
