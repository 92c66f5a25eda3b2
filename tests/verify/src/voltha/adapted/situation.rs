//! Which difference applies, judged from what is known before anything happens.

use super::super::difference::Difference;
use super::super::failure::BusFailure;
use super::super::transcription::{At, LoopState, NOT_LIVE, ServiceStatus, is_liveness_error};
use super::{Adapted, Ending, InFlight, Occurrence};

impl Adapted {
    /// Returns the difference that applies if this happens now.
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
                let pending = self.inner.state == LoopState::Starting && number + 1 == self.starts;
                (pending && result.is_ok()).then_some(Difference::RunningWithoutProof)
            }
            Occurrence::LivenessReturned(number, result) => match self.message_in_flight(now) {
                Some(in_flight) if in_flight.number == number => match result {
                    Ok(()) => self.situation_of_evidence(now),
                    Err(failure) => self.situation_of_a_failed_message(now, in_flight, failure),
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
        match (self.inner.state, self.in_flight) {
            (LoopState::Starting, _) => {
                (self.start_deadline <= now).then_some(Difference::StartWithoutDeadline)
            }
            (LoopState::Monitoring { timer, .. }, Some(in_flight)) if timer <= now => {
                let depends = match self.inner.status() {
                    ServiceStatus::Prepared => true,
                    // Unless it was abandoned, because something else succeeded since.
                    ServiceStatus::Running => in_flight.until == now,
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
        let held_back = !self.inner.client.would_post(now, true);
        held_back.then_some(Difference::EvidenceHeldBack)
    }

    fn situation_of_a_failed_message(
        &self,
        now: At,
        in_flight: InFlight,
        failure: BusFailure,
    ) -> Option<Difference> {
        let known = is_liveness_error(failure.text);
        let ambiguous = failure.is_ambiguous();
        let newer_success = self.last_success.is_some_and(|at| at > in_flight.sent);
        if failure.loses_the_client() {
            Some(Difference::ClientLost)
        } else if self.inner.client.alive {
            match (known, ambiguous && newer_success) {
                (true, true) => Some(Difference::NewerSuccess),
                (true, false) => Some(Difference::IntervalAfterLoss),
                (false, true) => None,
                (false, false) => Some(Difference::UnknownText),
            }
        } else if known {
            let again = self.inner.client.would_post(now, false);
            again.then_some(Difference::FailureWhileNotLive)
        } else {
            (self.inner.status() == ServiceStatus::Prepared).then_some(Difference::UnknownText)
        }
    }

    fn situation_of_suspicion(&self, now: At, failure: BusFailure) -> Option<Difference> {
        let known = is_liveness_error(failure.text);
        if failure.loses_the_client() {
            Some(Difference::ClientLost)
        } else if self.inner.client.alive {
            match (known, self.message_in_flight(now)) {
                (true, None) => Some(Difference::IntervalAfterLoss),
                (true, Some(in_flight)) => {
                    let over_sooner = in_flight.until < now + NOT_LIVE;
                    over_sooner.then_some(Difference::FailureDuringMessage)
                }
                (false, _) => Some(Difference::UnknownText),
            }
        } else if known && self.inner.client.would_post(now, false) {
            Some(match self.inner.status() {
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
        known && self.inner.client.would_post(now, result.is_ok())
    }

    pub(super) fn message_in_flight(&self, now: At) -> Option<InFlight> {
        self.in_flight.filter(|in_flight| now < in_flight.until)
    }

    pub(super) fn has_client(&self) -> bool {
        match self.inner.state {
            LoopState::Monitoring { .. } => true,
            LoopState::Starting | LoopState::Delaying { .. } | LoopState::Exited => false,
        }
    }
}
