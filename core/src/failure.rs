//! What can go wrong with a bus, sorted by what it proves.

use std::fmt;

/// An answer that did not come in time.
pub(crate) const TIMED_OUT: Failure = Failure::new(FailureClass::Timeout);

/// One failure, small enough to copy into every report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// What went wrong.
    pub class: FailureClass,
    /// The number that the client library gave it, to look it up there. Never decides anything.
    pub code: Option<i32>,
}

impl Failure {
    /// A failure of `class` that no client library numbered.
    #[must_use]
    pub const fn new(class: FailureClass) -> Self {
        Self { class, code: None }
    }

    /// A failure of `class` that the client library calls `code`.
    #[must_use]
    pub const fn with_code(class: FailureClass, code: i32) -> Self {
        Self {
            class,
            code: Some(code),
        }
    }
}

impl Failure {
    /// Of two failures that belong together, the one that says more; `newer` if they say as much.
    ///
    /// A client library that cannot log in says so once, then that no broker is reachable, then nothing until a timeout.
    #[must_use]
    pub fn most_specific(self, newer: Self) -> Self {
        let says = |failure: Self| match failure.class {
            FailureClass::Timeout => 0,
            FailureClass::Unreachable | FailureClass::Other => 1,
            FailureClass::NameResolution
            | FailureClass::Tls
            | FailureClass::Authentication
            | FailureClass::Authorization
            | FailureClass::TopicMissing
            | FailureClass::NoLeader
            | FailureClass::NotEnoughReplicas
            | FailureClass::Throttled
            | FailureClass::QueueFull
            | FailureClass::ClientFatal => 2,
        };
        if says(newer) >= says(self) {
            newer
        } else {
            self
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{} (code {code})", self.class),
            None => self.class.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<FailureClass> for Failure {
    fn from(class: FailureClass) -> Self {
        Self::new(class)
    }
}

/// What went wrong, sorted by what has to be fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FailureClass {
    /// No connection to any broker: refused, reset, closed, or no route.
    Unreachable = 1,
    /// Nothing came back in time.
    Timeout,
    /// A broker's name does not resolve.
    NameResolution,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The broker does not accept the client's identity.
    Authentication,
    /// The broker accepts the client's identity and does not allow the request.
    Authorization,
    /// The topic or the partition of the request does not exist.
    TopicMissing,
    /// The partitions of the request have no leader at present.
    NoLeader,
    /// Fewer replicas are in sync than the requested acknowledgement needs.
    NotEnoughReplicas,
    /// The broker limits the client: quota or policy.
    Throttled,
    /// The client's own queue is full.
    QueueFull,
    /// The client is beyond repair and must be built again.
    ClientFatal,
    /// Anything that the others do not name.
    Other,
}

impl FailureClass {
    /// Every class, in the order of their declaration.
    pub const ALL: [Self; 13] = [
        Self::Unreachable,
        Self::Timeout,
        Self::NameResolution,
        Self::Tls,
        Self::Authentication,
        Self::Authorization,
        Self::TopicMissing,
        Self::NoLeader,
        Self::NotEnoughReplicas,
        Self::Throttled,
        Self::QueueFull,
        Self::ClientFatal,
        Self::Other,
    ];

    /// What this failure proves about the bus, and so how the supervisor takes it.
    #[must_use]
    pub const fn kind(self) -> FailureKind {
        match self {
            Self::Tls | Self::Authentication | Self::NotEnoughReplicas | Self::ClientFatal => {
                FailureKind::Definitive
            }
            Self::Unreachable
            | Self::Timeout
            | Self::NameResolution
            | Self::QueueFull
            | Self::Other => FailureKind::Ambiguous,
            Self::NoLeader => FailureKind::Partial,
            Self::Authorization | Self::TopicMissing | Self::Throttled => FailureKind::Rejected,
        }
    }

    /// A stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "Unreachable",
            Self::Timeout => "Timeout",
            Self::NameResolution => "NameResolution",
            Self::Tls => "Tls",
            Self::Authentication => "Authentication",
            Self::Authorization => "Authorization",
            Self::TopicMissing => "TopicMissing",
            Self::NoLeader => "NoLeader",
            Self::NotEnoughReplicas => "NotEnoughReplicas",
            Self::Throttled => "Throttled",
            Self::QueueFull => "QueueFull",
            Self::ClientFatal => "ClientFatal",
            Self::Other => "Other",
        }
    }

    /// The class with this [name](Self::name), for recordings that are read back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// What a person can do about it, as one imperative sentence without a full stop.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unreachable => "check that a broker runs at the bootstrap servers' addresses",
            Self::Timeout => "check whether the brokers hang, are overloaded, or are cut off",
            Self::NameResolution => "check the host names among the bootstrap servers",
            Self::Tls => "check the certificates and `security.protocol`",
            Self::Authentication => "check the SASL mechanism, user and password",
            Self::Authorization => "allow this user to write to the liveness topic",
            Self::TopicMissing => {
                "create the liveness topic, or allow this user to see it; or ask by metadata"
            }
            Self::NoLeader => "wait for the election; if it does not end, look at the controller",
            Self::NotEnoughReplicas => {
                "bring the missing replicas back, or ask for `acks=1` if that is enough"
            }
            Self::Throttled => "raise the client's quota",
            Self::QueueFull => "look at what fills the producer's queue",
            Self::ClientFatal => "wait: the client is built anew",
            Self::Other => "look at the client's log",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a failure proves about the bus. Exhaustive on purpose: code that decides by it must decide for each.
///
/// The distinction is what keeps a readiness from flapping: a closed idle connection is not a dead bus, a missing
/// topic is not a network fault, and one missing broker is not a missing cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The bus cannot be used as it is configured: not ready at once.
    Definitive,
    /// It may have been bad luck: not ready after several in a row.
    Ambiguous,
    /// Only the leaders of the request are missing, other brokers answer: ready with a warning for a limited time.
    Partial,
    /// The broker answered and rejected the request, for a reason on the client's side. The bus lives: ready, with a warning that stays.
    Rejected,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_name_that_leads_back_to_it_and_a_remedy_of_its_own() {
        let mut remedies = Vec::new();
        for class in FailureClass::ALL {
            assert_eq!(FailureClass::from_name(class.name()), Some(class));
            assert_eq!(class.to_string(), class.name());
            assert!(class.remedy().contains(' '), "{class}");
            remedies.push(class.remedy());
        }
        remedies.sort_unstable();
        remedies.dedup();
        assert_eq!(remedies.len(), FailureClass::ALL.len());
        assert_eq!(FailureClass::from_name("timeout"), None);
    }

    #[test]
    fn a_failure_is_displayed_with_its_code_if_it_has_one() {
        let failure = Failure::new(FailureClass::Tls);
        assert_eq!(failure.to_string(), "Tls");
        let failure = Failure::with_code(FailureClass::Tls, -181);
        assert_eq!(failure.to_string(), "Tls (code -181)");
    }
}
