//! What goes into the supervisor.

use std::time::Instant;

use crate::failure::Failure;
use crate::ids::{ClientId, LivenessId, RegistrationId, StopId};

/// Something that happened, the input of [`Supervisor::handle_event`](crate::Supervisor::handle_event).
///
/// Four of them answer an action and carry its id; the answer to anything but the operation in flight is stale:
/// counted and ignored. The other five come on their own.
///
/// Exhaustive on purpose: code that records or replays events must handle each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Answers [`Action::Start`](crate::Action::Start).
    StartAnswered {
        /// The action's id.
        id: ClientId,
        /// Whether there is a client now. A failed start must have left nothing behind.
        result: Result<(), Failure>,
    },
    /// Answers [`Action::SendLiveness`](crate::Action::SendLiveness).
    LivenessAnswered {
        /// The action's id.
        id: LivenessId,
        /// Whether the bus did its work.
        result: Result<(), Failure>,
    },
    /// Answers [`Action::RegisterHandler`](crate::Action::RegisterHandler).
    RegistrationAnswered {
        /// The action's id.
        id: RegistrationId,
        /// Whether the handler is registered now.
        result: Result<(), Failure>,
    },
    /// A registered handler fails, or works again. Not an answer: it may come any number of times while the handler is registered.
    HandlerHealth {
        /// The registration by which the handler was registered.
        id: RegistrationId,
        /// Whether the handler does its work now.
        result: Result<(), Failure>,
    },
    /// Answers [`Action::Stop`](crate::Action::Stop).
    StopAnswered {
        /// The action's id.
        id: StopId,
        /// Whether everything was flushed and closed.
        result: Result<(), Failure>,
    },
    /// Ordinary traffic proved that the bus works: a delivery, a fetched record, an answered request.
    ///
    /// May be coalesced: only the newest instant counts. An older one than is known already is ignored. It counts before
    /// any deadline fires that is due by now.
    Live {
        /// When it was observed, which may be before it is delivered.
        at: Instant,
    },
    /// A suspicion that the bus, or a part of it, may be gone: "all brokers down", a dropped connection. It decides nothing on its own.
    Suspicion(Failure),
    /// The client is beyond repair.
    ClientLost {
        /// The id of the start that made it.
        client: ClientId,
        /// What broke it.
        failure: Failure,
    },
    /// The service requests the shutdown.
    Shutdown,
}
