//! The readiness as a stream of changes.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::Stream;
use livebus_core::{Report, Status};

/// One change of what is known about a service: of its status, its cause or its warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// The status before.
    pub from: Status,
    /// What is known now.
    pub report: Report,
    /// When it changed.
    pub at: Instant,
}

impl StatusChange {
    /// How long the bus had not been proved to work when this was noticed: for a loss, the detection time at most.
    /// `None` when there was never any proof.
    #[must_use]
    pub fn unproved_for(&self) -> Option<Duration> {
        self.report
            .evidence
            .map(|evidence| self.at.saturating_duration_since(evidence))
    }
}

/// Every change from the subscription on, in order. Ends when the supervision has ended.
///
/// Nothing is dropped for a slow reader: changes are few, and each matters.
#[derive(Debug)]
pub struct Changes(UnboundedReceiver<StatusChange>);

impl Stream for Changes {
    type Item = StatusChange;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<StatusChange>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}

/// Those who want to know. Clones share everything.
#[derive(Debug, Clone)]
pub struct Subscribers {
    /// `None` once there is nothing more to tell.
    senders: Arc<Mutex<Option<Vec<UnboundedSender<StatusChange>>>>>,
}

impl Subscribers {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            senders: Arc::new(Mutex::new(Some(Vec::new()))),
        }
    }

    /// One more. After [`close`](Self::close) the stream has ended already.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        let (sender, receiver) = unbounded();
        if let Some(senders) = self.senders().as_mut() {
            senders.push(sender);
        }
        Changes(receiver)
    }

    /// Tells everyone who is still there.
    pub fn tell(&self, change: StatusChange) {
        if let Some(senders) = self.senders().as_mut() {
            senders.retain(|sender| sender.unbounded_send(change).is_ok());
        }
    }

    /// Ends all streams: there is nothing more to tell.
    pub fn close(&self) {
        *self.senders() = None;
    }

    fn senders(&self) -> MutexGuard<'_, Option<Vec<UnboundedSender<StatusChange>>>> {
        // Whoever panicked in here left the list whole.
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Subscribers {
    fn default() -> Self {
        Self::new()
    }
}
