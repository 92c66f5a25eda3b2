//! Whether evidence counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use livebus_runner::Observations;

/// Why evidence does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Distrust {
    /// What the wrong cluster does proves nothing.
    WrongCluster = 1,
    /// A topic without which the service is not ready cannot be used, or it is not known yet whether it can.
    RequiredTopic = 2,
    /// Deliveries of the service to a topic fail.
    FailedDelivery = 4,
}

/// Ignores the evidence of a bus while there is any reason to.
#[derive(Debug)]
pub(crate) struct EvidenceGate {
    reasons: AtomicU8,
    observations: Arc<Observations>,
}

impl EvidenceGate {
    /// Returns a gate without a reason to ignore evidence.
    pub(crate) const fn new(observations: Arc<Observations>) -> Self {
        Self {
            reasons: AtomicU8::new(0),
            observations,
        }
    }

    /// Removes all reasons: another supervision begins.
    pub(crate) fn reset(&self) {
        self.reasons.store(0, Ordering::Release);
        self.observations.ignore_evidence(false);
    }

    /// Adds or removes a reason.
    pub(crate) fn set(&self, reason: Distrust, is_given: bool) {
        let bit = reason as u8;
        let reasons = if is_given {
            self.reasons.fetch_or(bit, Ordering::AcqRel) | bit
        } else {
            self.reasons.fetch_and(!bit, Ordering::AcqRel) & !bit
        };
        self.observations.ignore_evidence(reasons != 0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn evidence_counts_again_when_no_reason_is_left() {
        let observations = Arc::<Observations>::default();
        let gate = EvidenceGate::new(Arc::clone(&observations));
        let counts = || {
            observations.evidence_at(Instant::now());
            observations.take().live.is_some()
        };
        assert!(counts());
        gate.set(Distrust::WrongCluster, true);
        gate.set(Distrust::RequiredTopic, true);
        assert!(!counts());
        gate.set(Distrust::WrongCluster, false);
        assert!(!counts());
        gate.set(Distrust::RequiredTopic, false);
        assert!(counts());
    }
}
