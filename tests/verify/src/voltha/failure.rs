//! The failures of an environment: the text that VOLTHA reads, and the class that livebus reads.

use livebus_core::FailureClass;

/// One failure, as both sides receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusFailure {
    /// The text of the Go client's error.
    pub text: &'static str,
    /// The class that a runner of livebus reports to the core.
    pub class: FailureClass,
}

impl BusFailure {
    /// Errors of a producer or a consumer; the texts are those of the client library and of Go's net package.
    pub const ALL: [Self; 20] = [
        // These seven count as a loss of liveness.
        Self::new("context deadline exceeded", FailureClass::Timeout),
        Self::new(
            "kafka: client has run out of available brokers to talk to (Is your cluster reachable?)",
            FailureClass::Unreachable,
        ),
        Self::new(
            "kafka: message received by producer in process of shutting down",
            FailureClass::Other,
        ),
        Self::new(
            "kafka: controller is not available",
            FailureClass::Unreachable,
        ),
        Self::new("circuit breaker is open", FailureClass::Unreachable),
        Self::new(
            "dial tcp 10.0.0.1:9092: connect: connection refused",
            FailureClass::Unreachable,
        ),
        Self::new(
            "read tcp 10.0.0.2:40000->10.0.0.1:9092: i/o timeout",
            FailureClass::Timeout,
        ),
        // These do not.
        Self::new("EOF", FailureClass::Unreachable),
        Self::new(
            "read tcp 10.0.0.2:40000->10.0.0.1:9092: read: connection reset by peer",
            FailureClass::Unreachable,
        ),
        Self::new(
            "dial tcp 10.0.0.1:9092: connect: no route to host",
            FailureClass::Unreachable,
        ),
        Self::new(
            "dial tcp 10.0.0.1:9092: connect: connection timed out",
            FailureClass::Timeout,
        ),
        Self::new(
            "dial tcp: lookup kafka: no such host",
            FailureClass::NameResolution,
        ),
        Self::new(
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            FailureClass::Tls,
        ),
        Self::new(
            "kafka server: SASL Authentication failed.",
            FailureClass::Authentication,
        ),
        Self::new(
            "kafka server: The client is not authorized to access this topic.",
            FailureClass::Authorization,
        ),
        Self::new(
            "kafka server: Request was for a topic or partition that does not exist on this broker.",
            FailureClass::TopicMissing,
        ),
        Self::new(
            "kafka server: In the middle of a leadership election, there is currently no leader for this partition and hence it is unavailable for writes.",
            FailureClass::NoLeader,
        ),
        Self::new(
            "kafka server: Messages are rejected since there are fewer in-sync replicas than required.",
            FailureClass::NotEnoughReplicas,
        ),
        Self::new(
            "kafka server: Request parameters do not satisfy the configured policy.",
            FailureClass::Throttled,
        ),
        Self::new(
            "kafka: tried to use a client that was closed",
            FailureClass::ClientFatal,
        ),
    ];

    /// Returns whether it is ambiguous, so that a newer success outweighs it.
    #[must_use]
    pub fn is_ambiguous(self) -> bool {
        [
            FailureClass::Unreachable,
            FailureClass::Timeout,
            FailureClass::NameResolution,
            FailureClass::QueueFull,
            FailureClass::Other,
        ]
        .contains(&self.class)
    }

    /// Returns whether the client is lost: no later call on it can succeed.
    #[must_use]
    pub fn loses_the_client(self) -> bool {
        self.class == FailureClass::ClientFatal
    }

    const fn new(text: &'static str, class: FailureClass) -> Self {
        Self { text, class }
    }
}
