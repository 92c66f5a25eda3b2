//! What a person can do about a failure of Kafka.

use livebus_core::{Failure, FailureClass};

/// Returns what a person can do about `failure`, as one imperative sentence without a full stop. Its class decides.
#[must_use]
pub fn remedy(failure: Failure) -> &'static str {
    match failure.class {
        FailureClass::Unreachable => "check that a broker runs at the bootstrap servers' addresses",
        FailureClass::Timeout => {
            "check whether the brokers hang or are overloaded, and the network to them"
        }
        FailureClass::NameResolution => "check the host names among the bootstrap servers",
        FailureClass::Tls => "check the certificates and `security.protocol`",
        FailureClass::Authentication => "check the SASL mechanism, user and password",
        FailureClass::Authorization => "allow this user to write to the liveness topic",
        FailureClass::TopicMissing => {
            "create the liveness topic, or allow this user to see it, or check by metadata (`LivenessBy::Metadata`, `--ask metadata`)"
        }
        FailureClass::NoLeader => {
            "wait for the election; if it does not end, look at the controller"
        }
        FailureClass::NotEnoughReplicas => {
            "bring the missing replicas back, or set `acks=1` if that is enough"
        }
        FailureClass::Throttled => "raise the client's quota",
        FailureClass::QueueFull => "look at what fills the producer's queue",
        FailureClass::ClientFatal => {
            "wait for the next client; if the status is Failed, restart the service"
        }
        FailureClass::Other | _ => "look at the client's log",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_class_has_a_remedy_of_its_own() {
        let mut remedies = HashSet::new();
        for class in FailureClass::ALL {
            let remedy = remedy(class.into());
            assert!(remedy.contains(' ') && !remedy.ends_with('.'), "{class}");
            assert!(remedies.insert(remedy), "{class}: {remedy}");
        }
    }

    #[test]
    fn the_number_of_a_failure_does_not_change_its_remedy() {
        let class = FailureClass::Unreachable;
        assert_eq!(
            remedy(Failure::with_code(class, -195)),
            remedy(class.into())
        );
    }
}
