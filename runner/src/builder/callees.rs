//! The call handlers of a supervision: what they take from the bus and the runtime. For the rest, they are request handlers.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use livebus_core::{ConfigError, Failure};

use crate::bus::Bus;
use crate::calls::{Answering, OnFailure, Outside, ReplyClient};
use crate::handlers::{HandlerError, Subscription};
use crate::loops::Clock;
use crate::runtime::Spawn;

/// How to reply over a bus on a runtime.
pub(super) struct Replying<B> {
    pub(super) open: OpenReplies<B>,
    pub(super) sleep: fn(Duration) -> BoxFuture<'static, ()>,
    pub(super) spawner: fn() -> Arc<dyn Spawn>,
}

type OpenReplies<B> = fn(&B, &Subscription, OnFailure) -> Result<Arc<dyn ReplyClient>, Failure>;

/// A call handler that was not checked: what it consumes, and what answers its requests.
pub(super) type NewCallee = (
    Result<Subscription, HandlerError>,
    Result<Arc<Answering>, ConfigError>,
);

/// Gives each call handler what it takes from the outside.
pub(super) fn connect_callees<B: Bus>(
    callees: Vec<NewCallee>,
    replying: Option<&Replying<B>>,
    bus: &Arc<B>,
    clock: &Clock,
) -> Result<(), HandlerError> {
    for (subscription, answering) in callees {
        // `Builder::call_handler` sets both.
        let Some(replying) = replying else { continue };
        let subscription = subscription?;
        let answering = answering.map_err(|source| HandlerError::Settings {
            handler: subscription.handler.clone(),
            source,
        })?;
        let (open, bus) = (replying.open, Arc::downgrade(bus));
        answering.connect(Outside {
            open: Box::new(move |on_failure| {
                let bus = bus
                    .upgrade()
                    .ok_or(livebus_core::FailureClass::ClientFatal)?;
                open(&bus, &subscription, on_failure)
            }),
            sleep: replying.sleep,
            spawn: (replying.spawner)(),
            clock: clock.clone(),
        });
    }
    Ok(())
}
