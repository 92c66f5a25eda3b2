//! The handle of a supervision, which a service holds.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use futures::StreamExt;
use futures::channel::mpsc::Sender;
use futures::channel::oneshot;
use livebus_core::{Config, Event, Report, Status};
use livebus_readiness::{Heartbeat, Readiness, Service};

use crate::bus::Bus;
use crate::changes::Changes;
use crate::lock::lock;
use crate::message::Message;
use crate::time::Time;

/// A running supervision. Dropping the handle cancels it at once; [`shutdown`](Self::shutdown) ends it in order.
pub struct Handle<B: Bus> {
    pub(crate) bus: Arc<B>,
    pub(crate) config: Config,
    pub(crate) readiness: Readiness,
    pub(crate) service: Service,
    pub(crate) heartbeat: Heartbeat,
    /// Has a capacity of one message.
    pub(crate) shutdown: Mutex<Sender<Message>>,
    /// Never used: the loop ends when it is dropped.
    pub(crate) _cancel_guard: oneshot::Sender<()>,
    #[cfg(feature = "http")]
    pub(crate) server: Option<livebus_endpoints::http::Server>,
    #[cfg(unix)]
    pub(crate) notified: crate::systemd::Notified,
    pub(crate) time: Arc<dyn Time>,
}

/// The error when the supervision ended before the service was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the supervision ended before the service was ready: {}", .0.cause)]
pub struct EndedError(
    /// The last report.
    pub Report,
);

impl<B: Bus> Handle<B> {
    /// Returns whether the process is ready: whether every required service of the registry is Running, unless the registry has
    /// another rule. [`status`](Self::status) is that of this service alone. Costs an atomic load, a read of a coarse clock and a
    /// comparison.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready()
    }

    /// Returns the status of this service now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.service.status()
    }

    /// Returns the newest report of this service.
    #[must_use]
    pub fn report(&self) -> Report {
        self.service.report()
    }

    /// Returns the cause and the warning of `report` for people, in one line: with the reason and the remedy, as the log has them. A
    /// [`Cause`](livebus_core::Cause) alone knows neither. Describes a report while it is new: reasons are not kept.
    #[must_use]
    pub fn describe(&self, report: &Report) -> String {
        self.service.describe(report)
    }

    /// Returns when the supervisor acts next if no event comes before; `None` when only an event can make it act.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.heartbeat.deadline()
    }

    /// Returns a [`Stream`](futures::Stream) of every change of this service from now on: of its status, its cause or its
    /// warning. Import `futures::StreamExt`, and keep the stream between two calls of `next`, or the changes in between are lost.
    pub fn changes(&self) -> Changes {
        Changes::new(self.service.follow(), Arc::clone(&self.time))
    }

    /// As [`changes`](Self::changes), from the start of the supervision: first those of the newest 64 that came before this call.
    pub fn changes_from_start(&self) -> Changes {
        Changes::new(self.service.follow_from_start(), Arc::clone(&self.time))
    }

    /// Waits until this service is Running. Other services of its registry may not be: [`is_ready`](Self::is_ready) returns
    /// whether the process is ready.
    ///
    /// # Errors
    ///
    /// [`EndedError`] when it is Failed, or the supervision ends first.
    pub async fn ready(&self) -> Result<(), EndedError> {
        let mut changes = self.changes_from_start();
        // The last report of this supervision: the service may have a report of an earlier or a later one.
        let mut last = None;
        let is_ready = poll_fn(|context| {
            // Reads all changes first, so that this task is woken for any that come after the status is read. A lease that is
            // renewed before the stream has shown its end is no change: that is noticed when the stream's timer elapses.
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

    /// Shuts down in order, within [`Config::shutdown_bound`]: NotReady, the drain, then the stop of the bus. Returns the last
    /// report. Probes are answered until then.
    pub async fn shutdown(self) -> Report {
        let mut changes = self.changes_from_start();
        self.begin_shutdown();
        // The last report of this supervision: the service may have another reporter by then.
        let mut last = None;
        while let Some(change) = changes.next().await {
            last = Some(change.report);
        }
        #[cfg(unix)]
        self.notified.ended().await;
        last.unwrap_or_else(|| self.report())
    }

    /// Begins a [`shutdown`](Self::shutdown) without waiting for it. Further calls have no effect.
    pub fn begin_shutdown(&self) {
        let mut shutdown = lock(&self.shutdown);
        // This fails while a shutdown waits already, and once the loop has ended: neither needs another.
        let _ = shutdown.try_send((self.time.now(), Event::Shutdown));
    }

    /// Waits until the supervision has ended. After that its service may have another reporter.
    pub async fn ended(&self) {
        let mut changes = self.changes();
        while changes.next().await.is_some() {}
        #[cfg(unix)]
        self.notified.ended().await;
    }

    /// Returns the readiness that this service is part of. A clone may outlive the supervision.
    #[must_use]
    pub const fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Returns the probes of the process: of all services of the registry, and all their loops. They answer as the server of
    /// [`Builder::http`](crate::Builder::http) does, and are a service to be mounted in an existing HTTP server. A clone may outlive the
    /// supervision.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn probes(&self) -> livebus_endpoints::Probes {
        livebus_endpoints::Probes::new(self.readiness.clone())
    }

    /// Returns the clock and the timers of the supervision.
    #[must_use]
    pub const fn time(&self) -> &Arc<dyn Time> {
        &self.time
    }

    /// Returns the configuration in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the bus.
    #[must_use]
    pub fn bus(&self) -> &B {
        &self.bus
    }

    /// Returns the address at which the probes are served, if they are, with the port that was chosen for port 0.
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
