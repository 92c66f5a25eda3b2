//! A cluster in memory, over which services call each other without Kafka: topics, positions of groups, and faults in the hand of a test.

mod calling;
mod cluster;
mod consuming;

use std::time::Instant;

use livebus_core::{ClientId, Failure, FailureClass};
use livebus_runner::{Bus, Observations};

pub use cluster::{MemoryCluster, SendFault, StoredRecord};

/// A bus on a cluster in memory.
#[derive(Debug)]
pub struct MemoryBus {
    cluster: MemoryCluster,
    observations: Observations,
}

impl MemoryCluster {
    /// Returns a bus on this cluster.
    #[must_use]
    pub fn bus(&self) -> MemoryBus {
        MemoryBus {
            cluster: self.clone(),
            observations: Observations::new(),
        }
    }
}

impl Bus for MemoryBus {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        if self.cluster.is_up() {
            Ok(())
        } else {
            Err(FailureClass::Unreachable.into())
        }
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }
}
