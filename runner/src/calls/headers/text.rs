//! The words and numbers in the headers. Each value has one way to be written: what is written otherwise is not read.

use std::str::FromStr;
use std::time::Duration;

use livebus_core::calls::Refusal;

pub(super) const REQUEST: &str = "request";
pub(super) const CANCEL: &str = "cancel";
pub(super) const REPLY: &str = "reply";

pub(super) const DONE: &str = "done";
pub(super) const FAILED: &str = "failed";
pub(super) const REFUSED: &str = "refused";

/// The longest time and age, 31 years: a sum with an instant must not overflow.
pub(super) const MAX_MILLIS: u64 = 1_000_000_000_000;

/// The longest name of a topic that Kafka has.
pub(super) const MAX_TOPIC_BYTES: usize = 249;
/// The longest idempotency key.
pub(super) const MAX_KEY_BYTES: usize = 1024;
/// The longest name of a method.
pub(super) const MAX_METHOD_BYTES: usize = 255;
/// The longest `traceparent`. Version 00 of it has 55 bytes, later ones may have more.
pub(super) const MAX_TRACEPARENT_BYTES: usize = 128;
/// The longest reason of an error.
pub(super) const MAX_REASON_BYTES: usize = 4096;

/// Returns whole milliseconds, at most [`MAX_MILLIS`].
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).map_or(MAX_MILLIS, |millis| millis.min(MAX_MILLIS))
}

pub(super) fn read_millis(text: &str) -> Option<Duration> {
    let millis = read_number(text).filter(|millis| *millis <= MAX_MILLIS)?;
    Some(Duration::from_millis(millis))
}

/// Reads a number as `Display` writes it: without a plus sign and without leading zeros.
pub(super) fn read_number<T: FromStr + ToString>(text: &str) -> Option<T> {
    let number: T = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

pub(super) const fn write_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::TooLate => "too_late",
        Refusal::Unsupported => "unsupported",
        Refusal::Overloaded => "overloaded",
        Refusal::Unavailable => "unavailable",
    }
}

pub(super) fn read_refusal(text: &str) -> Option<Refusal> {
    let all = [
        Refusal::TooLate,
        Refusal::Unsupported,
        Refusal::Overloaded,
        Refusal::Unavailable,
    ];
    all.into_iter()
        .find(|refusal| write_refusal(*refusal) == text)
}

pub(super) const fn write_flag(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

pub(super) fn read_flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Returns the beginning of a reason that fits.
pub(super) fn cut(reason: &str) -> &str {
    &reason[..reason.floor_char_boundary(MAX_REASON_BYTES)]
}

/// Returns whether Kafka takes this for the name of a topic.
pub(super) fn is_topic(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.is_empty() && !matches!(text, "." | "..") && text.bytes().all(allowed)
}

/// Returns whether W3C's Trace Context takes this for a `traceparent`: of version 00 exactly `00-TRACE-PARENT-FLAGS`, of a later version
/// that or more parts.
pub(super) fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        let part = parts.next().unwrap_or_default();
        let digits = part
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (part.len() == length && digits).then_some(part)
    };
    let (Some(version), Some(trace), Some(parent), Some(_)) = (hex(2), hex(32), hex(16), hex(2))
    else {
        return false;
    };
    let is_zero = |digits: &str| digits.bytes().all(|byte| byte == b'0');
    let has_more = parts.next().is_some();
    version != "ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && (!has_more || version != "00")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
