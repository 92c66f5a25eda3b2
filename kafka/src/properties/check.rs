//! Checks properties with librdkafka, and adds a remedy to its errors.

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, NativeClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaConfRes, RDKafkaType};

use super::known::{CHOICES, JAVA_ONLY, nearest};
use super::{BootstrapServers, Properties, PropertyError, is_secret};

pub(super) fn check(properties: &Properties) -> Result<(), PropertyError> {
    for (key, value) in properties.iter() {
        check_one(key, value)?;
    }
    check_mechanism(properties)?;
    check_bootstrap_servers(properties)?;
    check_together(properties)
}

fn check_one(key: &str, value: &str) -> Result<(), PropertyError> {
    if let Some((_, remedy)) = JAVA_ONLY.iter().find(|(java, _)| *java == key) {
        return Err(PropertyError::JavaOnly {
            key: key.to_owned(),
            remedy,
        });
    }
    let invalid = |reason: String| PropertyError::Invalid {
        key: key.to_owned(),
        reason,
    };
    let not_a_number = || invalid("expected a number and nothing after it".into());
    match native(key, value) {
        Ok(native) if is_number_with_rest(value) && reads_back_a_number(&native, key) => {
            Err(not_a_number())
        }
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, text, ..))
            if is_number_with_rest(value) && text.contains("outside allowed range") =>
        {
            Err(not_a_number())
        }
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(PropertyError::Unknown {
                key: key.to_owned(),
                nearest: nearest(key),
            })
        }
        Err(KafkaError::ClientConfig(_, text, ..)) => Err(match missing(&text) {
            Some((library, feature)) => PropertyError::NotBuiltIn {
                key: key.to_owned(),
                needs: if is_secret(key) || text.contains("not supported in this build") {
                    library.to_owned()
                } else {
                    format!("{library} for `{value}`")
                },
                feature,
            },
            // librdkafka's text may contain the value.
            None if is_secret(key) => {
                invalid("librdkafka rejects this value (not shown: it may be a secret)".into())
            }
            None => invalid(cleaned(&text, key)),
        }),
        Err(_) => Err(invalid("a property cannot hold a NUL".into())),
    }
}

/// librdkafka checks the mechanism only when it creates a client, and its error then says how to compile librdkafka.
fn check_mechanism(properties: &Properties) -> Result<(), PropertyError> {
    const KEY: &str = "sasl.mechanism";

    let protocol = properties.get("security.protocol").unwrap_or_default();
    if !protocol.to_ascii_lowercase().starts_with("sasl") {
        return Ok(());
    }
    let (mechanism, how) = match properties.get(KEY) {
        Some(mechanism) => (mechanism, ""),
        None => ("GSSAPI", " (the default mechanism)"),
    };
    let (builtin, feature) = match mechanism {
        "PLAIN" => return Ok(()),
        "GSSAPI" => ("sasl_gssapi", "sasl"),
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => ("sasl_scram", "ssl"),
        "OAUTHBEARER" => ("sasl_oauthbearer", "ssl"),
        _ => {
            return Err(PropertyError::Invalid {
                key: KEY.into(),
                reason: format!(
                    "`{mechanism}` is unknown; expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER"
                ),
            });
        }
    };
    if builtin_features().split(',').any(|has| has == builtin) {
        return Ok(());
    }
    Err(PropertyError::NotBuiltIn {
        key: KEY.into(),
        needs: format!("{mechanism}{how}"),
        feature: Some(feature),
    })
}

/// librdkafka drops an address whose protocol is not the client's, and all addresses after it, with a warning in its log.
fn check_bootstrap_servers(properties: &Properties) -> Result<(), PropertyError> {
    const KEY: &str = "bootstrap.servers";

    let Some(servers) = properties.get(KEY) else {
        return Ok(());
    };
    let invalid = |reason| PropertyError::Invalid {
        key: KEY.into(),
        reason,
    };
    let servers: BootstrapServers = servers.parse()?;
    let ours = properties.get("security.protocol").unwrap_or("plaintext");
    match servers
        .protocols()
        .find(|theirs| !theirs.eq_ignore_ascii_case(ours))
    {
        None => Ok(()),
        Some(theirs) => Err(invalid(format!(
            "{theirs}:// contradicts security.protocol={ours}; make them the same"
        ))),
    }
}

