//! Names of calls and of those who make them.

/// A call. The runner numbers its calls; each number is greater than all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The instance: no other client that shares the reply partition has the same.
    pub instance: u64,
    /// Greater for each process, or each `Calls`, of this instance than for the one before it. The numbers of calls begin again with it.
    pub epoch: u64,
}

/// What a request carries, and what its reply must carry to be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Correlation {
    /// Who called.
    pub from: Identity,
    /// Which call.
    pub call: CallId,
}

/// Names an assignment of the reply partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignmentId(pub(crate) u64);

impl AssignmentId {
    /// Returns the number, for logs and recordings: 1, 2, 3.
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
