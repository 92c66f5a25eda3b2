//! The handlers of one supervision, as the supervision uses them.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Shared, join_all};
use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{Heartbeat, ServiceLoop};

use crate::handlers::clock::Clock;
use crate::handlers::dispatch_loop::{HandlerLoop, Open, Turn};
use crate::handlers::environment::Environment;
use crate::handlers::mailbox::{LoopMessage, Mailbox, Wake};
use crate::handlers::numbers::PartitionNumbers;
use crate::handlers::registration::Registration;
use crate::handlers::request_handler::Spec;
use crate::observer::DispatchObserver;
use crate::register::{Register, Registered, Registrar};

/// The request handlers of one supervision. They end when it is dropped.
#[derive(Default)]
pub(crate) struct RequestHandlers {
    cells: Vec<Cell>,
}

/// One handler, with a thread of its own.
struct Cell {
    mailbox: Arc<Mailbox>,
    registration: Arc<Registration>,
    /// Its name, and the heartbeat of its thread.
    handler_loop: ServiceLoop,
    /// Resolves when the thread has ended.
    ended: Shared<oneshot::Receiver<()>>,
}

impl RequestHandlers {
    /// Starts the thread of a handler, which waits until it is registered for the first time. Returns what registers it.
    pub(crate) fn start(
        &mut self,
        service: &str,
        spec: Spec,
        open: impl FnOnce(PartitionNumbers, Wake) -> Open,
        environment: Environment,
        observers: Vec<Box<dyn DispatchObserver>>,
    ) -> std::io::Result<Registrar> {
        let thread: Arc<OnceLock<Thread>> = Arc::default();
        let of_wake = Arc::clone(&thread);
        let wake = Wake::new(move || {
            // Before it is there, the thread has not looked at anything.
            if let Some(thread) = of_wake.get() {
                thread.unpark();
            }
        });
        let mailbox = Arc::new(Mailbox::new(wake));
        let registration = Arc::<Registration>::default();
        let (alive, ended) = oneshot::channel();
        let handler = spec.subscription.handler.clone();
        // Each event of the thread shows them, whatever its level.
        let log_fields = tracing::error_span!("request_handler", handler, service);
        let name = format!("livebus-{handler}");
        let numbers = PartitionNumbers::default();
        let this = HandlerLoop::new(
            spec,
            open(numbers.clone(), mailbox.wake().clone()),
            environment.clone(),
            Arc::clone(&mailbox),
            Arc::clone(&registration),
            numbers,
            observers,
        );
        let heartbeat = Heartbeat::new(environment.began);
        let handler_loop = ServiceLoop::of_handler(&*handler, heartbeat.clone());
        let panicking = EndOnPanic(Arc::clone(&registration));
        thread::Builder::new().name(name).spawn(move || {
            let _panicking = panicking;
            // Only this thread sets it.
            let _ = thread.set(thread::current());
            log_fields.in_scope(|| drive(this, &environment.clock, &heartbeat));
            drop(alive);
        })?;
        let register: Register = {
            let (mailbox, registration) = (Arc::clone(&mailbox), Arc::clone(&registration));
            Arc::new(move || {
                let registered = registration.wait();
                mailbox.send(LoopMessage::Open);
                registered.boxed()
            })
        };
        let registered = Registered::ByLoop(Arc::clone(&registration));
        self.cells.push(Cell {
            mailbox,
            registration,
            handler_loop,
            ended: ended.shared(),
        });
        Ok(Registrar {
            register,
            registered,
        })
    }

    /// Takes a report of the supervisor: whether the bus can be used, and the beginning of the shutdown.
    pub(crate) fn on_report(&self, report: &Report) {
        match (report.status, report.cause) {
            (Status::Running, _) | (_, Cause::HandlerFailed(..)) => self.set_bus_usable(true),
            (_, Cause::ShuttingDown) => self.begin_shutdown(),
            (
                _,
                Cause::StartFailed(_)
                | Cause::LivenessFailed(_)
                | Cause::ClientLost(_)
                | Cause::Starved,
            ) => self.set_bus_usable(false),
            // They say nothing about the bus.
            _ => {}
        }
    }

    pub(crate) fn set_bus_usable(&self, is_usable: bool) {
        self.send_all(|| LoopMessage::BusUsable(is_usable));
    }

