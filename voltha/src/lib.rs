//! The inter-container protocol of VOLTHA as a wire of livebus.
//!
//! Services that run the original library (`voltha-lib-go` before version 7, `pyvoltha`) call each other over Kafka with messages of Protocol
//! Buffers in the payloads of records, and no headers. [`VolthaWire`] writes and reads these, so that such a service can call a livebus service, and
//! a livebus service can call such a one. `docs/voltha-wire.md` says what the original does, and what this wire therefore cannot know.
//!
//! - [`VolthaWire`]: the wire. It is given to a caller or a call handler of livebus. [`TimestampForm`] says which version the other side has.
//! - [`Arguments`]: the payload of a request.
//! - [`encode_result`], [`decode_result`]: the payload of a reply.
//! - [`Discovery`]: the announcement of a device, which is no request.
//! - [`messages`]: the messages themselves.

mod any;
mod arguments;
mod discovery;
mod envelope;
mod error;
mod ids;
pub mod messages;
mod replies;
mod timestamp;
mod timestamp_form;
mod wire;

pub use any::{decode_result, encode_result, pack, unpack};
pub use arguments::Arguments;
pub use discovery::Discovery;
pub use error::VolthaError;
pub use timestamp_form::TimestampForm;
pub use wire::VolthaWire;
