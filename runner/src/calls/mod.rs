//! Calls: requests and replies over a bus.
//!
//! - [`Caller`]: calls a topic, with a deadline, and learns what became of each request: a [`ReceivedReply`] or a [`CallError`].
//! - [`CallHandler`]: a request handler whose function returns a reply.
//! - [`Wire`]: how requests and replies are written as records; [`HeaderWire`] is that of livebus.
//! - [`CallBus`], [`CallClient`], [`ReplyClient`]: the interface traits of a client library. `livebus-kafka` implements them for Kafka.
//!
//! How a call ends is decided by [`livebus_core::calls`]. There is one loop for each caller, on a thread of its own: it owns the state machine
//! and the clients, and waits for callers, for the client library, and for deadlines.

mod call;
mod call_handler;
mod call_loop;
mod caller;
mod client;
mod correlation;
mod error;
mod headers;
mod mailbox;
mod outcome;
mod received;
mod replies;
mod shown;
mod wire;

pub use call::{Call, CallFuture};
pub(crate) use call_handler::{Answering, OnFailure, Outside};
pub use call_handler::{CallContext, CallHandler, NotReplied, Request, RunnableCallHandler};
pub(crate) use call_loop::{CallLoop, OpenClient};
pub use caller::{Caller, CallerBuilder, CallerError};
pub use client::{CallBus, CallClient, CallInput, OutgoingRecord, ReplyClient};
pub use correlation::{format_correlation, parse_correlation};
pub use error::CallError;
pub use headers::{HeaderError, HeaderWire};
pub use received::ReceivedReply;
pub use replies::{ReplyPartitions, ReplySubscription};
pub use wire::{
    ApplicationError, Incoming, IncomingReply, IncomingRequest, Payload, ReadReply, Reply,
    ReplyAddress, ReplyToWrite, RequestToWrite, Wire, WireError, Written,
};
