//! The addresses with which a client finds its cluster.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::address;

/// The value of `bootstrap.servers`: at least one address, each with a host and a port.
///
/// It is parsed from `host:port,host:port`. The default port is 9092, an IPv6 address is in brackets, and an address may have a
/// security protocol in front (`SASL_SSL://host`). [`Display`](fmt::Display) writes the same addresses with their ports and
/// without spaces.
///
/// librdkafka itself misreads invalid addresses (a port of `90x2` as 90, no host as `localhost`), or drops them and reports that
/// only in its log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BootstrapServers(Vec<Address>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Address {
    protocol: Option<&'static str>,
    /// Includes the brackets of an IPv6 address.
    host: String,
    port: u16,
}

/// The error of an invalid address, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad address `{address}`: {problem}")]
#[non_exhaustive]
pub struct AddressError {
    /// The address, as it was written, or the part of it that cannot be a secret: a password can be misplaced in an address
    /// (`user:password@host`).
    pub address: String,
    /// What is wrong with it, and what is expected.
    pub problem: &'static str,
}

impl BootstrapServers {
    /// Returns each address alone, in the format of `bootstrap.servers`.
    pub(crate) fn each(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .map(|address| Self(vec![address.clone()]).to_string())
    }

    /// Returns the security protocols in front of the addresses, in capitals.
    pub(super) fn protocols(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter_map(|address| address.protocol)
    }
}

impl BootstrapServers {
    /// Returns the addresses, without their protocols.
    pub(crate) fn addresses(&self) -> Vec<address::Address> {
        let addresses = self.0.iter();
        addresses
            .map(|it| address::Address {
                host: it.host.clone(),
                port: it.port,
            })
            .collect()
    }
}

impl FromStr for BootstrapServers {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        text.split(',')
            .map(|part| {
                let part = part.trim();
                part.parse().map_err(|problem| {
                    // A comma may be a part of the password.
                    if text.contains(['@', '=']) {
                        AddressError {
                            address: NOT_SHOWN.to_owned(),
                            problem: WITH_CREDENTIALS,
                        }
                    } else {
                        AddressError {
                            address: without_secrets(part),
                            problem,
                        }
                    }
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for BootstrapServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if let Some(protocol) = address.protocol {
                write!(f, "{protocol}://")?;
            }
            write!(f, "{}:{}", address.host, address.port)?;
        }
        Ok(())
    }
}

impl FromStr for Address {
    /// What is wrong, and what is expected.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (protocol, rest) = match text.split_once("://") {
            Some((protocol, rest)) => (Some(known_protocol(protocol)?), rest),
            None => (None, text),
        };
        let (host, port) = if rest.starts_with('[') {
            let end = rest.find(']').ok_or("close the bracket: `[::1]:9092`")?;
            rest.split_at(end + 1)
        } else if rest.matches(':').count() > 1 {
            return Err(
                "put an IPv6 address in brackets: `[::1]:9092`; separate addresses by commas",
            );
        } else {
            rest.split_at(rest.find(':').unwrap_or(rest.len()))
        };
        check_host(host)?;
        let port = match port.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if port.is_empty() => DEFAULT_PORT,
            None => return Err("expected `:` and a port after the bracket"),
        };
        Ok(Self {
            protocol,
            host: host.to_owned(),
            port,
        })
    }
}

const NOT_SHOWN: &str = "[not shown: it may hold a secret]";

const WITH_CREDENTIALS: &str = "an address has no user, password or property: set `sasl.username` and `sasl.password`, \
     and separate addresses by commas";

/// Returns an address that was refused, without the parts that are none of an address: they may be a secret.
fn without_secrets(address: &str) -> String {
    let (protocol, rest) = match address.split_once("://") {
        Some((protocol, rest)) => (format!("{protocol}://"), rest),
        None => (String::new(), address),
    };
    let is_of_an_address = |c: char| c.is_ascii_alphanumeric() || " ._-[]:".contains(c);
    let (host, after) = rest.split_at(rest.find(':').unwrap_or(rest.len()));
    if rest.starts_with('[') && rest.chars().all(is_of_an_address) {
        address.to_owned()
    } else if !host.chars().all(is_of_an_address) {
        NOT_SHOWN.to_owned()
    } else if after.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        address.to_owned()
    } else {
        format!("{protocol}{host}:{NOT_SHOWN}")
    }
}

