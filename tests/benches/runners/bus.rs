//! A bus that answers at once or never, and reports each liveness message.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::channel::mpsc::UnboundedSender;
use livebus_core::{ClientId, Failure};
use livebus_runner::{Bus, Observations};

/// Clones share one bus.
#[derive(Debug, Clone, Default)]
pub(crate) struct PromptBus(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    observations: Observations,
    silent: AtomicBool,
    messages: Option<UnboundedSender<Instant>>,
}

impl PromptBus {
    /// Creates a bus that sends the instant at which each liveness message begins to `messages`.
    pub(crate) fn reporting(messages: UnboundedSender<Instant>) -> Self {
        Self(Arc::new(Inner {
            messages: Some(messages),
            ..Inner::default()
        }))
    }

    /// Stops answering.
    pub(crate) fn fall_silent(&self) {
        self.0.silent.store(true, Ordering::Relaxed);
    }
}

impl Bus for PromptBus {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        if let Some(messages) = &self.0.messages {
            // Fails only at the end of the benchmark.
            let _ = messages.unbounded_send(Instant::now());
        }
        if self.0.silent.load(Ordering::Relaxed) {
            pending().await
        } else {
            Ok(())
        }
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.0.observations
    }
}
