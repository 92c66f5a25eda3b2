//! The URL of a running livebus.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// The URL of a probe of a running livebus. It has neither a user nor a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProbeUrl(String);

impl FromStr for ProbeUrl {
    /// What is expected; nothing of the text, which may hold a secret.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const HOW: &str = "write it like http://127.0.0.1:8080 or http://127.0.0.1:8080/readyz; a Kafka is named with -b";

        if text.contains('@') {
            return Err("leave user and password out: the probes of a livebus need none");
        }
        if text.to_ascii_lowercase().starts_with("https://") {
            return Err("a livebus serves http://, without TLS");
        }
        let uri: Uri = text.parse().map_err(|_| HOW)?;
        let host = uri.host().unwrap_or_default();
        if uri.scheme_str() != Some("http") || host.is_empty() {
            return Err(HOW);
        }
        let authority = uri.authority().ok_or(HOW)?;
        let (path, query) = match (uri.path(), uri.query()) {
            ("" | "/", None) => ("/readyz", "?verbose".to_owned()),
            (path, None) if path.ends_with("/readyz") => (path, "?verbose".to_owned()),
            (path, None) => (path, String::new()),
            (path, Some(query)) => (path, format!("?{query}")),
        };
        Ok(Self(format!("http://{authority}{path}{query}")))
    }
}

impl ProbeUrl {
    /// Returns it as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether its answer says in its body, and not by its status code, whether the livebus is ready.
    pub(crate) fn is_statusz(&self) -> bool {
        let path = self.0.split('?').next().unwrap_or_default();
        path.ends_with("/statusz")
    }
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_is_that_of_the_readiness() {
        for (text, url) in [
            ("http://a:1", "http://a:1/readyz?verbose"),
            ("http://a:1/", "http://a:1/readyz?verbose"),
            ("HTTP://[::1]:1/readyz", "http://[::1]:1/readyz?verbose"),
            ("http://a/x/readyz?exclude=b", "http://a/x/readyz?exclude=b"),
            ("http://a:1/livez", "http://a:1/livez"),
        ] {
            assert_eq!(text.parse(), Ok(ProbeUrl(url.to_owned())));
        }
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_its_text() {
        for text in [
            "",
            "a:1",
            "localhost:8080",
            "https://a:1",
            "ftp://a",
            "http://",
            "http://me:hunter2@a:1",
            "sasl.password=hunter2",
            "http://a b",
            "/readyz",
        ] {
            let error = ProbeUrl::from_str(text).expect_err(text);
            assert!(!error.contains("hunter2"));
        }
    }
}
