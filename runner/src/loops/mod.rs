//! Loops on threads of their own: those of the request handlers and the callers of one supervision.

mod clock;
mod command;
mod health_reports;
mod registration;
mod reopening;
mod shown;
mod wake;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Shared, join_all};
use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{Heartbeat, ServiceLoop};
use tracing::Span;

use crate::register::{Register, Registered, Registrar};

pub(crate) use clock::Clock;
pub(crate) use command::{Command, Commands};
pub(crate) use health_reports::Source;
pub(crate) use registration::Registration;
pub(crate) use reopening::Reopening;
pub(crate) use shown::SHOW_INTERVAL;
pub use wake::Wake;

/// A loop that does everything that can be done at an instant, and waits in between. It has no thread and no clock of its own.
pub(crate) trait Loop: Send + 'static {
    /// Called once, before the first turn.
    fn begin(&mut self);

    /// Does everything that can be done now.
    fn turn(&mut self, now: Instant) -> Turn;

    /// Shows the progress, unless it was shown a moment ago. Returns when to call this again; `None` when everything is shown.
    fn show_progress(&mut self, now: Instant) -> Option<Instant>;

    /// Returns when a shutdown that was begun must have ended.
    fn stop_deadline(&self) -> Option<Instant>;

    /// Called once, after the last turn.
    fn end(&mut self);
}

/// What comes after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// More is there already.
    Again,
    /// Nothing, until this instant or a wake-up.
    Wait(Option<Instant>),
    /// The loop is over.
    Ended,
}

/// What a loop does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Handler,
    Caller,
}

/// The loops of one supervision. They end when it is dropped.
#[derive(Default)]
pub(crate) struct Loops {
    cells: Vec<Cell>,
}

/// One loop, with a thread of its own.
struct Cell {
    commands: Arc<dyn Commands>,
    kind: Kind,
    registration: Arc<Registration>,
    /// Its name, and the heartbeat of its thread.
    service_loop: ServiceLoop,
    /// Resolves when the thread has ended.
    ended: Shared<oneshot::Receiver<()>>,
}

/// A loop that is to be started, with what the supervision needs of it.
pub(crate) struct NewLoop<L> {
    pub(crate) this: L,
    pub(crate) kind: Kind,
    /// The name of its handler or caller.
    pub(crate) name: String,
    pub(crate) commands: Arc<dyn Commands>,
    pub(crate) registration: Arc<Registration>,
    /// What its messages wake, once it runs.
    pub(crate) thread: Arc<OnceLock<Thread>>,
    pub(crate) clock: Clock,
    pub(crate) began: Instant,
    /// Each event of the thread shows its fields, whatever its level.
    pub(crate) log_fields: Span,
}

