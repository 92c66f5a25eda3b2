//! What the own clients of one configuration share with the bus that is made of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use livebus_runner::Observations;

use crate::evidence_gate::EvidenceGate;
use crate::properties::BootstrapServers;

use super::failed_deliveries::FailedDeliveries;

/// What the own clients of one configuration report to: the bus that is made of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) observations: Arc<Observations>,
    pub(crate) gate: Arc<EvidenceGate>,
    pub(crate) deliveries: FailedDeliveries,
    /// A bus reads the observations.
    is_claimed: AtomicBool,
    /// The `live_interval` of the bus in milliseconds; 0 without one.
    live_interval: AtomicU64,
}

impl Shared {
    /// Returns what those of the bus at these bootstrap servers share.
    pub(crate) fn new(servers: &BootstrapServers) -> Arc<Self> {
        let observations = Arc::<Observations>::default();
        let gate = Arc::new(EvidenceGate::new(Arc::clone(&observations)));
        let deliveries =
            FailedDeliveries::new(servers, Arc::clone(&observations), Arc::clone(&gate));
        Arc::new(Self {
            observations,
            gate,
            deliveries,
            is_claimed: AtomicBool::new(false),
            live_interval: AtomicU64::new(0),
        })
    }

    pub(super) fn live_interval(&self) -> Option<Duration> {
        let millis = self.live_interval.load(Ordering::Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }
}

/// Of the one bus at a time that reads the observations of its own clients.
#[derive(Debug)]
pub(crate) struct Claim(Arc<Shared>);

impl Claim {
    /// Takes the observations for a bus. Returns `None` while another has them.
    pub(crate) fn of(shared: &Arc<Shared>, live_interval: Duration) -> Option<Self> {
        if shared.is_claimed.swap(true, Ordering::AcqRel) {
            return None;
        }
        let millis = u64::try_from(live_interval.as_millis()).unwrap_or(u64::MAX);
        shared.live_interval.store(millis.max(1), Ordering::Relaxed);
        shared.gate.reset();
        Some(Self(Arc::clone(shared)))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.is_claimed.store(false, Ordering::Release);
    }
}
