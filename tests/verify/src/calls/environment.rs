//! A client and what is around it: its sends in flight and its assignments, and the inputs that can come.
//!
//! The explorer makes every input that a model allows; the simulation makes random ones. Nothing here decides what happens next.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::calls::{Action, AssignmentId, CallId, Calls, Config, Event};

use super::claim::{Claim, Coverage};
use super::drive::drive;
use super::invariants::InvariantChecker;
use super::settings::IDENTITY;

/// The instant at which every run begins.
pub static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Duration::from_hours(24 * 365));

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// What its clock shows.
    pub now: Instant,
    /// Its calls.
    pub machine: Calls,
    /// What checks it.
    pub checker: InvariantChecker,
    /// The sends that were not answered, also of calls that ended.
    pub sends: BTreeSet<(CallId, u32)>,
    /// The calls whose requests were handed over: somebody may reply to them.
    pub sent: BTreeSet<CallId>,
    /// The newest assignment that was not answered.
    pub assigning: Option<AssignmentId>,
    /// The number of the next call.
    pub next: u64,
    /// How many calls ended.
    pub ended: u64,
}

impl Client {
    /// Returns a client that has called nothing yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let now = *EPOCH;
        Self {
            now,
            machine: Calls::new(config.clone(), IDENTITY, now),
            checker: InvariantChecker::new(config.clone(), IDENTITY, now),
            sends: BTreeSet::new(),
            sent: BTreeSet::new(),
            assigning: None,
            next: 1,
            ended: 0,
        }
    }

    /// Gives it an event, or the time, and does what it asks for.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn give(&mut self, event: Option<Event>, coverage: &mut Coverage) -> Result<(), Claim> {
        match event {
            Some(Event::Called { .. }) => self.next += 1,
            Some(Event::SendAnswered { call, attempt, .. }) => {
                self.sends.remove(&(call, attempt));
            }
            Some(Event::RepliesAssigned { .. }) => self.assigning = None,
            Some(_) | None => {}
        }
        let (machine, checker) = (&mut self.machine, &mut self.checker);
        for action in drive(machine, checker, self.now, event, coverage)? {
            match action {
                Action::Send {
                    correlation,
                    attempt,
                    ..
                } => {
                    self.sends.insert((correlation.call, attempt));
                    self.sent.insert(correlation.call);
                }
                Action::AssignReplies { id, .. } => self.assigning = Some(id),
                Action::End { .. } => self.ended += 1,
                Action::SendCancel { .. } | Action::SetHealth(_) | Action::Stopped => {}
            }
        }
        Ok(())
    }

    /// Shuts it down, and lets time pass until nothing more comes: every call must have ended by the bound.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn finish(&mut self, coverage: &mut Coverage) -> Result<(), Claim> {
        let bound = self.machine.config().shutdown_bound();
        self.give(Some(Event::Shutdown), coverage)?;
        let latest = self.now + bound;
        while let Some(at) = self.machine.poll_timeout() {
            if at > latest {
                return Err(Claim::ShutdownEnds);
            }
            self.now = at;
            self.give(None, coverage)?;
        }
        let is_over = self.machine.is_stopped() && self.machine.in_flight() == 0;
        if is_over && self.ended == self.next - 1 {
            Ok(())
        } else {
            Err(Claim::ShutdownEnds)
        }
    }

    /// Takes the canonical form.
    pub fn make_canonical(&mut self) {
        self.machine.make_canonical();
    }
}
