//! A bus that answers at once, or not at all, and says when it is asked.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::channel::mpsc::UnboundedSender;
use livebus_core::{ClientId, Failure};
use livebus_runner::{Bus, Observations};

/// Clones are the same bus.
#[derive(Debug, Clone, Default)]
pub(crate) struct PromptBus(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    observations: Observations,
    silent: AtomicBool,
    asked: Option<UnboundedSender<Instant>>,
}

impl PromptBus {
    /// One that tells `asked` of the instant at which each liveness message begins.
    pub(crate) fn telling(asked: UnboundedSender<Instant>) -> Self {
        Self(Arc::new(Inner {
            asked: Some(asked),
            ..Inner::default()
        }))
    }

    /// Answers no more.
    pub(crate) fn fall_silent(&self) {
        self.0.silent.store(true, Ordering::Relaxed);
    }
}

impl Bus for PromptBus {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        if let Some(asked) = &self.0.asked {
            // At the end of the benchmark nobody listens any more.
            let _ = asked.unbounded_send(Instant::now());
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
