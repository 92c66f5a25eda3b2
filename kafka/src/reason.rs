//! Foreign text about a failure, made fit to be shown: one line, bounded, and without secrets.

/// The maximum length of a reason, in characters. librdkafka's own texts have up to 512 bytes.
const MAX_CHARACTERS: usize = 300;

/// Secrets shorter than this are not searched for: they would blot out words, and show by that what they are.
const MIN_SECRET_CHARACTERS: usize = 4;

const REDACTED: &str = "[redacted]";

/// Words after which a value may be a secret, in lower case.
const SECRET_WORDS: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "bearer",
    "jaas",
];

/// Returns `text` in one line of at most [`MAX_CHARACTERS`], without control characters, without any of `secrets`, and without
/// anything else that looks like one: a value after a word such as `password=`, a JSON Web Token, a user in a URL.
pub(crate) fn clean<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let known = secrets
        .into_iter()
        .filter(|secret| secret.chars().count() >= MIN_SECRET_CHARACTERS)
        .fold(text.to_owned(), |text, secret| {
            text.replace(secret, REDACTED)
        });
    let printable = known.replace(char::is_control, " ");
    let mut words: Vec<String> = Vec::new();
    let mut next = Next::Word;
    for word in printable.split_whitespace() {
        let (shown, then) = match next {
            Next::Value => (REDACTED.to_owned(), Next::Word),
            Next::Separator if matches!(word, "=" | ":") => (word.to_owned(), Next::Value),
            Next::Separator if word.starts_with(['=', ':']) => (REDACTED.to_owned(), Next::Word),
            Next::Word | Next::Separator => without_secret(word),
        };
        words.push(shown);
        next = then;
    }
    shortened(&words.join(" "))
}

/// Returns text of livebus in one line of at most [`MAX_CHARACTERS`]. It has names of topics and addresses, which may look like the
/// names of secrets, and no secret.
pub(crate) fn own_text(text: &str) -> String {
    shortened(&text.replace(char::is_control, " "))
}

/// What the next word may be.
#[derive(Clone, Copy)]
enum Next {
    Word,
    /// The separator between the name of a secret and its value.
    Separator,
    /// A secret.
    Value,
}

/// Returns the word without a secret in it, and what the next word may be.
fn without_secret(word: &str) -> (String, Next) {
    let lower = word.to_ascii_lowercase();
    if let Some(end) = user_end(word) {
        let scheme = word.find("://").map_or(0, |at| at + 3);
        let shown = format!("{}{REDACTED}{}", &word[..scheme], &word[end..]);
        return (shown, Next::Word);
    }
    if word.contains("eyJ") {
        return (REDACTED.to_owned(), Next::Word);
    }
    let ends = SECRET_WORDS
        .iter()
        .filter_map(|it| lower.find(it).map(|at| at + it.len()));
    let Some(end) = ends.min() else {
        return (word.to_owned(), Next::Word);
    };
    match word[end..].find(['=', ':']).map(|at| end + at + 1) {
        Some(value) if value < word.len() => (format!("{}{REDACTED}", &word[..value]), Next::Word),
        Some(_) => (word.to_owned(), Next::Value),
        None if lower == "bearer" => (word.to_owned(), Next::Value),
        None => (word.to_owned(), Next::Separator),
    }
}

/// Returns the index of the `@` after a user with a password: `user:password@host`.
fn user_end(word: &str) -> Option<usize> {
    let start = word.find("://").map_or(0, |at| at + 3);
    let at = word.rfind('@')?;
    word.get(start..at)?.contains(':').then_some(at)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_CHARACTERS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MAX_CHARACTERS - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length() {
        assert_eq!(clean("a\r\n\x1b[31mb\tc ", []), "a [31mb c");
        let long = clean(&"é ".repeat(1_000), []);
        assert_eq!(long.chars().count(), MAX_CHARACTERS);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn no_secret_is_left() {
        for text in [
            "login as orders with hunter2 failed",
            "sasl.password=hunter2",
            "password: hunter2, mechanism PLAIN",
            "Password = hunter2",
            "the token is hunter2",
            "Authorization: Bearer hunter2",
            "sasl.jaas.config=PlainLoginModule password=\"hunter2\"",
            "{\"access_token\":\"hunter2\"}",
            "https://user:hunter2@idp.example/token",
            "user:hunter2@kafka:9092: refused",
        ] {
            let cleaned = clean(text, ["hunter2"]);
            assert!(
                !cleaned.contains("hunter2") && cleaned.contains(REDACTED),
                "{cleaned}"
            );
            if !text.starts_with("login") && !text.contains(" token is") {
                let cleaned = clean(text, []);
                assert!(!cleaned.contains("hunter2"), "{text} -> {cleaned}");
            }
        }
        let token = "invalid: eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
        assert_eq!(clean(token, []), "invalid: [redacted]");
    }

    #[test]
    fn ordinary_texts_of_librdkafka_stay_as_they_are() {
        for text in [
            "Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
            "SASL authentication error: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
            "Failed to resolve 'kafka.invalid:9092': Name or service not known",
        ] {
            assert_eq!(clean(text, ["a", "x"]), text);
        }
    }

    #[test]
    fn only_the_secret_is_not_shown() {
        for (text, shown) in [
            ("sasl.password=hunter2 x", "sasl.password=[redacted] x"),
            ("a_token_b=hunter2 x", "a_token_b=[redacted] x"),
            ("password =hunter2 x", "password [redacted] x"),
            ("password = hunter2 x", "password = [redacted] x"),
            (
                "https://user:hunter2@idp.example/x",
                "https://[redacted]@idp.example/x",
            ),
            ("user:hunter2@kafka:9092", "[redacted]@kafka:9092"),
            ("https://user@idp.example/x", "https://user@idp.example/x"),
            ("mail@example://host:1", "mail@example://host:1"),
        ] {
            assert_eq!(clean(text, []), shown);
        }
    }
}
