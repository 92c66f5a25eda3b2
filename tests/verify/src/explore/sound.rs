//! What comes to nothing in a world, whatever world it is, and what comes to the same.

use std::time::{Duration, Instant};

use livebus_core::{ClientId, Event, FailureClass, LivenessId, RegistrationId, StopId, Supervisor};

use super::universes::Universe;
use super::world::{EPOCH, World};
use crate::watch::Claim;

impl World {
    /// What comes to nothing in this world, and what comes to the same.
    ///
    /// # Errors
    ///
    /// The claim that is broken.
    pub fn is_sound(&self, universe: &Universe) -> Result<(), Claim> {
        let now = *EPOCH;
        let same = |twin: &mut Supervisor| {
            twin.poll_action().is_none() && twin.canonical(now).0 == self.supervisor
        };
        let mut twin = self.supervisor.clone();
        twin.handle_timeout(now.checked_sub(universe.tick).unwrap_or(now));
        twin.handle_timeout(now);
        if !same(&mut twin) {
            return Err(Claim::TimeStandsStill);
        }
        let mut told = 0;
        for event in stale_answers() {
            twin.handle_event(now, event);
            told += 1;
        }
        let counted = twin.stale_answers() - self.supervisor.stale_answers();
        if counted != told || !same(&mut twin) {
            return Err(Claim::StaleDoesNothing);
        }
        self.no_time_passes_backwards(now, universe.tick)?;
        self.evidence_counts_first(now + universe.tick)?;
        self.time_passes_first(now + universe.tick)
    }

    /// An event that is told with an older instant comes at the newest that was told.
    fn no_time_passes_backwards(&self, now: Instant, tick: Duration) -> Result<(), Claim> {
        let hint = Event::Suspicion(FailureClass::Unreachable.into());
        for event in [hint, Event::Shutdown] {
            let (mut then, mut earlier) = (self.supervisor.clone(), self.supervisor.clone());
            then.handle_event(now, event);
            earlier.handle_event(now.checked_sub(tick).unwrap_or(now), event);
            if then != earlier {
                return Err(Claim::TimeStandsStill);
            }
        }
        Ok(())
    }

    /// Evidence counts before what is due; what is due all the same fires in the same call.
    fn evidence_counts_first(&self, later: Instant) -> Result<(), Claim> {
        let mut told = self.supervisor.clone();
        told.handle_event(later, Event::Live { at: *EPOCH });
        while told.poll_action().is_some() {}
        if told.poll_timeout().is_some_and(|due| due <= later) {
            return Err(Claim::NoHotLoop);
        }
        Ok(())
    }

    fn time_passes_first(&self, later: Instant) -> Result<(), Claim> {
        let hint = Event::Suspicion(FailureClass::Unreachable.into());
        let mut passed = self.supervisor.clone();
        passed.handle_timeout(later);
        for event in [hint, Event::Shutdown] {
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

/// Answers that nobody waits for, well and not, and the loss of a client that is not there.
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
            Event::StopAnswered { id: stop, result },
        ]
    });
    let failure = FailureClass::Other.into();
    let lost = Event::ClientLost { client, failure };
    answers.into_iter().flatten().chain([lost])
}
