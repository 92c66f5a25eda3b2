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
        if self.is_more_specific_than(newer) {
            self
        } else {
            newer
        }
    }

    pub(crate) fn is_more_specific_than(self, other: Self) -> bool {
        self.class.specificity() > other.class.specificity()
    }
}

/// How much a failure says about its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    /// Nothing but that there was no answer.
    Silence,
    /// The client library says something, and it is not known what is behind it.
    Symptom,
    /// What happened to the connection to one of several brokers.
    Broker,
    /// What the brokers do, or do not, without a reason.
    Bus,
    /// The reason itself.
    Reason,
}

impl FailureClass {
    const fn specificity(self) -> Specificity {
        match self {
            Self::Timeout => Specificity::Silence,
            // A queue fills for whatever reason the bus takes nothing.
            Self::Other | Self::QueueFull => Specificity::Symptom,
            Self::BrokerUnreachable => Specificity::Broker,
            // Equally specific: that no broker can be reached, after a part of them answered, is the newer truth.
            Self::Unreachable | Self::Unresponsive | Self::NoLeader | Self::ReplicasSilent => {
                Specificity::Bus
            }
            Self::NameResolution
            | Self::AdvertisedAddress
            | Self::SecurityProtocol
            | Self::Tls
            | Self::Authentication
            | Self::WrongCluster
            | Self::Authorization
            | Self::TopicMissing
            | Self::RecordRejected
            | Self::TopicUnusable
            | Self::RequiredTopicUnusable
            | Self::NotEnoughReplicas
            | Self::Throttled
            | Self::ClientFatal
            | Self::RecordFailed
            | Self::RecordsRemoved
            | Self::HandlerStalled => Specificity::Reason,
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
    /// A broker accepts connections and does not answer.
    Unresponsive,
    /// No answer in time.
    Timeout,
    /// One of several brokers cannot be reached.
    BrokerUnreachable,
    /// A broker's name does not resolve.
    NameResolution,
    /// A bootstrap server answers, and the brokers that it names cannot be reached at their addresses.
    AdvertisedAddress,
    /// Client and broker do not speak the same protocol: one wants TLS or SASL and the other does not, or the broker is none.
    SecurityProtocol,
    /// The TLS handshake failed, or the certificate is not trusted.
    Tls,
    /// The broker rejects the client's identity or its proof.
    Authentication,
    /// The brokers belong to another cluster than the one that was proved to work.
    WrongCluster,
    /// The broker knows the client and does not allow the request.
    Authorization,
    /// The topic or the partition of the request does not exist.
    TopicMissing,
    /// The broker rejects the record for what it is: its size, its timestamp, its form.
    RecordRejected,
    /// A topic that the service needs cannot be used.
    TopicUnusable,
    /// A topic without which the service is not ready cannot be used.
    RequiredTopicUnusable,
    /// The partitions of the request have no leader now.
    NoLeader,
    /// The leaders answer, and wait in vain for the other in-sync replicas.
    ReplicasSilent,
    /// Too few replicas are in sync for the acknowledgement that was requested.
    NotEnoughReplicas,
    /// The broker limits the client by a quota or a policy.
    Throttled,
    /// The client's own queue is full.
    QueueFull,
    /// The client cannot recover and must be replaced.
    ClientFatal,
    /// A request handler's function fails for a record, and its partition stopped there. Of a handler only, never of the bus.
    RecordFailed,
    /// Records were removed before a request handler fetched them. Of a handler only, never of the bus.
    RecordsRemoved,
    /// A record waits for a request handler for too long. Of a handler only, never of the bus.
    HandlerStalled,
    /// Anything that no other class names.
    Other,
}

impl FailureClass {
    /// Every class, in the order of declaration.
    pub const ALL: [Self; 25] = [
        Self::Unreachable,
        Self::Unresponsive,
        Self::Timeout,
        Self::BrokerUnreachable,
        Self::NameResolution,
        Self::AdvertisedAddress,
        Self::SecurityProtocol,
        Self::Tls,
        Self::Authentication,
        Self::WrongCluster,
        Self::Authorization,
        Self::TopicMissing,
        Self::RecordRejected,
        Self::TopicUnusable,
        Self::RequiredTopicUnusable,
        Self::NoLeader,
        Self::ReplicasSilent,
        Self::NotEnoughReplicas,
        Self::Throttled,
        Self::QueueFull,
        Self::ClientFatal,
        Self::RecordFailed,
        Self::RecordsRemoved,
        Self::HandlerStalled,
        Self::Other,
    ];

    /// Returns what a failure of this class proves about the bus, and so how the supervisor treats it.
    #[must_use]
    pub const fn kind(self) -> FailureKind {
        match self {
            Self::SecurityProtocol
            | Self::Tls
            | Self::Authentication
            | Self::WrongCluster
            | Self::RequiredTopicUnusable
            | Self::NotEnoughReplicas
            | Self::ClientFatal => FailureKind::Definitive,
            Self::Unreachable
            | Self::Unresponsive
            | Self::Timeout
            | Self::NameResolution
            | Self::AdvertisedAddress
            | Self::QueueFull
            | Self::RecordFailed
            | Self::RecordsRemoved
            | Self::HandlerStalled
            | Self::Other => FailureKind::Ambiguous,
            Self::BrokerUnreachable | Self::NoLeader | Self::ReplicasSilent => FailureKind::Partial,
            Self::Authorization
            | Self::TopicMissing
            | Self::RecordRejected
            | Self::TopicUnusable
            | Self::Throttled => FailureKind::Rejected,
        }
    }

    /// Returns a stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "Unreachable",
            Self::Unresponsive => "Unresponsive",
            Self::Timeout => "Timeout",
            Self::BrokerUnreachable => "BrokerUnreachable",
            Self::NameResolution => "NameResolution",
            Self::AdvertisedAddress => "AdvertisedAddress",
            Self::SecurityProtocol => "SecurityProtocol",
            Self::Tls => "Tls",
            Self::Authentication => "Authentication",
            Self::WrongCluster => "WrongCluster",
            Self::Authorization => "Authorization",
            Self::TopicMissing => "TopicMissing",
            Self::RecordRejected => "RecordRejected",
            Self::TopicUnusable => "TopicUnusable",
            Self::RequiredTopicUnusable => "RequiredTopicUnusable",
            Self::NoLeader => "NoLeader",
            Self::ReplicasSilent => "ReplicasSilent",
            Self::NotEnoughReplicas => "NotEnoughReplicas",
            Self::Throttled => "Throttled",
            Self::QueueFull => "QueueFull",
            Self::ClientFatal => "ClientFatal",
            Self::RecordFailed => "RecordFailed",
            Self::RecordsRemoved => "RecordsRemoved",
            Self::HandlerStalled => "HandlerStalled",
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
    /// A part of the bus answers, and what is missing may come back on its own: ready with a warning for a while.
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
    fn each_class_is_more_specific_than_those_that_say_less_about_the_reason() {
        use FailureClass::{
            BrokerUnreachable, NotEnoughReplicas, Other, QueueFull, Timeout, Unreachable,
        };
        let ascending = [
            Timeout,
            Other,
            BrokerUnreachable,
            Unreachable,
            NotEnoughReplicas,
        ];
        for [vaguer, more_specific] in ascending.array_windows() {
            let (vaguer, more_specific) = (Failure::new(*vaguer), Failure::new(*more_specific));
            assert_eq!(vaguer.most_specific(more_specific), more_specific);
            assert_eq!(more_specific.most_specific(vaguer), more_specific);
        }
        let (full, other) = (Failure::new(QueueFull), Failure::with_code(Other, 9));
        assert_eq!(full.most_specific(other), other);
        assert_eq!(other.most_specific(full), full);
    }

    #[test]
    fn display_shows_the_code_of_a_failure_that_has_one() {
        let failure = Failure::new(FailureClass::Tls);
        assert_eq!(failure.to_string(), "Tls");
        let failure = Failure::with_code(FailureClass::Tls, -181);
        assert_eq!(failure.to_string(), "Tls (code -181)");
    }
}
