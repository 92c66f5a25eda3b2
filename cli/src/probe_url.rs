//! The URL of a running livebus.

use std::fmt;
use std::str::FromStr;

use livebus_endpoints::Probes;
use percent_encoding::percent_decode_str;
use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::shown::shown;

/// The URL of a probe of a running livebus, or of its health service. It has neither a user nor a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProbeUrl {
    Http(String),
    Grpc {
        /// The host and the port.
        authority: String,
        /// The name that is asked; empty is the whole process.
        service: String,
    },
}

impl FromStr for ProbeUrl {
    /// What is expected; nothing of the text that may be a secret.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return Err(
                "leave user and password out: the probes of a livebus need none".to_owned(),
            );
        }
        if text.to_ascii_lowercase().starts_with("https://") {
            return Err("a livebus serves http://, without TLS".to_owned());
        }
        let uri: Uri = text.parse().map_err(|_| HOW)?;
        let host = uri.host().unwrap_or_default();
        let authority = uri.authority().ok_or(HOW)?;
        let scheme = uri.scheme_str().map(str::to_ascii_lowercase);
        match scheme.as_deref() {
            Some("http") if !host.is_empty() => {
                check_port(authority)?;
                Ok(http(&uri, authority)?)
            }
            Some("grpc") if !host.is_empty() => {
                check_port(authority)?;
                Ok(grpc(&uri, authority)?)
            }
            _ => Err(HOW.to_owned()),
        }
    }
}

const HOW: &str = "write it like http://127.0.0.1:8080, http://127.0.0.1:8080/readyz or grpc://127.0.0.1:9090; a Kafka is named with -b";

/// Checks the port, if there is one: an invalid one would be ignored, and the default port asked.
fn check_port(authority: &Authority) -> Result<(), String> {
    const HOW: &str = "write a number from 1 to 65535, like 8080";

    let after_host = authority.as_str().strip_prefix(authority.host());
    let Some(port) = after_host.and_then(|rest| rest.strip_prefix(':')) else {
        return Ok(());
    };
    let is_number = port.bytes().all(|b| b.is_ascii_digit());
    if port.is_empty() {
        Err(format!("the port is empty: {HOW}"))
    } else if is_number && port.parse().is_ok_and(|port: u16| port != 0) {
        Ok(())
    } else {
        Err(format!("invalid port {}: {HOW}", shown(port)))
    }
}

fn http(uri: &Uri, authority: &Authority) -> Result<ProbeUrl, &'static str> {
    const HOW: &str = "this path does not say whether a livebus is ready: ask /, /readyz, /readyz/NAME, /statusz or /readz";

    let path = match uri.path() {
        "" | "/" => "/readyz",
        path => path,
    };
    let endpoint = Endpoint::of(path);
    if endpoint == Some(Endpoint::Other) {
        return Err(HOW);
    }
    let mut query = uri.query().unwrap_or_default().to_owned();
    // Also for a warning about an unknown name in `exclude`.
    if endpoint == Some(Endpoint::Readyz) && !query.split('&').any(|it| it == "verbose") {
        let separator = if query.is_empty() { "" } else { "&" };
        query = format!("{query}{separator}verbose");
    }
    let separator = if query.is_empty() { "" } else { "?" };
    Ok(ProbeUrl::Http(format!(
        "http://{authority}{path}{separator}{query}"
    )))
}

/// What is behind a path of a livebus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Readyz,
    /// `/readyz/NAME`.
    ReadyzOfOne,
    Statusz,
    Readz,
    /// An answer that does not say whether it is ready.
    Other,
}

impl Endpoint {
    /// Returns the endpoint of a path, which may have the prefix of a proxy; `None` if it is no path of a livebus.
    fn of(path: &str) -> Option<Self> {
        let paths = [Probes::PATHS, Probes::PATHS_AS_IN_VOLTHA].concat();
        let mut segments = path.split('/').skip(1);
        let name = segments.find(|segment| {
            let is_it = |path: &&str| path.strip_prefix('/') == Some(segment);
            paths.iter().any(is_it)
        })?;
        match (name, segments.next()) {
            ("readyz", None) => Some(Self::Readyz),
            ("readyz", Some(_)) => Some(Self::ReadyzOfOne),
            ("statusz", None) => Some(Self::Statusz),
            ("readz", None) => Some(Self::Readz),
            ("livez" | "startupz", Some(_)) | (_, None) => Some(Self::Other),
            (_, Some(_)) => None,
        }
    }
}

