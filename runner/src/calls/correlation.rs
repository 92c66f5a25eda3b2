//! Correlations as text.

use livebus_core::calls::{CallId, Correlation, Identity};

/// Writes the instance, the epoch and the call as 16 lowercase hexadecimal digits each, with hyphens between them: 50 bytes.
#[must_use]
pub fn format_correlation(correlation: Correlation) -> String {
    let Correlation {
        from: Identity { instance, epoch },
        call: CallId(call),
    } = correlation;
    format!("{instance:016x}-{epoch:016x}-{call:016x}")
}

/// Reads what [`format_correlation`] writes, and nothing else.
#[must_use]
pub fn parse_correlation(text: &str) -> Option<Correlation> {
    let mut parts = text.split('-').map(parse_hex);
    let correlation = Correlation {
        from: Identity {
            instance: parts.next()??,
            epoch: parts.next()??,
        },
        call: CallId(parts.next()??),
    };
    parts.next().is_none().then_some(correlation)
}

fn parse_hex(digits: &str) -> Option<u64> {
    let lowercase = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 16 || !digits.bytes().all(lowercase) {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}
