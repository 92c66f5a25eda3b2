//! The callers of a supervision: their checks, their observers, and their start.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::{Failure, FailureClass};
use livebus_readiness::Explanation;

use crate::builder::error::BuildError;
use crate::bus::Bus;
use crate::calls::{CallClient, CallLoop, Caller, CallerError, OpenClient, ReplySubscription};
use crate::loops::{Clock, Loops, Wake};
use crate::observer::{CallsObserver, Observer};
use crate::register::Registrar;

/// How to call over a bus.
pub(super) struct Calling<B> {
    pub(super) check: fn(&B, &ReplySubscription) -> Result<(), String>,
    pub(super) open: Open<B>,
    pub(super) explain: fn(&B, Failure) -> Explanation,
}

type Open<B> = fn(&B, &ReplySubscription, Wake) -> Result<Box<dyn CallClient>, Failure>;

/// A caller with its observers.
pub(super) type ObservedCaller = (Caller, Vec<Box<dyn CallsObserver>>);

/// Checks what only the bus knows.
pub(super) fn check_callers<B>(
    callers: &[Caller],
    calling: Option<&Calling<B>>,
    bus: &B,
) -> Result<(), CallerError> {
    for caller in callers {
        // `Builder::caller` sets both.
        let Some(calling) = calling else { continue };
        let checked = (calling.check)(bus, &caller.spec().replies);
        checked.map_err(|reason| CallerError::Rejected {
            caller: caller.name().to_owned(),
            reason,
        })?;
    }
    Ok(())
}

/// Gives each caller its observers, and makes it a part of this supervision.
pub(super) fn observe_callers(
    observers: &mut [Box<dyn Observer>],
    callers: Vec<Caller>,
    clock: &Clock,
    now: Instant,
) -> Result<Vec<ObservedCaller>, BuildError> {
    let observed = callers.into_iter().map(|caller| {
        let mut of_caller = Vec::new();
        let (config, identity) = (&caller.spec().config, caller.identity());
        for observer in &mut *observers {
            let begun = observer.begin_caller(caller.name(), config, identity, now);
            of_caller.extend(begun.map_err(BuildError::Observer)?);
        }
        caller.start(clock)?;
        Ok((caller, of_caller))
    });
    observed.collect()
}

pub(super) fn start_callers<B: Bus>(
    loops: &mut Loops,
    service: &str,
    callers: Vec<ObservedCaller>,
    calling: Option<&Calling<B>>,
    bus: &Arc<B>,
    clock: &Clock,
    now: Instant,
) -> Result<Vec<Registrar>, BuildError> {
    let mut registrars = Vec::new();
    for (caller, observers) in callers {
        let Some(calling) = calling else { continue };
        let (open, spec) = (calling.open, Arc::clone(caller.spec()));
        // The bus ends with the supervision, whatever the thread of a caller does.
        let bus = Arc::downgrade(bus);
        let open: OpenClient = Box::new(move |wake| {
            let bus = bus.upgrade().ok_or(FailureClass::ClientFatal)?;
            open(&bus, &spec.replies, wake)
        });
        let new = CallLoop::prepare(service, &caller, open, clock.clone(), now, observers);
        registrars.push(loops.start(new).map_err(BuildError::Thread)?);
    }
    Ok(registrars)
}
