//! Calls: requests and replies over a bus.
//!
//! - [`CallBus`], [`CallClient`], [`ReplyClient`]: the interface traits of a client library. `livebus-kafka` implements them for Kafka.
//! - [`Wire`]: how requests and replies are written as records; [`HeaderWire`] is that of livebus.
//!
//! How a call ends is decided by [`livebus_core::calls`].

mod client;
mod headers;
mod replies;
mod wire;

pub use client::{CallBus, CallClient, CallInput, OutgoingRecord, ReplyClient};
pub use headers::{HeaderError, HeaderWire};
pub use replies::{ReplyPartitions, ReplySubscription};
pub use wire::{
    ApplicationError, Incoming, IncomingReply, IncomingRequest, Payload, ReadReply, Reply,
    ReplyAddress, ReplyToWrite, RequestToWrite, Wire, WireError, Written,
};
