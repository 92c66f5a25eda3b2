//! The body of a reply.

use livebus_core::calls::Refusal;
use livebus_runner::calls::{ApplicationError, Payload, ReadReply, Reply};
use prost::Message;

use crate::any::{is, pack, unpack_field};
use crate::error::{VolthaError, shown};
use crate::messages::{Any, Error, ErrorCode, InterContainerResponseBody, RefusalKind, Refused};

/// The longest reason that is written, and that is kept of what is read.
const MAX_REASON_BYTES: usize = 4096;

/// Writes the body. `method` is what the request called.
pub(crate) fn encode(
    reply: Reply,
    method: Option<&str>,
) -> Result<InterContainerResponseBody, VolthaError> {
    match reply {
        Reply::Done(payload) => Ok(InterContainerResponseBody {
            success: true,
            result: read_result(&payload)?,
        }),
        Reply::Failed(error) => Ok(failure(&Error {
            code: error.code,
            reason: cut(error.reason),
            refused: None,
        })),
        Reply::Refused {
            refusal,
            never_began,
            age,
        } => {
            let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            let (kind, code, reason) = describe(refusal, age_ms, method);
            Ok(failure(&Error {
                code: code.into(),
                reason: cut(reason),
                refused: Some(Refused {
                    kind: kind.into(),
                    never_began,
                    age_ms,
                }),
            }))
        }
    }
}

/// The payload of a reply is an `Any`, or empty.
fn read_result(payload: &[u8]) -> Result<Option<Any>, VolthaError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let any = Any::decode(payload).map_err(VolthaError::malformed("the payload of the reply"))?;
    if any.type_url.is_empty() {
        return Err(VolthaError::Missing {
            field: "type_url of the result",
            remedy: "make the payload of a reply with encode_result",
        });
    }
    Ok(Some(any))
}

fn failure(error: &Error) -> InterContainerResponseBody {
    InterContainerResponseBody {
        success: false,
        result: Some(pack(error)),
    }
}

fn cut(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(MAX_REASON_BYTES));
    reason
}

/// Returns what the original's callers see of a refusal.
fn describe(
    refusal: Refusal,
    age_ms: u64,
    method: Option<&str>,
) -> (RefusalKind, ErrorCode, String) {
    let none = ErrorCode::UnsupportedRequest;
    match refusal {
        Refusal::TooLate => (
            RefusalKind::TooLate,
            ErrorCode::DeadlineExceeded,
            format!("the request was not run: its deadline was over, it was {age_ms} ms old"),
        ),
        Refusal::Unsupported => (
            RefusalKind::Unsupported,
            none,
            format!("method-not-found \"{}\"", method.unwrap_or_default()),
        ),
        Refusal::Overloaded => (
            RefusalKind::Overloaded,
            none,
            "the request was not run: the callee has too much to do".to_owned(),
        ),
        Refusal::Unavailable => (
            RefusalKind::Unavailable,
            none,
            "the request was not run: the callee shuts down or is not ready".to_owned(),
        ),
    }
}

/// Reads the body.
pub(crate) fn decode(body: InterContainerResponseBody) -> Result<ReadReply, VolthaError> {
    if body.success {
        let result = body.result.map(|any| any.encode_to_vec());
        return Ok(ReadReply::Done(Payload::Owned(result.unwrap_or_default())));
    }
    // The original leaves the result away if it could not write it, and it is only said that the method failed.
    let failed = |reason: String| Ok(ReadReply::Failed(ApplicationError { code: 0, reason }));
    let Some(result) = body.result else {
        return failed("the callee gave no reason".to_owned());
    };
    if !is::<Error>(&result) {
        let found = shown(&result.type_url);
        return failed(format!("the callee gave no reason, but a {found}"));
    }
    let error: Error = unpack_field(&result, || "result".to_owned())?;
    if let Some(refused) = error.refused {
        return Ok(ReadReply::Refused {
            refusal: refusal_of(refused)?,
            never_began: refused.never_began,
        });
    }
    if error.code == i32::from(ErrorCode::UnsupportedRequest) && is_method_not_found(&error.reason)
    {
        // Another instance, or an earlier version, may have had the method and have run it.
        return Ok(ReadReply::Refused {
            refusal: Refusal::Unsupported,
            never_began: false,
        });
    }
    Ok(ReadReply::Failed(ApplicationError {
        code: error.code,
        reason: cut(error.reason),
    }))
}

fn refusal_of(refused: Refused) -> Result<Refusal, VolthaError> {
    match RefusalKind::try_from(refused.kind) {
        Ok(RefusalKind::TooLate) => Ok(Refusal::TooLate),
        Ok(RefusalKind::Unsupported) => Ok(Refusal::Unsupported),
        Ok(RefusalKind::Overloaded) => Ok(Refusal::Overloaded),
        Ok(RefusalKind::Unavailable) => Ok(Refusal::Unavailable),
        Ok(RefusalKind::Unspecified) | Err(_) => Err(VolthaError::Invalid {
            field: "refused.kind of the error",
            value: refused.kind.to_string(),
            expected: "1 (TOO_LATE), 2 (UNSUPPORTED), 3 (OVERLOADED) or 4 (UNAVAILABLE)",
        }),
    }
}

/// Returns whether this is what the original answers for a method that it does not have: exactly that, since a handler may pass on the error of
/// another call within its own.
fn is_method_not_found(reason: &str) -> bool {
    let quoted = reason.strip_prefix("method-not-found \"");
    let method = quoted.and_then(|rest| rest.strip_suffix('"'));
    method.is_some_and(|method| !method.contains('"'))
}
