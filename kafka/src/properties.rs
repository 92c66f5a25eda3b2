//! A client's properties, in the format of Kafka's own tools.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use rdkafka::config::ClientConfig;

mod bootstrap;
mod check;
mod format;
mod known;

pub use bootstrap::{AddressError, BootstrapServers};

/// The properties of a client: addresses, security, timeouts.
///
/// The keys are librdkafka's, most of which are Kafka's. Where librdkafka has two names for one property (`linger.ms` and
/// `queue.buffering.max.ms`), both mean the same one. Of several values of a property the last one counts. Spaces around keys and
/// values are ignored, as in Kafka.
///
/// [`Debug`] and [`Display`](fmt::Display) show `[redacted]` in place of passwords, keys and other secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

/// What is wrong with a property, and the remedy. No message contains the value of a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// Not of the form `key=value`.
    #[error(
        "expected `key=value`, with a key, and found something else (not shown: it may hold a secret)"
    )]
    NotAPair,
    /// The file cannot be read, or is not UTF-8.
    #[error("cannot read {}: name a readable UTF-8 file of properties", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file is not a list of properties.
    #[error("{}:{line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1, on which the property begins.
        line: usize,
        /// What is wrong with the line.
        problem: &'static str,
    },
    /// librdkafka has no such property.
    #[error("unknown property `{key}`{}", did_you_mean(*nearest))]
    Unknown {
        /// The property.
        key: String,
        /// A property with a similar name.
        nearest: Option<&'static str>,
    },
    /// Only Kafka's Java client has this property.
    #[error("`{key}` is a property of Kafka's Java client: {remedy}")]
    JavaOnly {
        /// The property.
        key: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// The value does not fit the property.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The property.
        key: String,
        /// Why it does not fit.
        reason: String,
    },
    /// An address in `bootstrap.servers` is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The property, or its value, needs a feature without which this program was built.
    #[error("`{key}` needs {needs}, which this build lacks: {}", build_with(*feature))]
    NotBuiltIn {
        /// The property.
        key: String,
        /// What is missing.
        needs: String,
        /// The cargo feature of livebus that adds it; `None` if there is none.
        feature: Option<&'static str>,
    },
    /// Each property is valid, but no client can be created with all of them.
    #[error("these properties conflict: {reason}")]
    Conflict {
        /// The error of librdkafka.
        reason: String,
    },
}

impl Properties {
    /// Returns no properties: librdkafka's defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses `pairs`, each `key=value`.
    ///
    /// # Errors
    ///
    /// [`PropertyError::NotAPair`] for the first that has no `=`, or no key before it.
    pub fn parse<I>(pairs: I) -> Result<Self, PropertyError>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut properties = Self::new();
        for pair in pairs {
            properties.set_pair(pair.as_ref())?;
        }
        Ok(properties)
    }

    /// Sets `key`, in place of an earlier value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.0.insert(canonical(key).to_owned(), value.into());
        self
    }

    /// Sets one property from `key=value`, as on a command line after `-X`.
    ///
    /// # Errors
    ///
    /// [`PropertyError::NotAPair`] if it has no `=`, or no key before it.
    pub fn set_pair(&mut self, pair: &str) -> Result<&mut Self, PropertyError> {
        match pair.split_once('=').map(|(k, v)| (k.trim(), v.trim())) {
            None | Some(("", _)) => Err(PropertyError::NotAPair),
            Some((key, value)) => Ok(self.set(key, value)),
        }
    }

    /// Sets the properties in a file in the format of `java.util.Properties`, in UTF-8.
    ///
    /// A key without a separator is rejected: Java reads an empty value, but usually it is a mistake.
    ///
    /// # Errors
    ///
    /// [`PropertyError::Read`] and [`PropertyError::Syntax`]; no property is set then.
    pub fn load(&mut self, path: &Path) -> Result<&mut Self, PropertyError> {
        let text = fs::read_to_string(path).map_err(|source| PropertyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let entries = format::parse(&text).map_err(|error| PropertyError::Syntax {
            path: path.to_owned(),
            line: error.line,
            problem: error.problem,
        })?;
        for (key, value) in entries {
            self.set(&key, value);
        }
        Ok(self)
    }

    /// Returns the value of `key`, under any of its names. It may be a secret.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(canonical(key)).map(String::as_str)
    }

    /// Checks with librdkafka that a client can be created with these properties, without connecting to anything.
    ///
    /// Reads the files that the properties name, and takes some milliseconds.
    ///
    /// # Errors
    ///
    /// The first [`PropertyError`], in the order of the keys.
    pub fn check(&self) -> Result<(), PropertyError> {
        check::check(self)
    }

    /// Sets each property in `config`, and replaces its values under any of its names.
    pub fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.0 {
            for (other, _) in SYNONYMS.iter().filter(|(_, canonical)| canonical == key) {
                config.remove(other);
            }
            config.set(key, value);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl fmt::Display for Properties {
    /// One `key=value` per line, in the order of the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (key, value) in self.iter() {
            writeln!(f, "{key}={}", shown(key, value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(key, value)| (key, shown(key, value))))
            .finish()
    }
}

