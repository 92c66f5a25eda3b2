//! What registers a request handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use livebus_core::{Failure, Handler};
use livebus_readiness::HandlerState;

use crate::loops::Registration;

/// Registers one request handler with the client of the bus; called after each start, and again while it fails.
pub(crate) type Register =
    Arc<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static>;

/// How one handler is registered, and what knows whether it is.
#[derive(Clone)]
pub(crate) struct Registrar {
    pub(crate) register: Register,
    pub(crate) registered: Registered,
}

/// Whether a handler is registered.
#[derive(Clone)]
pub(crate) enum Registered {
    /// The loop of the handler knows it, and reports more.
    ByLoop(Arc<Registration>),
    /// livebus does not run the handler: whether its newest registration succeeded, and its client was not discarded since.
    ByAnswer(Arc<AtomicBool>),
}

impl Registered {
    /// Returns what is known about the handler.
    pub(crate) fn state(&self, handler: &Handler) -> HandlerState {
        let mut state = HandlerState::unregistered(&handler.name, handler.required);
        match self {
            Self::ByLoop(registration) => {
                state.is_registered = registration.is_registered();
                state.failure = registration.health.failure();
                state.progress = registration.progress();
                state.counters = registration.counters();
                state.calls = registration.calls.newest();
                state.callee = registration.callee.newest();
            }
            Self::ByAnswer(is_registered) => {
                state.is_registered = is_registered.load(Ordering::Relaxed);
            }
        }
        state
    }

    /// Takes whether a registration succeeded, or that its client was discarded.
    pub(crate) fn set(&self, registered: bool) {
        match self {
            // Its loop does that.
            Self::ByLoop(_) => {}
            Self::ByAnswer(is_registered) => is_registered.store(registered, Ordering::Relaxed),
        }
    }
}
