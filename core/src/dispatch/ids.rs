//! Names of what a dispatcher speaks about.

/// A partition of a topic. The runner numbers the partitions of a handler, of all its topics, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u32);

/// One assignment of a partition to this member. Each assignment of a partition has a greater generation than the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(pub u64);

/// Declares the id of one kind of operation of a dispatcher.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u64);

        impl $name {
            /// Returns the number, for logs and recordings. No two operations of one kind have the same.
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
    )*};
}

ids! {
    /// Names a run.
    RunId;
    /// Names a commit.
    CommitId;
    /// Names a dead letter that is being written.
    DeadLetterId;
}
