//! What can go wrong with a bus, sorted by what it proves.

use std::fmt;

/// No answer came in time.
pub(crate) const TIMED_OUT: Failure = Failure::new(FailureClass::Timeout);

/// One failure, small enough to copy into every report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// What went wrong.
    pub class: FailureClass,
    /// The error code of the client library, to be looked up there. It never decides anything.
    pub code: Option<i32>,
}

impl Failure {
    /// Returns a failure of `class` without an error code of a client library.
    #[must_use]
    pub const fn new(class: FailureClass) -> Self {
        Self { class, code: None }
    }

    /// Returns a failure of `class` with the client library's error code.
    #[must_use]
    pub const fn with_code(class: FailureClass, code: i32) -> Self {
        Self {
            class,
            code: Some(code),
        }
    }
}

impl Failure {
    /// Returns the more specific of two failures that belong together; `newer` if they are equally specific.
    ///
    /// A client library that cannot log in reports that once, then that no broker is reachable, then nothing until a timeout.
    #[must_use]
    pub fn most_specific(self, newer: Self) -> Self {
        let rank = |failure: Self| match failure.class {
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
        if rank(newer) >= rank(self) {
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

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum FailureClass {
    /// No connection to any broker: refused, reset, closed, or no route.
    Unreachable = 1,
    /// No answer in time.
    Timeout,
    /// A broker's name does not resolve.
    NameResolution,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The broker rejects the client's identity or its proof.
    Authentication,
    /// The broker knows the client and does not allow the request.
    Authorization,
    /// The topic or the partition of the request does not exist.
    TopicMissing,
    /// The partitions of the request have no leader now.
    NoLeader,
    /// Too few replicas are in sync for the acknowledgement that was requested.
    NotEnoughReplicas,
    /// The broker limits the client by a quota or a policy.
    Throttled,
    /// The client's own queue is full.
    QueueFull,
    /// The client cannot recover and must be replaced.
    ClientFatal,
    /// Anything that no other class names.
    Other,
}

impl FailureClass {
    /// Every class, in the order of declaration.
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

    /// Returns what a failure of this class proves about the bus, and so how the supervisor treats it.
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

    /// Returns a stable name for logs, metrics and JSON.
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

    /// Returns the class with this [name](Self::name), to read recordings back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
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
    /// It may have been chance: not ready after several in a row.
    Ambiguous,
    /// Other brokers answer, only the leaders of the request are missing: ready with a warning for a while.
    Partial,
    /// The broker rejected the request for a reason on the client's side. The bus is alive: ready, with a warning that stays.
    Rejected,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_found_by_its_name() {
        for class in FailureClass::ALL {
            assert_eq!(FailureClass::from_name(class.name()), Some(class));
            assert_eq!(class.to_string(), class.name());
        }
        assert_eq!(FailureClass::from_name("timeout"), None);
    }

    #[test]
    fn display_shows_the_code_of_a_failure_that_has_one() {
        let failure = Failure::new(FailureClass::Tls);
        assert_eq!(failure.to_string(), "Tls");
        let failure = Failure::with_code(FailureClass::Tls, -181);
        assert_eq!(failure.to_string(), "Tls (code -181)");
    }
}