    /// Returns what reports that a liveness message succeeded.
    pub(crate) fn on_live(&self) -> impl Fn() + Send + Sync + use<> {
        let mailboxes: Vec<_> = self
            .cells
            .iter()
            .map(|it| Arc::clone(&it.mailbox))
            .collect();
        move || {
            for mailbox in &mailboxes {
                mailbox.send(LoopMessage::BusUsable(true));
            }
        }
    }

    /// Returns what a person reads about a failure of a handler, if one has a failure of this class.
    pub(crate) fn reasons(&self) -> impl Fn(FailureClass) -> Option<String> + Send + Sync + use<> {
        let all: Vec<_> = self
            .cells
            .iter()
            .map(|it| Arc::clone(&it.registration))
            .collect();
        move |class| all.iter().find_map(|it| it.health.reason(class))
    }

    /// Returns the loops of all handlers.
    pub(crate) fn loops(&self) -> impl Iterator<Item = ServiceLoop> {
        self.cells.iter().map(|it| it.handler_loop.clone())
    }

    /// The client of the bus was discarded.
    pub(crate) fn discard(&self) {
        for cell in &self.cells {
            cell.registration.reset();
            cell.registration.health.discarded();
        }
        self.send_all(|| LoopMessage::Discard);
    }

    pub(crate) fn begin_shutdown(&self) {
        self.send_all(|| LoopMessage::Shutdown);
    }

    /// Resolves when all of them have stopped.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        join_all(self.cells.iter().map(|it| it.ended.clone())).map(drop)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    fn send_all(&self, message: impl Fn() -> LoopMessage) {
        for cell in &self.cells {
            cell.mailbox.send(message());
        }
    }
}

impl Drop for RequestHandlers {
    fn drop(&mut self) {
        self.send_all(|| LoopMessage::Close);
    }
}

impl fmt::Debug for RequestHandlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHandlers")
            .field("handlers", &self.cells.len())
            .finish_non_exhaustive()
    }
}

/// Ends the registration if the thread panics: nothing would handle records any more, and the service would not know.
struct EndOnPanic(Arc<Registration>);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            let failure = FailureClass::ClientFatal.into();
            let reason =
                "its thread has panicked; restart the service, and report the panic".to_owned();
            self.0.end(failure, reason);
        }
    }
}

/// Runs a loop on this thread until it ends.
fn drive(mut this: HandlerLoop, clock: &Clock, heartbeat: &Heartbeat) {
    let mut wait = clock.wait();
    this.log_bounds();
    loop {
        let now = clock.now();
        // Its end may take until the deadline of the shutdown.
        heartbeat.set_deadline(this.stop_deadline().or(Some(now)));
        let turn = this.turn(now);
        let show_at = this.show_progress(now);
        match turn {
            Turn::Again => {}
            Turn::Wait(until) => {
                let until = [until, show_at].into_iter().flatten().min();
                heartbeat.set_deadline(until);
                wait.until(until);
            }
            Turn::Ended => break,
        }
    }
    this.end_progress();
    heartbeat.set_deadline(None);
}

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};
    use std::pin::Pin;
    use std::time::{Duration, Instant};

    use futures::executor::block_on;

    use super::*;
    use crate::handlers::request_handler::RequestHandler;
    use crate::runtime::Spawn;

    struct Nowhere;

    impl Spawn for Nowhere {
        fn spawn(&self, _task: Pin<Box<dyn Future<Output = ()> + Send>>) {}

        fn spawn_blocking(&self, _work: Box<dyn FnOnce() + Send>) {}
    }

    #[test]
    fn panic_of_the_thread_fails_the_registration() {
        let handler = RequestHandler::new("orders")
            .topics(["orders"])
            .group("billing");
        let handler = handler.run(|_, _| ready(Ok(())));
        let spec = handler.check().expect("is valid");
        let mut handlers = RequestHandlers::default();
        let environment = Environment {
            spawn: Arc::new(Nowhere),
            clock: Clock::Real,
            began: Instant::now(),
        };
        let open = |_, _| -> Open { Box::new(|| panic!("on purpose")) };
        let started = handlers.start("service", spec, open, environment, Vec::new());
        let registrar = started.expect("there are threads");
        let registered = async {
            let (register, ended) = ((registrar.register)(), handlers.ended());
            let registered = register.await;
            ended.await;
            registered
        };
        let (sender, result) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| sender.send(block_on(registered)));
            let result = result.recv_timeout(Duration::from_secs(10));
            assert_eq!(result, Ok(Err(FailureClass::ClientFatal.into())));
        });
    }
}
