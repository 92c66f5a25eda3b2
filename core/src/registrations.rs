//! Registrations: each request handler is registered with the client on its own, with its own retries.
//!
//! The supervisor begins them when a client has started and ends them when the client goes; in between it gives them inputs, and
//! they return what follows.

use std::time::Instant;

use crate::backoff::Jitter;
use crate::context::Context;
use crate::failure::{Failure, TIMED_OUT};
use crate::handler::Handler;
use crate::ids::{HandlerId, OperationIds, RegistrationId};

/// The registrations with the current client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Registrations {
    /// One for each handler while there is a client, else none. The capacity is for all handlers, so that no start allocates.
    slots: Vec<Registration>,
}

/// The registration of one handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Registration {
    InFlight {
        id: RegistrationId,
        attempt: u32,
        deadline: Instant,
        /// Why the attempt before this one failed.
        failure: Option<Failure>,
    },
    /// The newest attempt failed; attempt number `attempt` comes at `until`.
    BackingOff {
        attempt: u32,
        until: Instant,
        failure: Failure,
    },
    Registered {
        id: RegistrationId,
        /// What it reported last, if it fails.
        failure: Option<Failure>,
    },
}

/// An attempt to register a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) id: RegistrationId,
    pub(crate) handler: HandlerId,
    pub(crate) number: u32,
    pub(crate) deadline: Instant,
}

/// What the registrations of the required handlers have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All are registered.
    Complete,
    /// Some are not registered, and nothing failed.
    Pending,
    /// This is the first that failed: it is not registered, or reports that it fails.
    Failed(HandlerId, Failure),
}

/// The timer of the registration of the handler with this index: the attempt in flight times out, or the back-off ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timer(usize);

/// What a timer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fired {
    /// This registration timed out: its failure may change the progress, and it must be discarded.
    TimedOut(RegistrationId),
    /// This attempt begins.
    Retried(Attempt),
}

impl Registrations {
    /// Returns the registrations before there is a client: none, with the capacity for `handlers`.
    pub(crate) fn with_capacity(handlers: usize) -> Self {
        Self {
            slots: Vec::with_capacity(handlers),
        }
    }

    /// Begins with a new client: the first attempt of every handler, all of them [in flight](Self::in_flight).
    pub(crate) fn begin(&mut self, cx: Context<'_>, ids: &mut OperationIds) {
        let deadline = cx.now + cx.settings().registration_timeout;
        self.slots.clear();
        self.slots
            .extend(cx.config.handlers().iter().map(|_| Registration::InFlight {
                id: ids.next(),
                attempt: 1,
                deadline,
                failure: None,
            }));
    }

    /// Ends with the client.
    pub(crate) fn end(&mut self) {
        self.slots.clear();
    }

    /// Takes the answer to an attempt. Returns whether that attempt was in flight.
    pub(crate) fn on_answer(
        &mut self,
        answered: RegistrationId,
        result: Result<(), Failure>,
        cx: Context<'_>,
        jitter: &mut Jitter,
    ) -> bool {
        let in_flight = self
            .in_flight()
            .find(|attempt| attempt.id == answered)
            .map(|attempt| (attempt.handler.index(), attempt.number));
        let Some((index, attempt)) = in_flight else {
            return false;
        };
        match result {
            Ok(()) => {
                self.slots[index] = Registration::Registered {
                    id: answered,
                    failure: None,
                };
            }
            Err(failure) => self.back_off(index, attempt, failure, cx, jitter),
        }
        true
    }

    /// Takes what a registered handler reports about itself. Returns whether the handler is registered by this registration.
    pub(crate) fn on_health(
        &mut self,
        registration: RegistrationId,
        result: Result<(), Failure>,
    ) -> bool {
        for slot in &mut self.slots {
            match slot {
                Registration::Registered { id, failure } if *id == registration => {
                    *failure = result.err();
                    return true;
                }
                Registration::Registered { .. }
                | Registration::InFlight { .. }
                | Registration::BackingOff { .. } => {}
            }
        }
        false
    }

    /// Visits the timers with their instants. Of several that are due the first one fires.
    #[inline]
    pub(crate) fn visit_timers(&self, mut visit: impl FnMut(Instant, Timer)) {
        for (index, slot) in self.slots.iter().enumerate() {
            match *slot {
                Registration::InFlight { deadline, .. } => visit(deadline, Timer(index)),
                Registration::BackingOff { until, .. } => visit(until, Timer(index)),
                Registration::Registered { .. } => {}
            }
        }
    }

    /// Fires a timer that is due. `None` for a handler that is registered, which has no timer.
    pub(crate) fn on_timer(
        &mut self,
        Timer(index): Timer,
        cx: Context<'_>,
        ids: &mut OperationIds,
        jitter: &mut Jitter,
    ) -> Option<Fired> {
        match self.slots[index] {
            Registration::InFlight { id, attempt, .. } => {
                self.back_off(index, attempt, TIMED_OUT, cx, jitter);
                Some(Fired::TimedOut(id))
            }
            Registration::BackingOff {
                attempt, failure, ..
            } => {
                let id = ids.next();
                let deadline = cx.now + cx.settings().registration_timeout;
                self.slots[index] = Registration::InFlight {
                    id,
                    attempt,
                    deadline,
                    failure: Some(failure),
                };
                Some(Fired::Retried(Attempt {
                    id,
                    handler: handler_id(index),
                    number: attempt,
                    deadline,
                }))
            }
            Registration::Registered { .. } => None,
        }
    }

    /// Returns the attempts in flight, by handler.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = Attempt> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(index, slot)| match *slot {
            Registration::InFlight {
                id,
                attempt,
                deadline,
                ..
            } => Some(Attempt {
                id,
                handler: handler_id(index),
                number: attempt,
                deadline,
            }),
            Registration::BackingOff { .. } | Registration::Registered { .. } => None,
        })
    }

    /// Returns what the registrations of the required ones among `handlers` have come to.
    pub(crate) fn progress(&self, handlers: &[Handler]) -> Progress {
        let mut progress = Progress::Complete;
        let handlers = handlers.iter().enumerate();
        for (index, _) in handlers.filter(|(_, handler)| handler.required) {
            match self.slots.get(index) {
                Some(Registration::Registered { failure: None, .. }) => {}
                Some(
                    Registration::BackingOff { failure, .. }
                    | Registration::Registered {
                        failure: Some(failure),
                        ..
                    }
                    | Registration::InFlight {
                        failure: Some(failure),
                        ..
                    },
                ) => return Progress::Failed(handler_id(index), *failure),
                Some(Registration::InFlight { failure: None, .. }) | None => {
                    progress = Progress::Pending;
                }
            }
        }
        progress
    }

    fn back_off(
        &mut self,
        index: usize,
        attempt: u32,
        failure: Failure,
        cx: Context<'_>,
        jitter: &mut Jitter,
    ) {
        let delay = cx.settings().registration_backoff.delay(attempt, jitter);
        self.slots[index] = Registration::BackingOff {
            attempt: attempt.saturating_add(1),
            until: cx.now + delay,
            failure,
        };
    }
}

/// Returns the id of the handler with this index. The configuration allows no more handlers than fit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "Config allows fewer: Config::MAX_HANDLERS"
)]
const fn handler_id(index: usize) -> HandlerId {
    HandlerId(index as u16)
}

#[path = "inspect/registrations.rs"]
mod inspect;
