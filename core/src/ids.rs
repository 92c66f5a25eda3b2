//! Ids: one type for each kind of operation and one for handlers, so that an id of one kind is never taken for another.
//!
//! A supervisor numbers the operations of all kinds from one counter and uses no number twice.

/// Numbers the operations of one supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct OperationIds {
    /// How many there were.
    pub(crate) count: u64,
}

impl OperationIds {
    pub(crate) const fn new() -> Self {
        Self { count: 0 }
    }

    /// Returns the id of the next operation.
    pub(crate) fn next<Id: OperationId>(&mut self) -> Id {
        self.count += 1;
        Id::of(self.count)
    }
}

/// The id of one kind of operation.
pub(crate) trait OperationId {
    fn of(number: u64) -> Self;
}

/// Declares the id of one kind of operation, and its conversion into [`OpId`].
macro_rules! operation_ids {
    ($($(#[$doc:meta])* $name:ident is OpId::$kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u64);

        impl $name {
            /// Returns the number, for logs and recordings: 1, 2, 3 in the order in which the operations of all kinds began.
            #[must_use]
            pub const fn number(self) -> u64 {
                self.0
            }

            /// Returns the id with this number, for recordings that are read back.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                Self(number)
            }
        }

        impl OperationId for $name {
            fn of(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for OpId {
            fn from(id: $name) -> Self {
                Self::$kind(id)
            }
        }
    )*};
}

operation_ids! {
    /// Names a start, and the client that it makes.
    ClientId is OpId::Client;
    /// Names a liveness message.
    LivenessId is OpId::Liveness;
    /// Names a registration: one attempt to register one handler with one client.
    RegistrationId is OpId::Registration;
    /// Names a stop.
    StopId is OpId::Stop;
}

/// The id of an operation of any kind: the key of a table of operations in flight.
///
/// The id of each kind converts into it. Actions, events and ports take the id of one kind, and no other:
///
/// ```compile_fail,E0308
/// use livebus_core::{Action, RegistrationId};
/// let registration = RegistrationId::from_number(4);
/// let _ = Action::DiscardClient { client: registration };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpId {
    /// A start, and the client that it makes.
    Client(ClientId),
    /// A liveness message.
    Liveness(LivenessId),
    /// A registration.
    Registration(RegistrationId),
    /// A stop.
    Stop(StopId),
}

impl OpId {
    /// Returns the number, which no other operation of the same supervisor has.
    #[must_use]
    pub const fn number(self) -> u64 {
        match self {
            Self::Client(id) => id.number(),
            Self::Liveness(id) => id.number(),
            Self::Registration(id) => id.number(),
            Self::Stop(id) => id.number(),
        }
    }
}

/// A handler's index in [`Config::handlers`](crate::Config::handlers), from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HandlerId(pub(crate) u16);

impl HandlerId {
    /// Returns the index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the handler with this index, for recordings that are read back; `None` beyond 65,535.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u16::try_from(index).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_id_is_an_index_up_to_65_535() {
        for index in [0, 1, 65_535] {
            let handler = HandlerId::from_index(index);
            assert_eq!(handler.map(HandlerId::index), Some(index));
        }
        assert_eq!(HandlerId::from_index(65_536), None);
    }

    #[test]
    fn an_operation_id_keeps_its_number_and_its_kind() {
        let all: [OpId; 4] = [
            ClientId::from_number(7).into(),
            LivenessId::from_number(7).into(),
            RegistrationId::from_number(7).into(),
            StopId::from_number(7).into(),
        ];
        assert!(all.iter().all(|id| id.number() == 7));
        assert_eq!(all[0], OpId::Client(ClientId::from_number(7)));
        for (index, id) in all.iter().enumerate() {
            assert!(all[index + 1..].iter().all(|other| other != id), "{id:?}");
        }
    }

    #[test]
    fn ids_of_one_kind_are_in_the_order_of_their_numbers() {
        let [older, newer] = [9, 10].map(ClientId::from_number);
        assert!(older < newer);
        assert_eq!([older.number(), newer.number()], [9, 10]);
    }
}
