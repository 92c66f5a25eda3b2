//! The parts of a supervision that have a loop of their own: request handlers, call handlers and callers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livebus_core::Handler;

use crate::builder::callees::{NewCallee, Replying, connect_callees};
use crate::builder::callers::{
    Calling, ObservedCaller, check_callers, observe_callers, start_callers,
};
use crate::builder::error::BuildError;
use crate::builder::handlers::{
    AnyHandler, Checked, Consuming, Observers, check_handlers, observe_handlers, start_handlers,
};
use crate::bus::Bus;
use crate::calls::Caller;
use crate::explainer::Explainers;
use crate::loops::{Clock, Loops};
use crate::observer::Observer;
use crate::register::Registrar;

/// The parts, as they were added.
pub(super) struct Parts<B> {
    pub(super) handlers: Vec<AnyHandler>,
    pub(super) callees: Vec<NewCallee>,
    pub(super) callers: Vec<Caller>,
    pub(super) needs: Needs<B>,
}

/// What the parts need of a bus and a runtime.
pub(super) struct Needs<B> {
    /// How to consume, once there is a request handler.
    pub(super) consuming: Option<Consuming<B>>,
    /// How to reply, once there is a call handler.
    pub(super) replying: Option<Replying<B>>,
    /// How to call, once there is a caller.
    pub(super) calling: Option<Calling<B>>,
}

/// Parts that were checked.
pub(super) struct CheckedParts<B> {
    handlers: Vec<Checked>,
    callers: Vec<Caller>,
    needs: Needs<B>,
}

/// Parts with their observers.
pub(super) struct ObservedParts<B> {
    handlers: Vec<(Checked, Observers)>,
    callers: Vec<ObservedCaller>,
    needs: Needs<B>,
}

impl<B> Parts<B> {
    pub(super) const fn new() -> Self {
        Self {
            handlers: Vec::new(),
            callees: Vec::new(),
            callers: Vec::new(),
            needs: Needs {
                consuming: None,
                replying: None,
                calling: None,
            },
        }
    }

    /// Returns what the supervisor registers, in the order of the registrars of [`ObservedParts::start`].
    pub(super) fn supervised(&self) -> Vec<Handler> {
        let handlers = self.handlers.iter().map(AnyHandler::supervised);
        let callers = self.callers.iter().map(Caller::supervised);
        handlers.chain(callers).collect()
    }
}

impl<B: Bus> Parts<B> {
    /// Checks everything that can be seen without the bus.
    pub(super) fn check(self, bus: &Arc<B>, clock: &Clock) -> Result<CheckedParts<B>, BuildError> {
        let needs = self.needs;
        check_callers(&self.callers, needs.calling.as_ref(), bus)?;
        connect_callees(self.callees, needs.replying.as_ref(), bus, clock)?;
        Ok(CheckedParts {
            handlers: check_handlers(self.handlers, needs.consuming.as_ref(), bus)?,
            callers: self.callers,
            needs,
        })
    }
}

impl<B> CheckedParts<B> {
    /// Gives each part its observers.
    pub(super) fn observe(
        self,
        observers: &mut [Box<dyn Observer>],
        clock: &Clock,
        now: Instant,
    ) -> Result<ObservedParts<B>, BuildError> {
        Ok(ObservedParts {
            handlers: observe_handlers(observers, self.handlers, now)?,
            callers: observe_callers(observers, self.callers, clock, now)?,
            needs: self.needs,
        })
    }
}

impl<B: Bus> ObservedParts<B> {
    /// Logs which parts may need longer for their shutdown than the supervision waits.
    pub(super) fn warn_when_cut_off(&self, service: &str, shutdown_bound: Duration) {
        for (handler, _) in &self.handlers {
            match handler {
                Checked::Request(spec) => spec.warn_when_cut_off_by(service, shutdown_bound),
                Checked::Registration(_) => {}
            }
        }
        for (caller, _) in &self.callers {
            caller.warn_when_cut_off_by(service, shutdown_bound);
        }
    }

    /// Starts their loops. Returns what registers each part.
    pub(super) fn start(
        self,
        service: &str,
        bus: &Arc<B>,
        clock: &Clock,
        now: Instant,
    ) -> Result<(Vec<Registrar>, Loops), BuildError> {
        let needs = &self.needs;
        let consuming = needs.consuming.as_ref();
        let (mut registrars, mut loops) =
            start_handlers(service, self.handlers, consuming, bus, clock, now)?;
        let calling = needs.calling.as_ref();
        registrars.extend(start_callers(
            &mut loops,
            service,
            self.callers,
            calling,
            bus,
            clock,
            now,
        )?);
        Ok((registrars, loops))
    }

    /// Returns how the bus explains failures of the parts.
    pub(super) fn explainers(&self) -> Explainers<B> {
        let (consuming, calling) = (&self.needs.consuming, &self.needs.calling);
        Explainers {
            of_handler: consuming.as_ref().map_or(B::explain, |it| it.explain),
            of_caller: calling.as_ref().map_or(B::explain, |it| it.explain),
        }
    }
}
