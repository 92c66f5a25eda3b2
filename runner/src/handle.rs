//! What a service holds while it is supervised.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Instant;

use futures::StreamExt;
use futures::channel::mpsc::Sender;
use futures::channel::oneshot;
use livebus_core::{Config, Event, Report, Status};
use livebus_readiness::{Heartbeat, Readiness, Service};

use crate::bus::Bus;
use crate::changes::Changes;
use crate::effects::Message;
use crate::time::Time;

/// A supervision that runs. Dropping it ends everything at once; [`shutdown`](Self::shutdown) does so in order.
pub struct Handle<B: Bus> {
    pub(crate) bus: Arc<B>,
    pub(crate) config: Config,
    pub(crate) readiness: Readiness,
    pub(crate) service: Service,
    pub(crate) heartbeat: Heartbeat,
    /// Has room for one message at a time.
    pub(crate) shutdown: Mutex<Sender<Message>>,
    /// Held and never used: the loop ends when it is dropped.
    pub(crate) _owner: oneshot::Sender<()>,
    #[cfg(feature = "http")]
    pub(crate) server: Option<livebus_endpoints::http::Server>,
    pub(crate) time: Arc<dyn Time>,
}

/// The supervision ended before the service was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the supervision ended before the service was ready: {}", .0.cause)]
pub struct EndedError(
    /// What was known last.
    pub Report,
);

impl<B: Bus> Handle<B> {
    /// Whether the process is ready: whether every required service of the registry is Running, unless the registry has another
    /// rule. [`status`](Self::status) is about this service alone. Costs an atomic load, a read of a coarse clock and a comparison.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// The status of this service now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.service.status()
    }

    /// All that is known about this service.
    #[must_use]
    pub fn report(&self) -> Report {
        self.service.report()
    }

    /// When the supervisor acts next, if nothing happens before; `None` when only an event can make it act.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.heartbeat.promised()
    }

    /// Every change of this service from now on: of its status, its cause or its warning. A [`Stream`](futures::Stream): import
    /// `futures::StreamExt`, and keep the stream between two calls of `next`, or the changes in between are lost.
    pub fn changes(&self) -> Changes {
        Changes::new(self.service.follow(), Arc::clone(&self.time))
    }

    /// Every change from the start of the supervision on: first those of the newest 64 that came before this call.
    pub fn changes_from_start(&self) -> Changes {
        Changes::new(self.service.follow_from_start(), Arc::clone(&self.time))
    }

    /// Waits until this service is Running. Other services of its registry may not be: [`is_ready`](Self::is_ready) says whether
    /// the process is ready.
    ///
    /// # Errors
    ///
    /// [`EndedError`] when it is Failed, or the supervision ends before.
    pub async fn ready(&self) -> Result<(), EndedError> {
        let mut changes = self.changes_from_start();
        // What this supervision reported last: the service may have another report, of the one before it or after it.
        let mut last = None;
        let is_ready = poll_fn(|context| {
            // All of them first, so that this task is woken for what comes after the status is read. A lease that is renewed
            // before the stream has shown its end is no change: that is noticed when the stream's timer elapses.
            let has_ended = loop {
                match changes.poll_next_unpin(context) {
                    Poll::Ready(Some(change)) => last = Some(change.report),
                    Poll::Ready(None) => break true,
                    Poll::Pending => break false,
                }
            };
            if has_ended {
                return Poll::Ready(false);
            }
            if last.is_none() {
                return Poll::Pending;
            }
            match self.status() {
                Status::Running => Poll::Ready(true),
                Status::Failed | Status::Stopped => Poll::Ready(false),
                Status::Unknown | Status::Preparing | Status::Prepared | Status::NotReady => {
                    Poll::Pending
                }
            }
        });
        if is_ready.await {
            Ok(())
        } else {
            Err(EndedError(last.unwrap_or_else(|| self.report())))
        }
    }

    /// Shuts down in order, within [`Config::shutdown_bound`]: NotReady, the drain, then the closing. Gives what was known
    /// last. Until it is done, probes are answered.
    pub async fn shutdown(self) -> Report {
        let mut changes = self.changes_from_start();
        self.begin_shutdown();
        // Of this supervision: the service may have another reporter by then.
        let mut last = None;
        while let Some(change) = changes.next().await {
            last = Some(change.report);
        }
        last.unwrap_or_else(|| self.report())
    }

    /// Begins what [`shutdown`](Self::shutdown) does, without waiting for it. Once is enough, and more do no harm.
    pub fn begin_shutdown(&self) {
        // Whoever panicked with it has left it whole.
        let mut shutdown = self.shutdown.lock().unwrap_or_else(PoisonError::into_inner);
        // There is no room while one waits already, and nobody to read it once the loop has ended: neither needs another.
        let _ = shutdown.try_send((self.time.now(), Event::Shutdown));
    }

    /// Waits until the supervision has ended. From then on its service may have another reporter.
    pub async fn ended(&self) {
        let mut changes = self.changes();
        while changes.next().await.is_some() {}
    }

    /// The readiness that this service is part of. A clone may outlive the supervision.
    #[must_use]
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// The configuration that is in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &B {
        &self.bus
    }

    /// Where the probes are served, if they are: with the port that was chosen for port 0.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http_address(&self) -> Option<std::net::SocketAddr> {
        self.server
            .as_ref()
            .map(livebus_endpoints::http::Server::address)
    }
}

impl<B: Bus> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("service", &self.service.name())
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
