//! The arguments of a request.

use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use prost::{DecodeError, Message, Name};

use crate::any::{pack, unpack_field};
use crate::error::{VolthaError, shown};
use crate::messages::{Any, Argument, BoolType, IntType, InterContainerRequestBody, StrType};

/// The named arguments of a request: what its payload holds, on both sides.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Arguments(Vec<Argument>);

impl Arguments {
    /// The most arguments that a request has.
    pub const MAX: usize = 1_000;

    /// Returns arguments without any.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a message.
    #[must_use]
    pub fn with<M: Message + Name>(self, key: impl Into<String>, value: &M) -> Self {
        self.with_any(key, pack(value))
    }

    /// Adds a message that is packed already.
    #[must_use]
    pub fn with_any(mut self, key: impl Into<String>, value: Any) -> Self {
        self.0.push(Argument {
            key: key.into(),
            value: Some(value),
        });
        self
    }

    /// Adds text, as `StrType`.
    #[must_use]
    pub fn with_text(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(key, &StrType { val: value.into() })
    }

    /// Adds a number, as `IntType`.
    #[must_use]
    pub fn with_int(self, key: impl Into<String>, value: i64) -> Self {
        self.with(key, &IntType { val: value })
    }

    /// Adds yes or no, as `BoolType`.
    #[must_use]
    pub fn with_bool(self, key: impl Into<String>, value: bool) -> Self {
        self.with(key, &BoolType { val: value })
    }

    /// Writes them as the payload of a request.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let body = InterContainerRequestBody {
            args: self.0,
            ..InterContainerRequestBody::default()
        };
        body.encode_to_vec()
    }

    /// Reads the payload of a request.
    ///
    /// # Errors
    ///
    /// When there are more than [`MAX`](Self::MAX), or it cannot be decoded.
    pub fn decode(payload: &[u8]) -> Result<Self, VolthaError> {
        check(payload)?;
        let body = InterContainerRequestBody::decode(payload);
        let body = body.map_err(VolthaError::malformed("InterContainerRequestBody"))?;
        Ok(Self(body.args))
    }

    /// Returns the value of an argument: the last one with this name, as the original's handlers take it. `None` if there is none, or it
    /// has no value.
    #[must_use]
    pub fn any(&self, key: &str) -> Option<&Any> {
        let last = self.0.iter().rev().find(|argument| argument.key == key);
        last.and_then(|argument| argument.value.as_ref())
    }

    /// Unpacks an argument.
    ///
    /// # Errors
    ///
    /// When it is missing, of another type, or cannot be decoded.
    pub fn get<M: Message + Name + Default>(&self, key: &str) -> Result<M, VolthaError> {
        let any = self
            .any(key)
            .ok_or_else(|| VolthaError::NoArgument { key: shown(key) })?;
        unpack_field(any, || format!("argument {}", shown(key)))
    }

    /// Unpacks text.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn text(&self, key: &str) -> Result<String, VolthaError> {
        self.get::<StrType>(key).map(|text| text.val)
    }

    /// Unpacks a number.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn int(&self, key: &str) -> Result<i64, VolthaError> {
        self.get::<IntType>(key).map(|int| int.val)
    }

    /// Unpacks yes or no.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn bool(&self, key: &str) -> Result<bool, VolthaError> {
        self.get::<BoolType>(key).map(|bool| bool.val)
    }

    /// Returns all of them, in their order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<&Any>)> {
        self.0
            .iter()
            .map(|argument| (argument.key.as_str(), argument.value.as_ref()))
    }
}

/// Checks that bytes are the fields of a message, and that they have not too many arguments, without an allocation for each.
pub(crate) fn check(body: &[u8]) -> Result<(), VolthaError> {
    let count = count(body).map_err(VolthaError::malformed("InterContainerRequestBody"))?;
    let max = Arguments::MAX;
    if count > max {
        return Err(VolthaError::TooManyArguments { count, max });
    }
    Ok(())
}

/// Returns how many arguments there are.
fn count(mut body: &[u8]) -> Result<usize, DecodeError> {
    const ARGS: u32 = 3;
    let mut count = 0;
    while !body.is_empty() {
        let (tag, wire_type) = decode_key(&mut body)?;
        if tag == ARGS && wire_type == WireType::LengthDelimited {
            count += 1;
        }
        skip_field(wire_type, tag, &mut body, DecodeContext::default())?;
    }
    Ok(count)
}
