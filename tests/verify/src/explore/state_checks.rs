//! Checks of a single state: inputs that must have no effect, and inputs that must have the same effect.

use std::time::{Duration, Instant};

use livebus_core::{ClientId, Event, FailureClass, LivenessId, RegistrationId, StopId, Supervisor};

use super::configurations::ModelConfiguration;
use super::state::{EPOCH, ModelState};
use crate::invariants::Claim;

impl ModelState {
    /// Checks that early calls and stale answers have no effect, and that an event lets time pass first.
    ///
    /// # Errors
    ///
    /// The claim that is broken.
    pub fn check_state(&self, configuration: &ModelConfiguration) -> Result<(), Claim> {
        let now = *EPOCH;
        let same = |twin: &mut Supervisor| {
            twin.poll_action().is_none() && twin.canonical(now).0 == self.supervisor
        };
        let mut twin = self.supervisor.clone();
        twin.handle_timeout(now.checked_sub(configuration.tick).unwrap_or(now));
        twin.handle_timeout(now);
        if !same(&mut twin) {
            return Err(Claim::EarlyCallDoesNothing);
        }
        let mut given = 0;
        for event in stale_answers() {
            twin.handle_event(now, event);
            given += 1;
        }
        let counted = twin.stale_answers() - self.supervisor.stale_answers();
        if counted != given || !same(&mut twin) {
            return Err(Claim::StaleDoesNothing);
        }
        self.check_clock_going_back(now, configuration.tick)?;
        self.check_evidence_counts_first(now + configuration.tick)?;
        self.check_time_passes_first(now + configuration.tick)
    }

    /// An event with an older instant counts as received at the newest instant so far.
    fn check_clock_going_back(&self, now: Instant, tick: Duration) -> Result<(), Claim> {
        let suspicion = Event::Suspicion(FailureClass::Unreachable.into());
        for event in [suspicion, Event::Shutdown] {
            let (mut then, mut earlier) = (self.supervisor.clone(), self.supervisor.clone());
            then.handle_event(now, event);
            earlier.handle_event(now.checked_sub(tick).unwrap_or(now), event);
            if then != earlier {
                return Err(Claim::EarlyCallDoesNothing);
            }
        }
        Ok(())
    }

    /// Evidence counts before deadlines; a deadline that is still due fires in the same call.
    fn check_evidence_counts_first(&self, later: Instant) -> Result<(), Claim> {
        let mut twin = self.supervisor.clone();
        twin.handle_event(later, Event::Live { at: *EPOCH });
        while twin.poll_action().is_some() {}
        if twin.poll_timeout().is_some_and(|due| due <= later) {
            return Err(Claim::NoHotLoop);
        }
        Ok(())
    }

    fn check_time_passes_first(&self, later: Instant) -> Result<(), Claim> {
        let suspicion = Event::Suspicion(FailureClass::Unreachable.into());
        let mut passed = self.supervisor.clone();
        passed.handle_timeout(later);
        for event in [suspicion, Event::Shutdown] {
            let (mut once, mut twice) = (self.supervisor.clone(), passed.clone());
            once.handle_event(later, event);
            twice.handle_event(later, event);
            if once != twice {
                return Err(Claim::TimePassesFirst);
            }
        }
        Ok(())
    }
}

/// Returns answers to operations that do not exist, good and bad, and the loss of a client that does not exist.
fn stale_answers() -> impl Iterator<Item = Event> {
    const UNKNOWN: u64 = 1 << 30;
    let client = ClientId::from_number(UNKNOWN);
    let message = LivenessId::from_number(UNKNOWN);
    let registration = RegistrationId::from_number(UNKNOWN);
    let stop = StopId::from_number(UNKNOWN);
    let (well, failed) = (Ok(()), Err(FailureClass::Tls.into()));
    let answers = [well, failed].map(|result| {
        [
            Event::StartAnswered { id: client, result },
            Event::LivenessAnswered {
                id: message,
                result,
            },
            Event::RegistrationAnswered {
                id: registration,
                result,
            },
            Event::HandlerHealth {
                id: registration,
                result,
            },
            Event::StopAnswered { id: stop, result },
        ]
    });
    let failure = FailureClass::Other.into();
    let lost = Event::ClientLost { client, failure };
    answers.into_iter().flatten().chain([lost])
}
