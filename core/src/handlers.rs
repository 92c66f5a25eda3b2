//! The registration of request handlers: each on its own, each with its own retries.

use std::time::Instant;

use crate::action::Action;
use crate::failure::{Failure, TIMED_OUT};
use crate::ids::{HandlerId, RegistrationId};
use crate::supervisor::Supervisor;

/// A request handler as the supervisor sees it: something that must be registered with the client after each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handler {
    /// Its name among the handlers, for people: usually its topic.
    pub name: String,
    /// Whether the service is not ready without it.
    pub required: bool,
}

impl Handler {
    /// A handler without which the service is not ready.
    #[must_use]
    pub fn required(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            required: true,
        }
    }

    /// A handler without which the service is ready all the same.
    #[must_use]
    pub fn optional(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            required: false,
        }
    }
}

/// How far the registration of one handler has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Registration {
    /// There is no client to register with.
    Idle,
    /// Asked for, not yet answered.
    Registering {
        id: RegistrationId,
        attempt: u32,
        deadline: Instant,
        /// Why the attempt before this one failed.
        failure: Option<Failure>,
    },
    /// Failed; attempt number `attempt` comes at `until`.
    BackingOff {
        attempt: u32,
        until: Instant,
        failure: Failure,
    },
    /// Done, until the client goes.
    Registered,
}

impl Registration {
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match *self {
            Self::Registering { deadline, .. } => Some(deadline),
            Self::BackingOff { until, .. } => Some(until),
            Self::Idle | Self::Registered => None,
        }
    }

    /// Why it is not registered, where a failure is the reason.
    pub(crate) const fn failure(&self) -> Option<Failure> {
        match *self {
            Self::Registering { failure, .. } => failure,
            Self::BackingOff { failure, .. } => Some(failure),
            Self::Idle | Self::Registered => None,
        }
    }
}

impl Supervisor {
    pub(crate) fn register(&mut self, index: usize, attempt: u32, failure: Option<Failure>) {
        let id = RegistrationId::from_number(self.next_number());
        let deadline = self.now + self.config.settings().registration_timeout;
        self.registrations[index] = Registration::Registering {
            id,
            attempt,
            deadline,
            failure,
        };
        self.actions.push_back(Action::RegisterHandler {
            id,
            handler: handler_id(index),
            attempt,
            deadline,
        });
    }

    /// The client goes, or is not wanted any more: those under way must not succeed later.
    pub(crate) fn give_up_registrations(&mut self) {
        for slot in &mut self.registrations {
            if let Registration::Registering {
                id: registration, ..
            } = *slot
            {
                self.actions
                    .push_back(Action::DiscardRegistration { registration });
            }
            *slot = Registration::Idle;
        }
    }

    pub(crate) fn registration_due(&mut self, index: usize) {
        match self.registrations[index] {
            Registration::Registering {
                id: registration,
                attempt,
                ..
            } => {
                self.registration_failed(index, attempt, TIMED_OUT);
                self.actions
                    .push_back(Action::DiscardRegistration { registration });
            }
            Registration::BackingOff {
                attempt, failure, ..
            } => self.register(index, attempt, Some(failure)),
            // Neither has a deadline.
            Registration::Idle | Registration::Registered => {}
        }
    }

    pub(crate) fn registration_failed(&mut self, index: usize, attempt: u32, failure: Failure) {
        let backoff = self.config.settings().registration_backoff;
        let delay = backoff.delay(attempt, &mut self.jitter);
        self.registrations[index] = Registration::BackingOff {
            attempt: attempt.saturating_add(1),
            until: self.now + delay,
            failure,
        };
        self.settle();
    }
}

/// The configuration allows no more handlers than fit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Config allows fewer: Config::MAX_HANDLERS"
)]
pub(crate) const fn handler_id(index: usize) -> HandlerId {
    HandlerId(index as u16)
}