fn grpc(uri: &Uri, authority: &Authority) -> Result<ProbeUrl, &'static str> {
    const HOW: &str =
        "write it like grpc://127.0.0.1:9090, or grpc://127.0.0.1:9090/NAME for one name";

    let encoded = uri.path().trim_start_matches('/');
    let service = percent_decode_str(encoded).decode_utf8().map_err(|_| HOW)?;
    if authority.port().is_none() || uri.query().is_some() || service.contains('/') {
        return Err(HOW);
    }
    Ok(ProbeUrl::Grpc {
        authority: authority.to_string(),
        service: service.into_owned(),
    })
}

impl ProbeUrl {
    /// Returns whether its answer says in its body, and not by its status code, whether the livebus is ready.
    pub(crate) fn is_statusz(&self) -> bool {
        self.endpoint() == Some(Endpoint::Statusz)
    }

    /// Returns whether its answer is 418 while the livebus is not ready.
    pub(crate) fn is_readz(&self) -> bool {
        self.endpoint() == Some(Endpoint::Readz)
    }

    fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::Http(url) => {
                let url: Uri = url.parse().ok()?;
                Endpoint::of(url.path())
            }
            Self::Grpc { .. } => None,
        }
    }
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Grpc { authority, service } if service.is_empty() => {
                write!(f, "grpc://{authority}")
            }
            Self::Grpc { authority, service } => write!(f, "grpc://{authority}/{service}"),
        }
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
            (
                "http://a/x/readyz?exclude=b",
                "http://a/x/readyz?exclude=b&verbose",
            ),
            ("http://a/?exclude=b", "http://a/readyz?exclude=b&verbose"),
            ("http://a/readyz?", "http://a/readyz?verbose"),
            (
                "http://a/readyz?verbose&exclude=b",
                "http://a/readyz?verbose&exclude=b",
            ),
        ] {
            assert_eq!(text.parse(), Ok(ProbeUrl::Http(url.to_owned())));
        }
    }

    #[test]
    fn a_url_of_grpc_has_a_port_and_at_most_a_name() {
        for (text, authority, service) in [
            ("grpc://a:1", "a:1", ""),
            ("grpc://[::1]:1/", "[::1]:1", ""),
            ("GRPC://a:1/orders.v1.Orders", "a:1", "orders.v1.Orders"),
            ("grpc://a:1/my%20bus", "a:1", "my bus"),
        ] {
            let url = ProbeUrl::Grpc {
                authority: authority.to_owned(),
                service: service.to_owned(),
            };
            assert_eq!(text.parse(), Ok(url));
        }
        for text in ["grpc://a", "grpc://a:1/b/c", "grpc://a:1/?b", "grpcs://a:1"] {
            assert!(ProbeUrl::from_str(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_of_livebus_that_does_not_say_ready_is_refused() {
        for path in [
            "livez",
            "livez/ping",
            "startupz",
            "startupz/orders",
            "metrics",
            "healthz",
            "detailz",
            "proxy/livez",
            "metrics?x",
        ] {
            let error = ProbeUrl::from_str(&format!("http://a:1/{path}")).expect_err(path);
            assert!(
                error.contains("/readyz/NAME, /statusz or /readz"),
                "{error}"
            );
        }
        // Of a livebus that says it, of a check with such a name, and of other programs.
        for path in [
            "statusz",
            "readz",
            "readyz/orders",
            "readyz/metrics",
            "health",
            "metrics/x",
            "livezz",
        ] {
            let url = format!("http://livez/{path}");
            assert_eq!(url.parse(), Ok(ProbeUrl::Http(url.clone())));
        }
    }

    #[test]
    fn a_port_that_is_none_is_refused_with_the_remedy() {
        for (port, part) in [
            (
                "99999",
                "invalid port `99999`: write a number from 1 to 65535",
            ),
            ("65536", "invalid port `65536`"),
            ("0", "invalid port `0`"),
            ("abc", "invalid port `abc`"),
            ("hunter2", "invalid port (not shown"),
            ("+80", "invalid port (not shown"),
            ("", "the port is empty: write a number from 1 to 65535"),
        ] {
            for url in [
                format!("http://127.0.0.1:{port}"),
                format!("http://[::1]:{port}/readyz"),
                format!("grpc://a:{port}/orders"),
            ] {
                let error = ProbeUrl::from_str(&url).expect_err(&url);
                assert!(error.contains(part), "{url}: {error}");
            }
        }
        for url in ["http://a", "http://[::1]", "http://a:65535", "http://a:1"] {
            assert!(ProbeUrl::from_str(url).is_ok(), "{url}");
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