/// Creates a client without a broker: then librdkafka reads certificates and compares properties.
fn check_together(properties: &Properties) -> Result<(), PropertyError> {
    struct Silent;
    impl ClientContext for Silent {}

    let mut config = ClientConfig::new();
    properties.apply(&mut config);
    config
        .remove("bootstrap.servers")
        .set_log_level(RDKafkaLogLevel::Emerg);
    config
        .create_native_config()
        .and_then(|native| Client::new(&config, native, RDKafkaType::RD_KAFKA_PRODUCER, Silent))
        .map(drop)
        .map_err(|error| PropertyError::Conflict {
            reason: without_secrets(&error, properties),
        })
}

fn without_secrets(error: &KafkaError, properties: &Properties) -> String {
    let text = if let KafkaError::ClientCreation(text) = error {
        text.clone()
    } else {
        error.to_string()
    };
    properties
        .iter()
        .filter(|(key, value)| is_secret(key) && !value.is_empty())
        .fold(text, |text, (_, secret)| text.replace(secret, "[redacted]"))
}

fn native(key: &str, value: &str) -> KafkaResult<NativeClientConfig> {
    ClientConfig::new().set(key, value).create_native_config()
}

fn builtin_features() -> String {
    ClientConfig::new()
        .create_native_config()
        .and_then(|native| native.get("builtin.features"))
        .unwrap_or_default()
}

/// Returns whether text follows a number: librdkafka reads `5s` as 5.
fn is_number_with_rest(value: &str) -> bool {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && !digits.starts_with("0x")
        && value.parse::<f64>().is_err()
}

fn reads_back_a_number(native: &NativeClientConfig, key: &str) -> bool {
    native
        .get(key)
        .is_ok_and(|value| value.parse::<f64>().is_ok())
}

/// Returns what the build lacks, from librdkafka's text, and our feature that adds it.
fn missing(text: &str) -> Option<(&'static str, Option<&'static str>)> {
    if !text.contains("available at build time") {
        return None;
    }
    // Its text about libcurl names OpenSSL too.
    [
        ("libcurl", "HTTP", None),
        ("OpenSSL", "TLS", Some("ssl")),
        ("libzstd", "zstd", Some("zstd")),
        ("libsasl2", "Kerberos", Some("sasl")),
    ]
    .into_iter()
    .find(|(theirs, ..)| text.contains(theirs))
    .map(|(_, ours, feature)| (ours, feature))
}

/// Returns librdkafka's text without the property's name, which the error has anyway, and with the choices, which librdkafka does
/// not list.
fn cleaned(text: &str, key: &str) -> String {
    let reason = unnamed(text).unwrap_or_else(|| text.to_owned());
    match CHOICES.iter().find(|(of, _)| *of == key) {
        Some((_, choices)) => format!("{}; expected {choices}", reason.trim()),
        None => reason.trim().to_owned(),
    }
}

