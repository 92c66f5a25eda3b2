//! Executes actions: operations become futures, everything else is done at once.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use futures::channel::mpsc::Sender;
use futures::future::{BoxFuture, Either, select};
use livebus_core::{
    ClientId, Event, Failure, FailureClass, HandlerId, LivenessId, RegistrationId, Report, StopId,
};

use crate::bus::Bus;
use crate::check::Check;
use crate::loops::Loops;
use crate::message::Message;
use crate::publish::Publisher;
use crate::register::{Registered, Registrar};
use crate::time::Time;

/// An operation in flight: to be spawned, and dropped when it is given up. It sends its answer to the inbox.
pub type Operation = BoxFuture<'static, ()>;

/// Executes each action, by a method of its name.
///
/// A runner spawns an [`Operation`], never awaits it in the loop, and keeps it by its id until the supervisor has given it up:
/// by an action that discards it, at its deadline, at the stop. Then it is dropped; for a registration that is discarded
/// ([`Action::DiscardRegistration`](livebus_core::Action::DiscardRegistration)) that is all. Its answer comes to the
/// supervision's inbox with the instant of the outcome; a panic is a failure.
///
/// On drop, publishes Stopped, unless the supervisor did.
pub struct Effects<B: Bus> {
    bus: Arc<B>,
    handlers: Vec<Registrar>,
    loops: Loops,
    publisher: Publisher,
    /// Each sender of the channel has a capacity of one message: each operation has a sender, and sends one.
    answers: Sender<Message>,
    time: Arc<dyn Time>,
}

impl<B: Bus> Effects<B> {
    pub(crate) fn new(
        bus: Arc<B>,
        handlers: Vec<Registrar>,
        loops: Loops,
        publisher: Publisher,
        answers: Sender<Message>,
        time: Arc<dyn Time>,
    ) -> Self {
        Self {
            bus,
            handlers,
            loops,
            publisher,
            answers,
            time,
        }
    }

    /// Returns the bus, for its observations.
    #[must_use]
    pub fn bus(&self) -> &B {
        &self.bus
    }

    /// Executes [`Action::Start`](livebus_core::Action::Start).
    #[must_use = "an operation is to be spawned"]
    pub fn start(&self, id: ClientId, attempt: u32, deadline: Instant) -> Operation {
        tracing::debug!(service = self.publisher.name(), attempt, "start");
        self.publisher.activity().count_start();
        let bus = Arc::clone(&self.bus);
        let start = async move { bus.start(id, deadline).await };
        self.answered(start, move |_, result| Event::StartAnswered { id, result })
    }

    /// Executes [`Action::SendLiveness`](livebus_core::Action::SendLiveness).
    #[must_use = "an operation is to be spawned"]
    pub fn send_liveness(&self, id: LivenessId, deadline: Instant) -> Operation {
        let bus = Arc::clone(&self.bus);
        let on_live = self.loops.on_live();
        let check = Check::begin(self.publisher.activity(), &self.time, deadline);
        let send = async move {
            let result = bus.send_liveness(deadline).await;
            if result.is_ok() {
                on_live();
            }
            result
        };
        self.answered(send, move |at, result| {
            check.end(at, result);
            Event::LivenessAnswered { id, result }
        })
    }

    /// Executes [`Action::RegisterHandler`](livebus_core::Action::RegisterHandler).
    #[must_use = "an operation is to be spawned"]
    pub fn register_handler(
        &self,
        id: RegistrationId,
        handler: HandlerId,
        attempt: u32,
    ) -> Operation {
        let (service, handler) = (self.publisher.name(), handler.index());
        tracing::debug!(service, handler, attempt, "register");
        let registrar = self.handlers.get(handler).cloned();
        let registered = registrar.as_ref().map(|it| it.registered.clone());
        let register = async move {
            match registrar {
                Some(registrar) => {
                    let result = (registrar.register)().await;
                    registrar.registered.set(result.is_ok());
                    result
                }
                // No supervisor returns a handler that is not in its configuration.
                None => Err(FailureClass::Other.into()),
            }
        };
        let answered = self.answered(register, move |_, result| Event::RegistrationAnswered {
            id,
            result,
        });
        let (answers, time) = (self.answers.clone(), Arc::clone(&self.time));
        let reported = async move {
            answered.await;
            // After the answer: before it, no handler is registered by this id.
            if let Some(Registered::ByLoop(reports)) = registered
                && reports.is_registered()
            {
                reports.health.registered(id, answers, time);
            }
        };
        reported.boxed()
    }

    /// Executes [`Action::Stop`](livebus_core::Action::Stop): first the request handlers end, then the client.
    #[must_use = "an operation is to be spawned"]
    pub fn stop(&self, id: StopId, deadline: Instant) -> Operation {
        let bus = Arc::clone(&self.bus);
        let handlers_end = self.handlers_end(deadline);
        let stop = async move {
            let handlers = handlers_end.await;
            let client = bus.stop(deadline).await;
            client.and(handlers)
        };
        self.answered(stop, move |_, result| Event::StopAnswered { id, result })
    }

    /// Shuts the request handlers down, and waits for their end until a little before the deadline: the rest is for the client.
    fn handlers_end(
        &self,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<B> {
        self.loops.begin_shutdown();
        let left = deadline.saturating_duration_since(self.time.now());
        let waiting = (!self.loops.is_empty()).then(|| {
            let mut timer = self.time.timer();
            timer.set(Some(self.time.now() + left * 9 / 10));
            (self.loops.ended(), timer)
        });
        async move {
            let Some((ended, mut timer)) = waiting else {
                return Ok(());
            };
            let timeout = pin!(timer.elapsed());
            match select(ended, timeout).await {
                Either::Left(_) => Ok(()),
                Either::Right(_) => Err(FailureClass::Timeout.into()),
            }
        }
    }

    /// Executes [`Action::DiscardClient`](livebus_core::Action::DiscardClient), once the task of its start was cancelled. The
    /// task may still be running on another thread; a [`Bus`] must expect that.
    pub fn discard_client(&self, client: ClientId) {
        self.loops.discard();
        self.unregister();
        self.bus.discard_client(client);
    }

    /// Executes [`Action::SetStatus`](livebus_core::Action::SetStatus).
    pub fn set_status(&self, report: Report) {
        self.loops.on_report(&report);
        self.publisher.set_status(self.time.now(), report);
    }

    /// Executes [`Action::Renew`](livebus_core::Action::Renew).
    pub fn renew(&self, evidence: Instant, lease: Instant) {
        self.publisher.renew(self.time.now(), evidence, lease);
    }

    fn unregister(&self) {
        for handler in &self.handlers {
            handler.registered.set(false);
        }
    }

    fn answered(
        &self,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
        event: impl FnOnce(Instant, Result<(), Failure>) -> Event + Send + 'static,
    ) -> Operation {
        let (mut answers, time) = (self.answers.clone(), Arc::clone(&self.time));
        let answered = async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            let result = outcome.unwrap_or_else(|_panic| Err(FailureClass::Other.into()));
            let at = time.now();
            // After the loop has ended there is no receiver.
            let _ = answers.try_send((at, event(at, result)));
        };
        answered.boxed()
    }
}

impl<B: Bus> Drop for Effects<B> {
    fn drop(&mut self) {
        self.unregister();
        self.publisher.close(self.time.now());
    }
}

impl<B: Bus> fmt::Debug for Effects<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effects")
            .field("service", &self.publisher.name())
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}
