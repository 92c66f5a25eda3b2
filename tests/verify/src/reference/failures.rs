//! What a failure proves and how specific it is: the tables of the core's documentation, written a second time.

use livebus_core::FailureClass::{
    self, AdvertisedAddress, Authentication, Authorization, BrokerUnreachable, ClientFatal,
    HandlerStalled, NameResolution, NoLeader, NotEnoughReplicas, Other, QueueFull, RecordFailed,
    RecordRejected, RecordsRemoved, ReplicasSilent, RequiredTopicUnusable, SecurityProtocol,
    Throttled, Timeout, Tls, TopicMissing, TopicUnusable, Unreachable, Unresponsive, WrongCluster,
};
use livebus_core::{Cause, Failure};

/// What a failed liveness message proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proves {
    /// The client is lost.
    Loss,
    /// The bus cannot be used.
    Definitive,
    /// The failure may be temporary.
    Ambiguous,
    /// A part of the bus answers.
    Partial,
    /// The bus works, and rejects the message for a reason on our side.
    Refusal,
}

/// Each class, what it proves, and how specific it is.
#[rustfmt::skip]
const CLASSES: [(FailureClass, Proves, u8); 25] = [
    (Unreachable,           Proves::Ambiguous,  3),
    (Unresponsive,          Proves::Ambiguous,  3),
    (Timeout,               Proves::Ambiguous,  0),
    (BrokerUnreachable,     Proves::Partial,    2),
    (NameResolution,        Proves::Ambiguous,  4),
    (AdvertisedAddress,     Proves::Ambiguous,  4),
    (SecurityProtocol,      Proves::Definitive, 4),
    (Tls,                   Proves::Definitive, 4),
    (Authentication,        Proves::Definitive, 4),
    (WrongCluster,          Proves::Definitive, 4),
    (Authorization,         Proves::Refusal,    4),
    (TopicMissing,          Proves::Refusal,    4),
    (RecordRejected,        Proves::Refusal,    4),
    (TopicUnusable,         Proves::Refusal,    4),
    (RequiredTopicUnusable, Proves::Definitive, 4),
    (NoLeader,              Proves::Partial,    3),
    (ReplicasSilent,        Proves::Partial,    3),
    (NotEnoughReplicas,     Proves::Definitive, 4),
    (Throttled,             Proves::Refusal,    4),
    (QueueFull,             Proves::Ambiguous,  1),
    (ClientFatal,           Proves::Loss,       4),
    (RecordFailed,          Proves::Ambiguous,  4),
    (RecordsRemoved,        Proves::Ambiguous,  4),
    (HandlerStalled,        Proves::Ambiguous,  4),
    (Other,                 Proves::Ambiguous,  1),
];

fn entry(class: FailureClass) -> (Proves, u8) {
    let row = CLASSES.iter().find(|row| row.0 == class);
    row.map(|row| (row.1, row.2))
        .expect("the table has every class")
}

pub(super) fn proves(failure: Failure) -> Proves {
    entry(failure.class).0
}

/// Returns the more specific of two failures, or the newer one if they are equally specific.
pub(super) fn most_specific(older: Failure, newer: Failure) -> Failure {
    let specificity = |failure: Failure| entry(failure.class).1;
    if specificity(older) > specificity(newer) {
        older
    } else {
        newer
    }
}

/// Returns whether two causes are equal, apart from the code that the client library gave the failure.
pub(super) fn same_reason(one: Cause, other: Cause) -> bool {
    let without_code = |cause: Cause| match cause {
        Cause::StartFailed(failure) => Cause::StartFailed(Failure::new(failure.class)),
        Cause::LivenessFailed(failure) => Cause::LivenessFailed(Failure::new(failure.class)),
        Cause::ClientLost(failure) => Cause::ClientLost(Failure::new(failure.class)),
        Cause::HandlerFailed(id, failure) => Cause::HandlerFailed(id, Failure::new(failure.class)),
        Cause::Unreported
        | Cause::Configured
        | Cause::Starting
        | Cause::Evidence
        | Cause::Starved
        | Cause::ShuttingDown
        | Cause::ShutDown
        | Cause::ForcedStop
        | Cause::Reported => cause,
        _ => unreachable!("unknown cause: {cause}"),
    };
    without_code(one) == without_code(other)
}
