//! What comes out of the supervisor.

use std::time::Instant;

use crate::ids::{ClientId, HandlerId, LivenessId, RegistrationId, StopId};
use crate::status::Report;

/// Something that the runner must do, from [`Supervisor::poll_action`](crate::Supervisor::poll_action).
///
/// `Start`, `SendLiveness`, `RegisterHandler` and `Stop` are operations: they take time, carry an id, and each is
/// answered once by the event of its name, unless it is given up before. The supervisor keeps the deadline itself; it is given so that an
/// operation can give up in time and say why. The others are done at once and have no answer.
///
/// Exhaustive on purpose: a new action must break the build of every runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make a client.
    Start {
        /// To be answered by [`Event::StartAnswered`](crate::Event::StartAnswered). From then on it names the client.
        id: ClientId,
        /// From 1; counted again from 1 after a start that made the bus live, and by one that replaces a client without proof.
        attempt: u32,
        /// When the supervisor gives up on it.
        deadline: Instant,
    },
    /// Send a liveness message: have the bus do its work once, now, and report whether it did.
    SendLiveness {
        /// To be answered by [`Event::LivenessAnswered`](crate::Event::LivenessAnswered).
        id: LivenessId,
        /// When the supervisor gives up on it at the latest: a suspicion may bring that forward.
        deadline: Instant,
    },
    /// Register a request handler with the client that was started last.
    RegisterHandler {
        /// To be answered by [`Event::RegistrationAnswered`](crate::Event::RegistrationAnswered).
        id: RegistrationId,
        /// Which one: its index in [`Config::handlers`](crate::Config::handlers).
        handler: HandlerId,
        /// From 1, for each client.
        attempt: u32,
        /// When the supervisor gives up on it.
        deadline: Instant,
    },
    /// Give up the client that this start made or may yet make, in the background. With it go all registrations made on it.
    DiscardClient {
        /// The id of the start.
        client: ClientId,
    },
    /// Give up this registration, which is in flight, and nothing else: its client stays.
    DiscardRegistration {
        /// The id of the registration.
        registration: RegistrationId,
    },
    /// Publish this report. It is complete, and differs from the last one in status, cause or warning.
    SetStatus(Report),
    /// The bus was proved live again while Running: extend the lease.
    Renew {
        /// The newest proof.
        evidence: Instant,
        /// Running is granted until this instant.
        lease: Instant,
    },
    /// Stop consuming, flush what is queued, close the client; give up every operation that is still in flight.
    Stop {
        /// To be answered by [`Event::StopAnswered`](crate::Event::StopAnswered).
        id: StopId,
        /// When the supervisor calls it Stopped all the same.
        deadline: Instant,
    },
}