const DEFAULT_PORT: u16 = 9092;

const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

fn known_protocol(protocol: &str) -> Result<&'static str, &'static str> {
    PROTOCOLS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(protocol))
        .ok_or("expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL before the `://`, or nothing")
}

fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("name a host: `host:port`, several separated by single commas");
    }
    if let Some(bracketed) = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        let address = bracketed.split('%').next().unwrap_or(bracketed);
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err("expected an IPv6 address in the brackets"),
        };
    }
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.chars().all(is_of_a_name) {
        Ok(())
    } else {
        Err("a host has letters, digits, `.`, `-` and `_` only; separate addresses by commas")
    }
}

fn parse_port(port: &str) -> Result<u16, &'static str> {
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err("expected a port from 1 to 65535 after the `:`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_has_every_port_and_no_spaces() {
        for (text, normal) in [
            ("localhost", "localhost:9092"),
            ("a:1,b:65535", "a:1,b:65535"),
            (
                " kafka-0.kafka:9092 , my_host ",
                "kafka-0.kafka:9092,my_host:9092",
            ),
            ("[::1]", "[::1]:9092"),
            ("[fe80::1%eth0]:9093", "[fe80::1%eth0]:9093"),
            (
                "sasl_ssl://a:1,PLAINTEXT://[::1]:2",
                "SASL_SSL://a:1,PLAINTEXT://[::1]:2",
            ),
        ] {
            let servers: BootstrapServers = text.parse().expect(text);
            assert_eq!(servers.to_string(), normal);
            assert_eq!(
                normal.parse().ok(),
                Some(servers),
                "the normal form is stable"
            );
        }
    }

    #[test]
    fn errors_have_the_invalid_part_and_the_remedy() {
        for (text, part, remedy) in [
            ("", "", "name a host"),
            ("a:1,,b:2", "", "name a host"),
            ("a:1,:2", ":2", "name a host"),
            ("a:1,b:90x2", "b:[not shown: it may hold a secret]", "65535"),
            ("b:+1", "b:[not shown: it may hold a secret]", "65535"),
            ("b:", "b:", "65535"),
            ("b:0", "b:0", "65535"),
            ("b:65536", "b:65536", "65535"),
            ("a b:1", "a b:1", "commas"),
            ("a:1;b:2", "a:[not shown: it may hold a secret]", "commas"),
            ("::1", "::1", "brackets"),
            ("[::1", "[::1", "close the bracket"),
            ("[::g]:1", "[::g]:1", "IPv6"),
            ("[::1]9092", "[::1]9092", "`:`"),
            ("http://a:1", "http://a:1", "SASL_SSL"),
            ("://a:1", "://a:1", "SASL_SSL"),
        ] {
            let error = text.parse::<BootstrapServers>().expect_err(text);
            assert_eq!(error.address, part, "{text}");
            let error = error.to_string();
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn errors_have_no_password() {
        for text in [
            "me:hunter2@a:1",
            "a:1,https://me:hunter2@a:1",
            "SASL_SSL://me:hunter2@a",
            "me:hun,ter2@a:1",
            "sasl.password=hunter2",
            "me:hunter2",
            "me:hunter2:1",
            "http://a:1/hunter2",
            "hunter2!",
        ] {
            let error = text.parse::<BootstrapServers>().expect_err(text);
            for shown in [format!("{error}"), format!("{error:?}")] {
                let part = ["hunter2", "ter2", "hun,"]
                    .iter()
                    .find(|it| shown.contains(**it));
                assert_eq!(part, None, "{text}: {shown}");
            }
        }
    }
}
