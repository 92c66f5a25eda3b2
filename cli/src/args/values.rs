//! The values of options.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use livebus_kafka::ClusterPolicy;

use crate::probe_url::ProbeUrl;

/// Reads a level of the log.
pub(super) fn log_level() -> impl TypedValueParser<Value = tracing::Level> {
    let levels = ["error", "warn", "info", "debug", "trace"];
    PossibleValuesParser::new(levels).try_map(|level| level.parse())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    // The text of its errors has parts of the value.
    humantime::parse_duration(text).map_err(|_| "write it like 5s or 500ms".to_owned())
}

/// Reads the URL of a running livebus.
pub(super) fn url(text: &str) -> Result<ProbeUrl, String> {
    text.parse()
}

/// Reads the address of a server. Without an IP address it is on the loopback interface, which no other host can reach.
pub(super) fn http_address(text: &str) -> Result<SocketAddr, String> {
    const HOW: &str = "write a port, like 8080 (at 127.0.0.1), or an IP address and a port, like 0.0.0.0:8080 (at all addresses)";

    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match (text.parse(), port.parse()) {
        (Ok(address), _) => Ok(address),
        (Err(_), Ok(port)) if is_port && matches!(host, "" | "localhost") => {
            Ok((Ipv4Addr::LOCALHOST, port).into())
        }
        (Err(_), _) => Err(HOW.to_owned()),
    }
}

pub(super) fn cluster(text: &str) -> Result<ClusterPolicy, String> {
    let is_of_an_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match text {
        "remember" => Ok(ClusterPolicy::Remember),
        "any" => Ok(ClusterPolicy::Any),
        id if !id.is_empty() && id.chars().all(is_of_an_id) => {
            Ok(ClusterPolicy::Expect(id.to_owned()))
        }
        _ => Err("write `remember`, `any`, or the id of a cluster: letters, digits, dashes and underscores".to_owned()),
    }
}

pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let bytes = match unit.trim_start() {
        "B" => Some(1),
        "KB" | "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(bytes)
        .and_then(|(number, bytes)| number.checked_mul(bytes))
        .ok_or_else(|| "write a whole number and a unit, like 64MiB, 10MB or 500KiB".to_owned())
}

/// Checks a topic's name by Kafka's own rule.
pub(super) fn topic(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&text.len()) && text.chars().all(allowed) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("a topic's name is 1 to 249 letters, digits, dots, underscores and dashes".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_address_without_an_ip_address_is_on_loopback() {
        for (text, address) in [
            ("8080", "127.0.0.1:8080"),
            (":8080", "127.0.0.1:8080"),
            ("localhost:8080", "127.0.0.1:8080"),
            ("0", "127.0.0.1:0"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(http_address(text), Ok(address.parse().expect(text)));
        }
    }

    #[test]
    fn an_http_address_that_is_not_clear_is_refused_with_a_hint() {
        for text in [
            "",
            ":",
            "localhost",
            "localhost:",
            "host:80",
            "*:80",
            "1.2.3.4",
            "::1",
            "+80",
            "65536",
            "http://localhost:80",
            "localhost:+80",
            "256.0.0.1:1",
        ] {
            let hint = http_address(text).expect_err(text);
            assert!(hint.contains("127.0.0.1"), "{text}: {hint}");
        }
    }
}
