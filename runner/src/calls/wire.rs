//! How requests and replies are written as records.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use livebus_core::calls::{Correlation, Refusal};

use crate::handlers::Record;

/// A wire: how requests and replies are written as records, and read. The key, the topic and the partition are not its concern.
///
/// What it reads comes from outside: anything may be in it, and an error says what is wrong.
pub trait Wire: Send + Sync + 'static {
    /// Writes a request.
    ///
    /// # Errors
    ///
    /// When this wire cannot carry it.
    fn write_request(&self, request: RequestToWrite<'_>) -> Result<Written, WireError>;

    /// Writes the record that asks a callee not to run a request; `None` if this wire has none.
    fn write_cancel(&self, cancels: Correlation) -> Option<Written>;

    /// Writes a reply.
    ///
    /// # Errors
    ///
    /// When this wire cannot carry it.
    fn write_reply(&self, reply: ReplyToWrite<'_>) -> Result<Written, WireError>;

    /// Reads a record of a request topic.
    ///
    /// # Errors
    ///
    /// When it is not what a caller of this wire writes.
    fn read_request(&self, record: &Record) -> Result<Incoming, WireError>;

    /// Reads a record of a reply topic.
    ///
    /// # Errors
    ///
    /// When it is not what a callee of this wire writes.
    fn read_reply(&self, record: &Record) -> Result<IncomingReply, WireError>;
}

/// What is wrong with a message, in one sentence without its payload.
pub type WireError = Box<dyn Error + Send + Sync>;

/// The parts of a record that a wire writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// The payload.
    pub payload: Vec<u8>,
    /// The headers, in their order.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// Where a reply is to arrive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReplyAddress {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition; `None`: any.
    pub partition: Option<i32>,
}

/// A request that is to be written.
#[derive(Debug, Clone)]
pub struct RequestToWrite<'a> {
    /// Names the call.
    pub correlation: Correlation,
    /// How many times it was sent before, plus one.
    pub attempt: u32,
    /// The topic to which it goes.
    pub topic: &'a str,
    /// Where the reply is to arrive.
    pub reply_to: &'a ReplyAddress,
    /// The time that remains to the caller.
    pub time: Duration,
    /// When it is written.
    pub timestamp: SystemTime,
    /// By what the callee knows it again, for a call that may be sent several times.
    pub idempotency_key: Option<&'a [u8]>,
    /// What is called, where a topic has several methods.
    pub method: Option<&'a str>,
    /// The trace to which it belongs, as W3C's `traceparent` has it.
    pub traceparent: Option<&'a str>,
    /// What the callee receives.
    pub payload: Vec<u8>,
}

/// A reply that is to be written.
#[derive(Debug, Clone)]
pub struct ReplyToWrite<'a> {
    /// The request that it answers.
    pub request: &'a IncomingRequest,
    /// The topic of the callee.
    pub topic: &'a str,
    /// When it is written.
    pub timestamp: SystemTime,
    /// What it says.
    pub reply: Reply,
}

/// What a callee says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It ran the request: the result.
    Done(Vec<u8>),
    /// It ran the request, which failed in the application.
    Failed(ApplicationError),
    /// It did not run the request.
    Refused {
        /// Why not.
        refusal: Refusal,
        /// Whether no earlier run of it began.
        never_began: bool,
        /// How old the request was.
        age: Duration,
    },
}

/// An error of the application, which the caller receives in place of a result. The request was executed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the request failed in the application, with code {code}: {reason}")]
pub struct ApplicationError {
    /// A number that callers and callees have agreed upon; 0 where there is none.
    pub code: i32,
    /// What went wrong, for people.
    pub reason: String,
}

/// A record of a request topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A request.
    Request(Box<IncomingRequest>),
    /// A request of this call is not to run.
    Cancel(Correlation),
}

/// A request, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingRequest {
    /// Names the call.
    pub correlation: Correlation,
    /// What the wire itself uses to name the request, where that is not the correlation.
    pub id: Option<Arc<str>>,
    /// How many times it was sent before, plus one.
    pub attempt: u32,
    /// Where the reply is to arrive; `None` for a request that wants none.
    pub reply_to: Option<ReplyAddress>,
    /// The time that remained to the caller when it was sent; `None` where the wire does not say it.
    pub time: Option<Duration>,
    /// When it was sent, where the wire says it; else the timestamp of the record counts.
    pub timestamp: Option<SystemTime>,
    /// By what it is known again.
    pub idempotency_key: Option<Vec<u8>>,
    /// What is called.
    pub method: Option<String>,
    /// The trace to which it belongs.
    pub traceparent: Option<String>,
    /// What it carries.
    pub payload: Payload,
}

/// A reply, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingReply {
    /// The call.
    pub to: Correlation,
    /// What it says.
    pub reply: ReadReply,
}

/// What a reply says, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadReply {
    /// The request was run: the result.
    Done(Payload),
    /// The request was run, and failed in the application.
    Failed(ApplicationError),
    /// The request that it answers was not run.
    Refused {
        /// Why not.
        refusal: Refusal,
        /// Whether no earlier run of it began.
        never_began: bool,
    },
}

/// Where a payload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// It is that of the record.
    OfRecord,
    /// It was taken out of the payload of the record.
    Owned(Vec<u8>),
}
