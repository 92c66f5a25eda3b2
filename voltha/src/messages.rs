//! The messages, generated from `proto/inter_container.proto` by `tests/generated.rs`.

#[rustfmt::skip]
#[allow(
    clippy::pedantic,
    unreachable_pub,
    reason = "it is generated"
)]
mod generated;

pub use generated::{
    Argument, BoolType, DeviceDiscovered, Error, ErrorCode, Header, IntType, InterContainerMessage,
    InterContainerRequestBody, InterContainerResponseBody, MessageType, NumericHeader,
    NumericInterContainerMessage, RefusalKind, Refused, RequestEnvelope, StrType,
};
/// A message of any type, with the name of its type.
pub use prost_types::Any;
