//! What the readiness asks about one supervision.

use std::sync::{Arc, Weak};

use livebus_core::{Config, Failure, FailureClass, Handler};
use livebus_readiness::{Detail, Explain, Explanation, HandlerState, Leaders};

use crate::bus::Bus;
use crate::loops::{Kind, Loops};
use crate::register::{Registered, Registrar};

/// Explains failures with a bus while that exists, and those of a handler with what the handler reports; shows the handlers. The readiness
/// may outlive all of them.
pub(crate) struct Explainer<B> {
    bus: Weak<B>,
    reasons: Box<dyn Fn(FailureClass) -> Option<(Kind, String)> + Send + Sync>,
    explainers: Explainers<B>,
    handlers: Vec<(Handler, Registered)>,
}

/// How a bus explains failures.
pub(crate) struct Explainers<B> {
    pub(crate) of_handler: fn(&B, Failure) -> Explanation,
    pub(crate) of_caller: fn(&B, Failure) -> Explanation,
}

impl<B: Bus> Explainer<B> {
    /// Explains with `bus`, failures of `loops` by `explainers`. `registrars` are those of the handlers of `config`.
    pub(crate) fn new(
        bus: &Arc<B>,
        explainers: Explainers<B>,
        config: &Config,
        registrars: &[Registrar],
        loops: &Loops,
    ) -> Self {
        let registered = registrars.iter().map(|it| it.registered.clone());
        Self {
            bus: Arc::downgrade(bus),
            reasons: Box::new(loops.reasons()),
            explainers,
            handlers: config.handlers().iter().cloned().zip(registered).collect(),
        }
    }
}

impl<B: Bus> Explain for Explainer<B> {
    fn explain(&self, failure: Failure) -> Explanation {
        let bus = self.bus.upgrade();
        let Some((kind, reason)) = (self.reasons)(failure.class) else {
            return bus.map_or_else(Explanation::default, |bus| bus.explain(failure));
        };
        let explain = match kind {
            Kind::Handler => self.explainers.of_handler,
            Kind::Caller => self.explainers.of_caller,
        };
        let explain = |bus: Arc<B>| explain(&bus, failure);
        Explanation {
            reason: Some(reason),
            ..bus.map_or_else(Explanation::default, explain)
        }
    }

    fn details(&self) -> Vec<Detail> {
        let bus = self.bus.upgrade();
        bus.map_or_else(Vec::new, |bus| bus.details())
    }

    fn leaders(&self) -> Option<Leaders> {
        self.bus.upgrade()?.leaders()
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let all = self.handlers.iter();
        all.map(|(handler, registered)| registered.state(handler))
            .collect()
    }
}