/// librdkafka's second names, each with the one that is used here. A `ClientConfig` gives its entries to librdkafka in no order,
/// so that of two names for one property either could win.
const SYNONYMS: [(&str, &str); 11] = [
    ("metadata.broker.list", "bootstrap.servers"),
    ("request.required.acks", "acks"),
    ("compression.type", "compression.codec"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("message.send.max.retries", "retries"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
    ("sasl.mechanisms", "sasl.mechanism"),
    (
        "sasl.oauthbearer.client.credentials.client.id",
        "sasl.oauthbearer.client.id",
    ),
    (
        "sasl.oauthbearer.client.credentials.client.secret",
        "sasl.oauthbearer.client.secret",
    ),
];

fn canonical(key: &str) -> &str {
    SYNONYMS
        .iter()
        .find(|(other, _)| *other == key)
        .map_or(key, |(_, canonical)| canonical)
}

fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { "[redacted]" } else { value }
}

/// Returns whether the value may be a secret. Prefers false positives: an unknown key may be a misspelt secret one.
fn is_secret(key: &str) -> bool {
    const SIGNS: [&str; 9] = [
        "pass",
        "secret",
        "token",
        "credential",
        "jaas",
        "oauthbearer.config",
        "private.key",
        "keystore.key",
        ".pem",
    ];
    let key = key.to_ascii_lowercase();
    SIGNS.iter().any(|sign| key.contains(sign))
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean `{key}`?"))
}

fn build_with(feature: Option<&str>) -> String {
    match feature {
        Some(feature) => format!("switch on the cargo feature `{feature}` of livebus"),
        None => "leave it out, livebus has no feature for it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_overrides_an_earlier_one_under_any_name() {
        let pairs = ["linger.ms=1", "queue.buffering.max.ms = 2", "acks=all"];
        let properties = Properties::parse(pairs).expect("are pairs");
        assert_eq!(properties.to_string(), "acks=all\nlinger.ms=2\n");
        assert_eq!(properties.get("queue.buffering.max.ms"), Some("2"));
    }

    #[test]
    fn applying_leaves_one_name_for_each_property() {
        let mut config = ClientConfig::new();
        config.set("metadata.broker.list", "a:1").set("acks", "1");
        Properties::new()
            .set("bootstrap.servers", "b:2")
            .apply(&mut config);
        assert_eq!(
            Vec::from_iter(config.config_map()),
            [("acks", "1"), ("bootstrap.servers", "b:2")]
        );
    }

    #[test]
    fn synonyms_set_the_same_property_of_librdkafka() {
        for (other, canonical) in SYNONYMS {
            let value = match canonical {
                "bootstrap.servers" => "a:1",
                "compression.codec" => "gzip",
                "sasl.mechanism" => "PLAIN",
                _ => "7",
            };
            let mut config = ClientConfig::new();
            config.set(other, value);
            match config.create_native_config() {
                Ok(native) => assert_eq!(native.get(canonical).expect("is known"), value),
                Err(error) => assert!(error.to_string().contains("not supported in this build")),
            }
        }
    }

    #[test]
    fn a_value_may_hold_an_equals_sign_and_be_empty() {
        let properties = Properties::parse(["sasl.password=a=b", "client.id="]).expect("are pairs");
        assert_eq!(properties.get("sasl.password"), Some("a=b"));
        assert_eq!(properties.get("client.id"), Some(""));
    }

    #[test]
    fn the_error_of_an_invalid_pair_does_not_show_it() {
        for text in ["hunter2", "=hunter2", " = hunter2"] {
            let error = Properties::new()
                .set_pair(text)
                .expect_err("no pair")
                .to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        for key in [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.key.pem",
            "SSL.Key.Pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.jaas.config",
            "sasl.pasword.passwd",
        ] {
            let mut properties = Properties::new();
            properties.set(key, "hunter2").set("client.id", "me");
            for shown in [format!("{properties}"), format!("{properties:?}")] {
                assert!(!shown.contains("hunter2"), "{shown}");
                assert!(
                    shown.contains("[redacted]") && shown.contains("me"),
                    "{shown}"
                );
            }
        }
    }

    #[test]
    fn a_file_is_loaded_and_its_errors_have_the_line() {
        let path = std::env::temp_dir().join(format!("livebus-{}.properties", std::process::id()));
        let mut properties = Properties::new();
        properties.set("acks", "1");

        fs::write(&path, "# mine\nacks=all\nclient.id: me\n").expect("is written");
        properties.load(&path).expect("loads");
        assert_eq!(properties.to_string(), "acks=all\nclient.id=me\n");

        fs::write(&path, "acks=0\n\nclient.id\n").expect("is written");
        let error = properties.load(&path).expect_err("line 3").to_string();
        assert!(
            error.starts_with(&format!("{}:3: ", path.display())),
            "{error}"
        );
        assert_eq!(properties.get("acks"), Some("all"), "nothing was set");

        fs::remove_file(&path).expect("is removed");
        let error = properties.load(&path).expect_err("is gone").to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}
