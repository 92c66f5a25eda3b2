//! Checks properties with librdkafka, and adds a remedy to its errors.

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, NativeClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaConfRes, RDKafkaType};

use super::known::{CHOICES, JAVA_ONLY, is_known, nearest};
use super::owned;
use super::{BootstrapServers, Origin, Properties, PropertyError, is_secret};

pub(super) fn check(properties: &Properties) -> Result<(), PropertyError> {
    let mut wrong: Vec<(Option<&Origin>, PropertyError)> = Vec::new();
    for (key, value) in &properties.0 {
        if let Err(error) = check_one(key, &value.text) {
            wrong.push((value.origin.as_ref(), error));
        }
    }
    wrong.sort_by_key(|(origin, _)| *origin);
    let mut errors = wrong
        .into_iter()
        .map(|(origin, error)| in_file(origin, error));
    match (errors.next(), errors.next()) {
        (Some(first), Some(second)) => {
            let all = [first, second].into_iter().chain(errors);
            return Err(PropertyError::Several(all.collect()));
        }
        (Some(error), None) => return Err(error),
        (None, _) => {}
    }
    check_mechanism(properties).map_err(|error| located(properties, "sasl.mechanism", error))?;
    check_bootstrap_servers(properties)
        .map_err(|error| located(properties, "bootstrap.servers", error))?;
    check_together(properties)
}

/// Adds the line of the file in which `key` was written, if it was in one.
fn located(properties: &Properties, key: &str, error: PropertyError) -> PropertyError {
    let value = properties.0.get(key);
    in_file(value.and_then(|value| value.origin.as_ref()), error)
}

fn in_file(origin: Option<&Origin>, error: PropertyError) -> PropertyError {
    match origin {
        Some(origin) => PropertyError::InFile {
            path: origin.path.to_path_buf(),
            line: origin.line,
            error: Box::new(error),
        },
        None => error,
    }
}

fn check_one(key: &str, value: &str) -> Result<(), PropertyError> {
    if let Some((_, remedy)) = JAVA_ONLY.iter().find(|(java, _)| *java == key) {
        return Err(PropertyError::JavaOnly {
            key: key.to_owned(),
            remedy,
        });
    }
    if let Some(owned) = owned::refusal(key) {
        return Err(PropertyError::Owned {
            key: owned.key,
            reason: owned.reason,
        });
    }
    let invalid = |reason: String| PropertyError::Invalid {
        key: shown_key(key),
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
                key: shown_key(key),
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
            None if is_word(value) => invalid(cleaned(&text, key)),
            None => invalid(cleaned(&text.replace(value, NOT_SHOWN), key)),
        }),
        Err(_) => Err(invalid("a property cannot hold a NUL".into())),
    }
}

const NOT_SHOWN: &str = "[not shown: it may be a secret]";

/// Returns a key for an error: not if it is unlike the name of any property, since it may be a secret without its key.
fn shown_key(key: &str) -> String {
    let is_of_a_name = |c: char| c.is_ascii_lowercase() || matches!(c, '.' | '_' | '-');
    let is_like_a_name = !key.is_empty() && key.chars().all(is_of_a_name);
    if is_known(key) || is_like_a_name || nearest(key).is_some() {
        key.to_owned()
    } else {
        NOT_SHOWN.to_owned()
    }
}

/// Returns whether the value is a word or a number, which no good password is.
fn is_word(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        || value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
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
                    "`{}` is unknown; expected PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, GSSAPI or OAUTHBEARER",
                    if is_word(mechanism) {
                        mechanism
                    } else {
                        NOT_SHOWN
                    }
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
mod tests;