fn unnamed(text: &str) -> Option<String> {
    let (before, named) = text.split_once("onfiguration property \"")?;
    let (_, after) = named.split_once('"')?;
    let before = match before {
        "C" => "",
        _ => before.strip_suffix(" for c")?,
    };
    Some(format!("{before}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked<const N: usize>(pairs: [&str; N]) -> Result<(), String> {
        let properties = Properties::parse(pairs).expect("are pairs");
        properties.check().map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused<const N: usize>(pairs: [&str; N]) -> String {
        checked(pairs).expect_err("is refused")
    }

    #[test]
    fn valid_properties_pass() {
        assert_eq!(checked([]), Ok(()));
        let plain = [
            "sasl.username=me",
            "sasl.password=hunter2",
            "sasl.mechanism=PLAIN",
        ];
        assert_eq!(checked(plain), Ok(()));
        assert_eq!(
            checked([
                "bootstrap.servers=PLAINTEXT://a:1,[::1]",
                "security.protocol=PLAINTEXT",
                "acks=-1",
                "linger.ms=0.5",
                "client.id=5s",
                "compression.type=gzip",
            ]),
            Ok(())
        );
    }

    #[test]
    fn an_unknown_property_is_rejected_with_the_nearest_known() {
        for (pair, suggestion) in [
            ("lingr.ms=1", "; did you mean `linger.ms`?"),
            (
                "Security.Protocol=ssl",
                "; did you mean `security.protocol`?",
            ),
            (
                "bootstrap.server=a:1",
                "; did you mean `bootstrap.servers`?",
            ),
            ("sasl.pasword=hunter2", "; did you mean `sasl.password`?"),
            ("colour=red", ""),
        ] {
            let (key, _) = pair.split_once('=').expect("is a pair");
            assert_eq!(
                refused([pair]),
                format!("unknown property `{key}`{suggestion}")
            );
        }
    }

    #[test]
    fn java_only_properties_are_rejected_with_the_remedy() {
        assert_eq!(
            refused(["sasl.jaas.config=org.apache.Plain required password=hunter2"]),
            "`sasl.jaas.config` is a property of Kafka's Java client: set `sasl.username` and `sasl.password`"
        );
    }

    #[test]
    fn an_invalid_value_is_rejected_with_the_reason() {
        for (pair, expected) in [
            (
                "linger.ms=9999999",
                "`linger.ms`: value 1e+07 is outside allowed range 0..900000",
            ),
            (
                "security.protocol=tls",
                "expected plaintext, ssl, sasl_plaintext or sasl_ssl",
            ),
            ("acks=some", "expected 0, 1 or all"),
            (
                "socket.timeout.ms=5s",
                "expected a number and nothing after it",
            ),
            ("enable.idempotence=perhaps", "true or false"),
            ("client.id=a\0b", "NUL"),
        ] {
            let error = refused([pair]);
            assert!(error.contains(expected), "{pair}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn conflicting_properties_are_rejected() {
        assert_eq!(
            refused(["reconnect.backoff.ms=500", "reconnect.backoff.max.ms=100"]),
            "these properties conflict: \
             `reconnect.backoff.max.ms` must be >= `reconnect.backoff.ms`"
        );
    }

    #[test]
    fn addresses_are_checked() {
        let error = refused(["bootstrap.servers=a:1,b:x"]);
        assert!(error.starts_with("bad address `b:x`: "), "{error}");
        let error = refused(["bootstrap.servers=SASL_PLAINTEXT://a:1"]);
        assert!(error.contains("security.protocol=plaintext"), "{error}");
    }

    #[test]
    fn an_unknown_mechanism_is_rejected() {
        let error = refused(["security.protocol=sasl_plaintext", "sasl.mechanism=plain"]);
        assert!(
            error.contains("`plain` is unknown; expected PLAIN,"),
            "{error}"
        );
    }

    #[test]
    fn the_error_of_a_missing_feature_names_it() {
        let cases: [(bool, &[&str], &str); 6] = [
            (
                cfg!(feature = "ssl"),
                &["security.protocol=SASL_SSL"],
                "ssl",
            ),
            (cfg!(feature = "ssl"), &["ssl.key.pem=hunter2"], "ssl"),
            (
                cfg!(feature = "ssl"),
                &[
                    "security.protocol=sasl_plaintext",
                    "sasl.mechanism=SCRAM-SHA-256",
                ],
                "ssl",
            ),
            (
                cfg!(feature = "ssl"),
                &[
                    "security.protocol=sasl_plaintext",
                    "sasl.mechanism=OAUTHBEARER",
                ],
                "ssl",
            ),
            (
                cfg!(feature = "sasl"),
                &["security.protocol=sasl_plaintext"],
                "sasl",
            ),
            (cfg!(feature = "zstd"), &["compression.type=zstd"], "zstd"),
        ];
        for (built_in, pairs, feature) in cases {
            let properties = Properties::parse(pairs).expect("are pairs");
            let error = properties
                .check()
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            let named = error.contains(&format!("cargo feature `{feature}`"));
            assert_eq!(named, !built_in, "{pairs:?}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
