//! Where the replies of a caller arrive.

use std::sync::Arc;

/// Where the replies of a caller arrive: known to the client library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplySubscription {
    /// The name of the caller, for people.
    pub caller: String,
    /// The reply topic.
    pub topic: Arc<str>,
    /// The id of the caller: fixed for as long as it lives.
    pub instance: u64,
    /// Which partitions of it.
    pub partitions: ReplyPartitions,
    /// Properties of the client library for the clients of this caller alone.
    pub properties: Vec<(String, String)>,
    /// The bytes of requests that are in flight at most.
    pub max_bytes: u64,
}

/// The partitions of the reply topic that a caller reads. They are assigned to it: it is a member of no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReplyPartitions {
    /// One, which follows from the id of the caller and the number of partitions.
    OfInstance,
    /// The one with this number.
    One(i32),
    /// All of them, also those that are added later: for callees that reply to any.
    All,
}

impl ReplySubscription {
    /// Returns where the replies of a caller arrive, in the partition that follows from its id, with at most 64 MiB of requests in flight.
    #[must_use]
    pub fn new(caller: impl Into<String>, instance: u64, topic: impl Into<Arc<str>>) -> Self {
        Self {
            caller: caller.into(),
            topic: topic.into(),
            instance,
            partitions: ReplyPartitions::OfInstance,
            properties: Vec::new(),
            max_bytes: 64 << 20,
        }
    }
}
