//! From an action to what it means: operations are spawned, everything else is done at once.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_channel::mpsc::UnboundedSender;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use livebus_core::{
    Action, Cause, Event, Failure, FailureClass, OpId, Report, ServiceHandle, Status,
};
use livebus_endpoints::{StatusChange, Subscribers};
use livebus_kafka::Bus;
use tokio::task::AbortHandle;

/// Something that happened, and when.
pub(crate) type Message = (Instant, Event);

/// Registers one request handler with the service's client; called after each start, and again while it fails.
pub(crate) type Register =
    Arc<dyn Fn() -> BoxFuture<'static, Result<(), Failure>> + Send + Sync + 'static>;

/// Carries out actions, and sends the answers of operations back. Dropping it ends all that is under way.
pub(crate) struct Executor<B: Bus> {
    bus: Arc<B>,
    handlers: Vec<Register>,
    service: ServiceHandle,
    subscribers: Subscribers,
    answers: UnboundedSender<Message>,
    operations: HashMap<OpId, AbortHandle>,
}

impl<B: Bus> Executor<B> {
    pub(crate) fn new(
        bus: Arc<B>,
        handlers: Vec<Register>,
        service: ServiceHandle,
        subscribers: Subscribers,
        answers: UnboundedSender<Message>,
    ) -> Self {
        Self {
            bus,
            handlers,
            service,
            subscribers,
            answers,
            operations: HashMap::new(),
        }
    }

    pub(crate) fn bus(&self) -> &B {
        &self.bus
    }

    pub(crate) fn execute(&mut self, action: Action) {
        let bus = Arc::clone(&self.bus);
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => {
                tracing::debug!(service = self.service.name(), attempt, "start");
                let start = async move { bus.start(id, deadline).await };
                self.operation(id, deadline, start, move |result| Event::StartAnswered {
                    id,
                    result,
                });
            }
            Action::SendLiveness { id, deadline } => {
                let ask = async move { bus.send_liveness(deadline).await };
                self.operation(id, deadline, ask, move |result| Event::LivenessAnswered {
                    id,
                    result,
                });
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => {
                let name = self.service.name();
                tracing::debug!(
                    service = name,
                    handler = handler.index(),
                    attempt,
                    "register"
                );
                let register = Arc::clone(&self.handlers[handler.index()]);
                let register = async move { register().await };
                let event = move |result| Event::RegistrationAnswered { id, result };
                self.operation(id, deadline, register, event);
            }
            Action::Stop { id, deadline } => {
                self.abort_all();
                let stop = async move { bus.stop(deadline).await };
                self.operation(id, deadline, stop, move |result| Event::StopAnswered {
                    id,
                    result,
                });
            }
            Action::Discard { id } => {
                if let Some(operation) = self.operations.remove(&id) {
                    operation.abort();
                }
                bus.discard(id);
            }
            Action::SetStatus(report) => self.set_status(report),
            Action::Renew { evidence, lease } => {
                self.service.renew(Instant::now(), evidence, lease);
            }
        }
    }

    /// Spawns `work` and sends its outcome as an event, stamped with the instant when it was there. A panic is a failure.
    ///
    /// The supervisor has given up at the deadline; dropping the work then only keeps it from piling up.
    fn operation(
        &mut self,
        id: OpId,
        deadline: Instant,
        work: impl Future<Output = Result<(), Failure>> + Send + 'static,
        event: impl FnOnce(Result<(), Failure>) -> Event + Send + 'static,
    ) {
        let answers = self.answers.clone();
        let task = tokio::spawn(async move {
            let work = AssertUnwindSafe(work).catch_unwind();
            let result = match tokio::time::timeout_at(deadline.into(), work).await {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(FailureClass::Other.into()),
                Err(_elapsed) => Err(FailureClass::Timeout.into()),
            };
            // Nobody listens after the loop has ended.
            let _ = answers.unbounded_send((Instant::now(), event(result)));
        });
        self.operations
            .retain(|_, operation| !operation.is_finished());
        self.operations.insert(id, task.abort_handle());
    }

    fn set_status(&self, report: Report) {
        let from = self.service.report().status;
        let at = Instant::now();
        self.service.store(at, report);
        let change = StatusChange { from, report, at };
        log(self.service.name(), &change);
        self.subscribers.tell(change);
    }

    fn abort_all(&mut self) {
        self.operations
            .drain()
            .for_each(|(_, operation)| operation.abort());
    }
}

/// Whatever ends the loop, nobody is left believing that somebody still watches.
impl<B: Bus> Drop for Executor<B> {
    fn drop(&mut self) {
        self.abort_all();
        let report = self.service.report();
        if report.status != Status::Stopped {
            self.set_status(Report {
                status: Status::Stopped,
                cause: Cause::CutOff,
                warning: None,
                lease: None,
                since: Instant::now(),
                ..report
            });
        }
        self.subscribers.close();
    }
}

fn log(service: &str, change: &StatusChange) {
    let Report {
        status,
        cause,
        warning,
        attempt,
        ..
    } = change.report;
    let class = cause.failure().map(|failure| failure.class.name());
    let warning = warning.map(|failure| failure.class.name());
    let unproved_ms = change.unproved_for().map(|gap| gap.as_millis());
    let cause_name = cause.name();
    let from = change.from.name();
    let status = status.name();
    if cause.failure().is_some() || warning.is_some() {
        tracing::warn!(
            service,
            status,
            from,
            cause = cause_name,
            class,
            warning,
            attempt,
            unproved_ms,
            "{cause}"
        );
    } else {
        tracing::info!(
            service,
            status,
            from,
            cause = cause_name,
            attempt,
            unproved_ms,
            "{cause}"
        );
    }
}
