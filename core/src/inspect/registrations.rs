//! Registrations from outside: their words, their canonical form.

use super::{Registration, Registrations};
#[cfg(feature = "__verify")]
use crate::inspect::canonical::{View, saturated};
use crate::inspect::words::{Reader, Word, Words, variants};

/// In a snapshot, a handler without a registration, for want of a client.
const NONE: u64 = 1;

impl Registrations {
    pub(crate) fn put(&self, handlers: usize, to: &mut Words) {
        to.words.push(handlers as u64);
        if self.slots.is_empty() {
            to.words.extend((0..handlers).map(|_| NONE));
        }
        for slot in &self.slots {
            slot.put(to);
        }
    }

    /// Reads one registration for each handler if there is a client, else none.
    pub(crate) fn take(has_client: bool, from: &mut Reader<'_>) -> Option<Self> {
        let handlers = from.handlers;
        if from.next()? != handlers as u64 {
            return None;
        }
        let mut registrations = Self::with_capacity(handlers);
        for _ in 0..handlers {
            if has_client {
                registrations.slots.push(Word::take(from)?);
            } else if from.next()? != NONE {
                return None;
            }
        }
        Some(registrations)
    }
}

variants!(Registration {
    2 => InFlight { id, attempt, deadline, failure },
    3 => BackingOff { attempt, until, failure },
    4 => Registered { id, failure },
});

#[cfg(feature = "__verify")]
impl Registrations {
    pub(crate) fn canonical(&self, view: &mut View<'_>) -> Self {
        let slots = self.slots.iter().map(|slot| slot.canonical(view));
        Self {
            slots: slots.collect(),
        }
    }
}

#[cfg(feature = "__verify")]
impl Registration {
    fn canonical(self, view: &mut View<'_>) -> Self {
        let backoff = view.config.settings().registration_backoff;
        match self {
            Self::InFlight {
                id,
                attempt,
                deadline,
                failure,
            } => Self::InFlight {
                id: view.id(id),
                attempt: saturated(attempt, backoff),
                deadline: view.at(deadline),
                failure,
            },
            Self::BackingOff {
                attempt,
                until,
                failure,
            } => Self::BackingOff {
                attempt: saturated(attempt, backoff),
                until: view.at(until),
                failure,
            },
            Self::Registered { id, failure } => Self::Registered {
                id: view.id(id),
                failure,
            },
        }
    }
}