impl Loops {
    /// Starts the thread of a loop, which waits until it is registered for the first time. Returns what registers it.
    pub(crate) fn start(&mut self, new: NewLoop<impl Loop>) -> io::Result<Registrar> {
        let NewLoop {
            this,
            kind,
            name,
            commands,
            registration,
            thread,
            clock,
            began,
            log_fields,
        } = new;
        let (alive, ended) = oneshot::channel();
        let heartbeat = Heartbeat::new(began);
        let service_loop = ServiceLoop::of_handler(&*name, heartbeat.clone());
        let panicking = EndOnPanic(Arc::clone(&registration));
        thread::Builder::new()
            .name(format!("livebus-{name}"))
            .spawn(move || {
                let _panicking = panicking;
                // Only this thread sets it.
                let _ = thread.set(thread::current());
                log_fields.in_scope(|| drive(this, &clock, &heartbeat));
                drop(alive);
            })?;
        let register: Register = {
            let (commands, registration) = (Arc::clone(&commands), Arc::clone(&registration));
            Arc::new(move || {
                let registered = registration.wait();
                commands.command(Command::Open);
                registered.boxed()
            })
        };
        let registered = Registered::ByLoop(Arc::clone(&registration));
        self.cells.push(Cell {
            commands,
            kind,
            registration,
            service_loop,
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
            (Status::Running, _) | (_, Cause::HandlerFailed(..)) => self.on_bus(Ok(())),
            (_, Cause::ShuttingDown) => self.begin_shutdown(),
            (
                _,
                cause @ (Cause::StartFailed(_)
                | Cause::LivenessFailed(_)
                | Cause::ClientLost(_)
                | Cause::Starved),
            ) => self.on_bus(Err(cause)),
            // They say nothing about the bus.
            _ => {}
        }
    }

    fn on_bus(&self, usable: Result<(), Cause>) {
        self.command_all(Command::Bus(usable));
    }

    /// Returns what reports that a liveness message succeeded.
    pub(crate) fn on_live(&self) -> impl Fn() + Send + Sync + use<> {
        let all: Vec<_> = self
            .cells
            .iter()
            .map(|it| Arc::clone(&it.commands))
            .collect();
        move || {
            for commands in &all {
                commands.command(Command::Bus(Ok(())));
            }
        }
    }

    /// Returns what a person reads about a failure of a handler or a caller, if one has a failure of this class.
    pub(crate) fn reasons(
        &self,
    ) -> impl Fn(FailureClass) -> Option<(Kind, String)> + Send + Sync + use<> {
        let all: Vec<_> = self
            .cells
            .iter()
            .map(|it| (it.kind, Arc::clone(&it.registration)))
            .collect();
        move |class| {
            let mut all = all.iter();
            all.find_map(|(kind, it)| Some((*kind, it.health.reason(class)?)))
        }
    }

    /// Returns what shows whether each of them is stuck.
    pub(crate) fn service_loops(&self) -> impl Iterator<Item = ServiceLoop> {
        self.cells.iter().map(|it| it.service_loop.clone())
    }

    /// The client of the bus was discarded.
    pub(crate) fn discard(&self) {
        for cell in &self.cells {
            cell.registration.reset();
            cell.registration.health.discarded();
        }
        self.command_all(Command::Discard);
    }

    pub(crate) fn begin_shutdown(&self) {
        self.command_all(Command::Shutdown);
    }

    /// Resolves when all of them have stopped.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        join_all(self.cells.iter().map(|it| it.ended.clone())).map(drop)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    fn command_all(&self, command: Command) {
        for cell in &self.cells {
            cell.commands.command(command);
        }
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        self.command_all(Command::Close);
    }
}

impl fmt::Debug for Loops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loops")
            .field("loops", &self.cells.len())
            .finish_non_exhaustive()
    }
}

/// Ends the registration if the thread panics: nothing would be handled any more, and the service would not know.
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
fn drive(mut this: impl Loop, clock: &Clock, heartbeat: &Heartbeat) {
    let mut wait = clock.wait();
    this.begin();
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
    this.end();
    heartbeat.set_deadline(None);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::executor::block_on;

    use super::*;

    struct Panicking;

    impl Loop for Panicking {
        fn begin(&mut self) {}

        fn turn(&mut self, _: Instant) -> Turn {
            panic!("on purpose")
        }

        fn show_progress(&mut self, _: Instant) -> Option<Instant> {
            None
        }

        fn stop_deadline(&self) -> Option<Instant> {
            None
        }

        fn end(&mut self) {}
    }

    struct Nowhere;

    impl Commands for Nowhere {
        fn command(&self, _: Command) {}
    }

    #[test]
    fn panic_of_the_thread_fails_the_registration() {
        let mut loops = Loops::default();
        let started = loops.start(NewLoop {
            this: Panicking,
            kind: Kind::Handler,
            name: "orders".to_owned(),
            commands: Arc::new(Nowhere),
            registration: Arc::default(),
            thread: Arc::default(),
            clock: Clock::Real,
            began: Instant::now(),
            log_fields: Span::none(),
        });
        let registrar = started.expect("there are threads");
        let registered = async {
            let (register, ended) = ((registrar.register)(), loops.ended());
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
