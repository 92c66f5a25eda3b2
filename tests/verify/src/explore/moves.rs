//! The moves: what can happen next in a model state.

use livebus_core::FailureClass;

/// The state of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BusState {
    /// It works.
    Up,
    /// It refuses connections.
    Down,
    /// It does not answer.
    Hung,
    /// A part of it answers: the leaders to which liveness messages go are missing, or wait for their replicas.
    Partial,
}

/// The kind of an operation in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The start.
    Start,
    /// The liveness message.
    Liveness,
    /// The registration of a handler.
    Registration(u8),
    /// The stop.
    Stop,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// One tick passes.
    Tick,
    /// The process does not run for this many ticks.
    Sleep(u8),
    /// The bus changes.
    Bus(BusState),
    /// An operation is answered.
    Answer(Operation, Option<FailureClass>),
    /// Evidence from ordinary traffic, observed this many ticks ago.
    Traffic(u8),
    /// A suspicion.
    Suspicion(FailureClass),
    /// A registered handler reports that it works, or that it fails.
    Health(u8, Option<FailureClass>),
    /// The client is lost.
    Lost,
    /// The service requests its shutdown.
    Shutdown,
}

impl BusState {
    /// Returns whether a bus in this state may answer a liveness message with this class of failure.
    pub(super) fn may_answer(self, class: FailureClass) -> bool {
        match class {
            FailureClass::NoLeader
            | FailureClass::ReplicasSilent
            | FailureClass::BrokerUnreachable => self == Self::Partial,
            FailureClass::TopicMissing
            | FailureClass::Authorization
            | FailureClass::RecordRejected
            | FailureClass::TopicUnusable
            | FailureClass::Throttled => self == Self::Up,
            FailureClass::Unreachable => self == Self::Down,
            FailureClass::Timeout
            | FailureClass::Unresponsive
            | FailureClass::AdvertisedAddress
            | FailureClass::SecurityProtocol
            | FailureClass::WrongCluster
            | FailureClass::RequiredTopicUnusable
            | FailureClass::NameResolution
            | FailureClass::Tls
            | FailureClass::Authentication
            | FailureClass::NotEnoughReplicas
            | FailureClass::QueueFull
            | FailureClass::ClientFatal
            | FailureClass::RecordFailed
            | FailureClass::RecordsRemoved
            | FailureClass::HandlerStalled
            | FailureClass::Other => self != Self::Hung,
            _ => unreachable!("the model does not know this class: {class}"),
        }
    }
}
