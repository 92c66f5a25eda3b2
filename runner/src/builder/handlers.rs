//! The handlers of a supervision: their checks, their observers, and their start.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use livebus_core::{Failure, FailureClass, Handler};
use livebus_readiness::Explanation;

use crate::builder::error::BuildError;
use crate::bus::Bus;
use crate::handlers::{
    Consumer, Environment, HandlerError, HandlerLoop, Open, PartitionNumbers, RunnableHandler,
    Spec, Subscription, check_together,
};
use crate::loops::{Clock, Loops, Wake};
use crate::observer::{DispatchObserver, Observer};
use crate::register::{Register, Registered, Registrar};
use crate::runtime::Spawn;

/// A handler, of either kind.
pub(super) enum AnyHandler {
    /// A registration that somebody else wrote.
    Registration(Handler, Register),
    Request(Box<RunnableHandler>),
}

/// A handler that was checked.
pub(super) enum Checked {
    Registration(Register),
    Request(Box<Spec>),
}

pub(super) type Observers = Vec<Box<dyn DispatchObserver>>;

/// How to consume from a bus on a runtime.
pub(super) struct Consuming<B> {
    pub(super) check: fn(&B, &[&Subscription]) -> Result<(), String>,
    pub(super) open: OpenConsumer<B>,
    pub(super) explain: fn(&B, Failure) -> Explanation,
    pub(super) spawner: fn() -> Arc<dyn Spawn>,
}

type OpenConsumer<B> =
    fn(&B, &Subscription, &PartitionNumbers, Wake) -> Result<Box<dyn Consumer>, Failure>;

impl AnyHandler {
    pub(super) fn supervised(&self) -> Handler {
        match self {
            Self::Registration(handler, _) => handler.clone(),
            Self::Request(handler) => handler.supervised(),
        }
    }
}

pub(super) fn check_handlers<B>(
    handlers: Vec<AnyHandler>,
    consuming: Option<&Consuming<B>>,
    bus: &B,
) -> Result<Vec<Checked>, HandlerError> {
    let checked = handlers.into_iter().map(|handler| match handler {
        AnyHandler::Registration(_, register) => Ok(Checked::Registration(register)),
        AnyHandler::Request(handler) => {
            handler.check().map(|spec| Checked::Request(Box::new(spec)))
        }
    });
    let checked: Vec<_> = checked.collect::<Result<_, _>>()?;
    let subscriptions = checked.iter().filter_map(|handler| match handler {
        Checked::Registration(_) => None,
        Checked::Request(spec) => Some(&spec.subscription),
    });
    let subscriptions: Vec<_> = subscriptions.collect();
    check_together(&subscriptions)?;
    if let Some(consuming) = consuming {
        (consuming.check)(bus, &subscriptions).map_err(HandlerError::Rejected)?;
    }
    Ok(checked)
}

/// Gives each request handler its observers.
pub(super) fn observe_handlers(
    observers: &mut [Box<dyn Observer>],
    handlers: Vec<Checked>,
    now: Instant,
) -> Result<Vec<(Checked, Observers)>, BuildError> {
    let observed = handlers.into_iter().map(|handler| {
        let mut of_handler = Vec::new();
        if let Checked::Request(spec) = &handler {
            for observer in &mut *observers {
                let begun = observer.begin_handler(&spec.subscription.handler, &spec.config, now);
                of_handler.extend(begun.map_err(BuildError::Observer)?);
            }
        }
        Ok((handler, of_handler))
    });
    observed.collect()
}

pub(super) fn start_handlers<B: Bus>(
    service: &str,
    handlers: Vec<(Checked, Observers)>,
    consuming: Option<&Consuming<B>>,
    bus: &Arc<B>,
    clock: &Clock,
    now: Instant,
) -> Result<(Vec<Registrar>, Loops), BuildError> {
    let mut loops = Loops::default();
    let mut registrations = Vec::new();
    for (handler, observers) in handlers {
        let spec = match (handler, consuming) {
            (Checked::Registration(register), _) => {
                registrations.push(Registrar {
                    register,
                    registered: Registered::ByAnswer(Arc::new(AtomicBool::new(false))),
                });
                continue;
            }
            (Checked::Request(spec), Some(consuming)) => (spec, consuming),
            // `request_handler` sets both.
            (Checked::Request(_), None) => continue,
        };
        let (spec, consuming) = spec;
        let (subscription, open) = (spec.subscription.clone(), consuming.open);
        // The bus ends with the supervision, whatever the thread of a handler does.
        let bus = Arc::downgrade(bus);
        let open = move |numbers: PartitionNumbers, wake: Wake| -> Open {
            Box::new(move || {
                let bus = bus.upgrade().ok_or(FailureClass::ClientFatal)?;
                open(&bus, &subscription, &numbers, wake.clone())
            })
        };
        let environment = Environment {
            spawn: (consuming.spawner)(),
            clock: clock.clone(),
            began: now,
        };
        let handler = HandlerLoop::prepare(service, *spec, open, environment, observers);
        let register = loops.start(handler).map_err(BuildError::Thread)?;
        registrations.push(register);
    }
    Ok((registrations, loops))
}
