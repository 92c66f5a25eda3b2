//! What a service holds while it is supervised.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures_channel::mpsc::UnboundedSender;
use futures_channel::oneshot;
use futures_util::StreamExt;
use livebus_core::{Config, Event, Readiness, Report, ServiceHandle, Status};
use livebus_endpoints::http::Server;
use livebus_endpoints::{Changes, Clock, Heartbeat, Subscribers};
use livebus_kafka::Bus;
use livebus_recording::Recording;

use crate::effects::Message;
use crate::time::Time;

/// A supervision that runs. Dropping it ends everything at once; [`shutdown`](Self::shutdown) does so in order.
pub struct Handle<B: Bus> {
    pub(crate) bus: Arc<B>,
    pub(crate) config: Config,
    pub(crate) readiness: Readiness,
    pub(crate) service: ServiceHandle,
    pub(crate) subscribers: Subscribers,
    pub(crate) clock: Clock,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) events: UnboundedSender<Message>,
    /// Held and never used: the loop ends when it is dropped.
    pub(crate) _owner: oneshot::Sender<()>,
    pub(crate) server: Option<Server>,
    pub(crate) recording: Option<Recording>,
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
    /// Whether the process is ready: an atomic load, a look at a coarse clock, a comparison.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.readiness.is_ready(self.clock.now())
    }

    /// The status of this service now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.service.report().status_at(self.clock.now())
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

    /// Every change of status from now on, with its cause.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.subscribers.subscribe()
    }

    /// Waits until this service is Running.
    ///
    /// # Errors
    ///
    /// [`EndedError`] when it is Failed, or the supervision ends before.
    pub async fn ready(&self) -> Result<(), EndedError> {
        let mut changes = self.changes();
        loop {
            match self.status() {
                Status::Running => return Ok(()),
                Status::Failed | Status::Stopped => return Err(EndedError(self.report())),
                Status::Unknown | Status::Preparing | Status::Prepared | Status::NotReady => {}
            }
            if changes.next().await.is_none() {
                return Err(EndedError(self.report()));
            }
        }
    }

    /// Shuts down in order, within [`Config::shutdown_bound`]: NotReady, the drain, then the closing. Gives what was known
    /// last. Until it is done, probes are answered.
    pub async fn shutdown(self) -> Report {
        self.begin_shutdown();
        self.ended().await;
        self.report()
    }

    /// Begins what [`shutdown`](Self::shutdown) does, without waiting for it. Once is enough, and more do no harm.
    pub fn begin_shutdown(&self) {
        // A loop that has ended already needs no telling.
        let _ = self
            .events
            .unbounded_send((self.time.now(), Event::Shutdown));
    }

    /// Waits until the supervision has ended.
    pub async fn ended(&self) {
        let mut changes = self.changes();
        while self.report().status != Status::Stopped && changes.next().await.is_some() {}
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
    #[must_use]
    pub fn http_address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// The recording, if there is one: whether it goes on, how it ended, and waiting for its last line.
    #[must_use]
    pub const fn recording(&self) -> Option<&Recording> {
        self.recording.as_ref()
    }
}

impl<B: Bus> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("service", &self.service.name())
            .field("report", &self.report())
            .field("http", &self.http_address())
            .finish_non_exhaustive()
    }
}
