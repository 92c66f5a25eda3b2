//! What a failure proves and how much it says: the tables of the core's documentation, written down a second time.

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
    /// It may have been bad luck.
    Ambiguous,
    /// The leaders are missing, and others answer.
    Partial,
    /// The bus lives, and refuses for a reason of ours.
    Refusal,
}

/// Each class, what it proves, and how much it says.
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

/// Of two failures the one that says more; the newer if they say as much.
pub(super) fn most_specific(older: Failure, newer: Failure) -> Failure {
    let says = |failure: Failure| entry(failure.class).1;
    if says(older) > says(newer) {
        older
    } else {
        newer
    }
}

/// Whether two causes are the same but for the number that the client library gave the failure.
pub(super) fn same_reason(one: Cause, other: Cause) -> bool {
    let unnumbered = |cause: Cause| match cause {
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
        _ => unreachable!("a cause that the model does not know: {cause}"),
    };
    unnumbered(one) == unnumbered(other)
}
