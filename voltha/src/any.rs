//! Messages that are packed with the name of their type.

use prost::{Message, Name};
use prost_types::Any;

use crate::error::{VolthaError, shown};

/// Packs a message with the name of its type, as an argument or a result.
#[must_use]
pub fn pack<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

/// Unpacks a message.
///
/// # Errors
///
/// When the name after the last slash is not that of its type, or the bytes cannot be decoded.
pub fn unpack<M: Message + Name + Default>(any: &Any) -> Result<M, VolthaError> {
    unpack_field(any, || "the value".to_owned())
}

/// As [`unpack`], of a field with a name.
pub(crate) fn unpack_field<M: Message + Name + Default>(
    any: &Any,
    field: impl Fn() -> String,
) -> Result<M, VolthaError> {
    if !is::<M>(any) {
        return Err(VolthaError::OtherType {
            field: field(),
            found: shown(&any.type_url),
            expected: M::full_name(),
        });
    }
    M::decode(&*any.value).map_err(VolthaError::malformed(M::NAME))
}

/// Returns whether a message of this type is packed.
pub(crate) fn is<M: Name>(any: &Any) -> bool {
    let name = any.type_url.rsplit('/').next();
    name == Some(M::full_name().as_str())
}

/// Writes the payload of a reply: a result.
///
/// A reply without a result has an empty payload.
#[must_use]
pub fn encode_result<M: Message + Name>(result: &M) -> Vec<u8> {
    pack(result).encode_to_vec()
}

/// Reads the payload of a reply. `None` if the callee gave no result, which the original's may do although it succeeded.
///
/// # Errors
///
/// When it is of another type, or cannot be decoded.
pub fn decode_result<M: Message + Name + Default>(
    payload: &[u8],
) -> Result<Option<M>, VolthaError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let any = Any::decode(payload).map_err(VolthaError::malformed("the result"))?;
    unpack_field(&any, || "the result".to_owned()).map(Some)
}
