//! A client's properties, in the format of Kafka's own tools.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rdkafka::config::ClientConfig;

mod bootstrap;
mod check;
mod format;
mod known;
mod owned;

use known::is_known;

pub use bootstrap::{AddressError, BootstrapServers};
pub(crate) use owned::set_reports;

/// The properties of a client: addresses, security, timeouts.
///
/// The keys are librdkafka's, most of which are Kafka's. Where librdkafka has two names for one property (`linger.ms` and
/// `queue.buffering.max.ms`), both mean the same one. Of several values of a property the last one counts. Spaces around keys and
/// values are ignored, as in Kafka.
///
/// [`Debug`] and [`Display`](fmt::Display) show `[redacted]` in place of passwords, keys and other secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, Value>);

/// A value, and where it was written.
#[derive(Clone)]
struct Value {
    text: String,
    /// `None` if it is from no file.
    origin: Option<Origin>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Origin {
    path: Arc<Path>,
    /// From 1.
    line: usize,
}

/// Two values are equal if their texts are, wherever they were written.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Value {}

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
        /// The property; not if it is unlike the name of any property, since it may be a secret.
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
    /// The liveness client sets this property itself, and nothing would hold that livebus promises if it had another value.
    ///
    /// A service sets it on its own clients alone, with [`KafkaConfig::client_config`](crate::KafkaConfig::client_config).
    #[error(
        "`{key}` cannot be set, since livebus must set it: {reason}; leave it out (a service sets it on its own clients)"
    )]
    Owned {
        /// The property.
        key: &'static str,
        /// Why livebus sets it.
        reason: &'static str,
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
    /// A property in a file is wrong.
    #[error("{}:{line}: {error}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1, on which the property begins.
        line: usize,
        /// What is wrong with the property. Its text is a part of this error's text.
        error: Box<PropertyError>,
    },
    /// Several properties are wrong.
    #[error("{}", joined(_0))]
    Several(Vec<PropertyError>),
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
        self.insert(key, value.into(), None);
        self
    }

    fn insert(&mut self, key: &str, text: String, origin: Option<Origin>) {
        let key = canonical(key).to_owned();
        self.0.insert(key, Value { text, origin });
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
        let text = read_bounded(path).map_err(|source| PropertyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let entries = format::parse(&text).map_err(|error| PropertyError::Syntax {
            path: path.to_owned(),
            line: error.line,
            problem: error.problem,
        })?;
        let path: Arc<Path> = path.into();
        for entry in entries {
            let origin = Origin {
                path: Arc::clone(&path),
                line: entry.line,
            };
            self.insert(&entry.key, entry.value, Some(origin));
        }
        Ok(self)
    }

    /// Returns the keys of the values that may be secrets, in their order.
    pub fn secret_keys(&self) -> impl Iterator<Item = &str> {
        let secret = self
            .iter()
            .filter(|(key, value)| is_secret(key) && !value.is_empty());
        secret.map(|(key, _)| key)
    }

    /// Returns the values that may be secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let secret = self.iter().filter(|(key, _)| is_secret(key));
        secret.map(|(_, value)| value)
    }

    /// Sets all properties of `others`, in place of earlier values.
    pub fn extend(&mut self, others: Self) -> &mut Self {
        self.0.extend(others.0);
        self
    }

    /// Returns the value of `key`, under any of its names. It may be a secret.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(canonical(key)).map(|value| &*value.text)
    }

    /// Checks with librdkafka that a client can be created with these properties, without connecting to anything.
    ///
    /// Reads the files that the properties name, and takes some milliseconds.
    ///
    /// # Errors
    ///
    /// What is wrong with single properties: one [`PropertyError`], or [`PropertyError::Several`], those of a file in the order of
    /// their lines. If nothing is, the first error of the properties together.
    pub fn check(&self) -> Result<(), PropertyError> {
        check::check(self)
    }

    /// Returns the properties that the liveness client sets itself, each with the reason: these values count only for the service's
    /// own clients.
    pub fn for_own_clients(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        owned::for_own_clients(self).map(|owned| (owned.key, owned.reason))
    }

    /// Sets each property in `config`, and replaces its values under any of its names.
    pub fn apply(&self, config: &mut ClientConfig) {
        for (key, value) in &self.0 {
            for (other, _) in SYNONYMS.iter().filter(|(_, canonical)| canonical == key) {
                config.remove(other);
            }
            config.set(key, &*value.text);
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &*value.text))
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

/// Reads a file of at most 1 MiB: a device may have no end.
fn read_bounded(path: &Path) -> io::Result<String> {
    const MAX_BYTES: u64 = 1 << 20;

    let mut text = String::new();
    let mut file = File::open(path)?.take(MAX_BYTES + 1);
    file.read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
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
    // A URL can have a user and a password.
    if is_secret(key) || value.contains('@') && value.contains("://") {
        "[redacted]"
    } else {
        value
    }
}

/// Returns whether the value may be a secret. Prefers false positives: an unknown key may be a misspelt secret one.
fn is_secret(key: &str) -> bool {
    const SIGNS: [&str; 11] = [
        "pass",
        "secret",
        "token",
        "credential",
        "jaas",
        "oauthbearer.config",
        "oauthbearer.extensions",
        "kinit.cmd",
        "private.key",
        "keystore.key",
        ".pem",
    ];
    if !is_known(key) {
        return true;
    }
    SIGNS.iter().any(|sign| key.contains(sign))
}

fn joined(errors: &[PropertyError]) -> String {
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    texts.join("\n")
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
mod tests;
