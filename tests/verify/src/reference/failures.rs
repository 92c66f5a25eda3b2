//! What a failure proves and how specific it is: the tables of the core's documentation, written a second time.

use livebus_core::FailureClass::{
    self, Authentication, Authorization, ClientFatal, NameResolution, NoLeader, NotEnoughReplicas,
    Other, QueueFull, Throttled, Timeout, Tls, TopicMissing, Unreachable,
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
    /// Only leaders are missing; other brokers answer.
    Partial,
    /// The bus works, and rejects the message for a reason on our side.
    Refusal,
}

/// Each class, what it proves, and how specific it is.
#[rustfmt::skip]
const CLASSES: [(FailureClass, Proves, u8); 13] = [
    (Unreachable,       Proves::Ambiguous,  1),
    (Timeout,           Proves::Ambiguous,  0),
    (NameResolution,    Proves::Ambiguous,  2),
    (Tls,               Proves::Definitive, 2),
    (Authentication,    Proves::Definitive, 2),
    (Authorization,     Proves::Refusal,    2),
    (TopicMissing,      Proves::Refusal,    2),
    (NoLeader,          Proves::Partial,    2),
    (NotEnoughReplicas, Proves::Definitive, 2),
    (Throttled,         Proves::Refusal,    2),
    (QueueFull,         Proves::Ambiguous,  2),
    (ClientFatal,       Proves::Loss,       2),
    (Other,             Proves::Ambiguous,  1),
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
