//! What an error shows of a wrong value: nothing that may be a secret.

/// Stands for a value that is not shown.
pub(crate) const NOT_SHOWN: &str = " (not shown: it may hold a secret)";

/// Returns the value if it cannot be a secret, in backticks.
pub(crate) fn shown(value: &str) -> String {
    if is_plain(value) || is_plain_url(value) {
        format!("`{value}`")
    } else {
        NOT_SHOWN.trim_start().to_owned()
    }
}

/// Returns whether the value has the form of an option's value, which no good password has: a word in lower case, a number with
/// or without a unit, or an address of digits.
fn is_plain(value: &str) -> bool {
    const MAX_PLAIN: usize = 24;

    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = value.len() - digits.len();
    let is_number = !digits.is_empty()
        && unit <= 4
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b':'));
    value.len() <= MAX_PLAIN && (is_name(value) || is_number)
}

/// Returns whether the value is a URL of a livebus whose parts are plain: words in lower case, and numbers.
fn is_plain_url(value: &str) -> bool {
    let rest = ["http://", "grpc://"]
        .iter()
        .find_map(|scheme| value.strip_prefix(scheme));
    rest.is_some_and(|rest| {
        let mut parts = rest.split(['/', ':', '[', ']']);
        parts.all(|part| part.is_empty() || is_plain(part))
    })
}

/// Returns whether the text has the form of an option's name, or of a property's.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_shown_and_what_may_be_a_secret_is_not() {
        for value in [
            "slow",
            "async-std",
            "0",
            "5s",
            "500ms",
            "1.5h",
            "256.0.0.1:1",
            "http://127.0.0.1:99999",
            "http://[::1]:abc/readyz",
            "grpc://orders.prod:",
        ] {
            assert_eq!(shown(value), format!("`{value}`"));
        }
        for value in [
            "",
            "hunter2",
            "Secret",
            "sasl.password=x",
            "user:hunter@host",
            "correct horse battery staple",
            "abcdefghijklmnopqrstuvwxyz",
            "dGVzdA==",
            "5parsecs",
            "http://me:hunter2",
            "http://h/Secret",
            "http://h:1/readyz?x",
            "https://h",
        ] {
            assert!(!shown(value).contains(value) || value.is_empty(), "{value}");
            assert!(shown(value).contains("not shown"), "{value}");
        }
    }
}
