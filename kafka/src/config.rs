//! Where the bus is, how to get in, and what to ask it.

use std::time::Duration;

use livebus_core::Config;
use rdkafka::ClientConfig;

use crate::embedded::EmbeddedCluster;
use crate::properties::{BootstrapServers, Properties, PropertyError};

/// One Kafka bus, as it is configured.
///
/// ```
/// use livebus_kafka::{KafkaConfig, LivenessBy, Properties};
///
/// let mut properties = Properties::new();
/// properties.set_pair("client.id=orders")?.set_pair("acks=all")?;
/// let kafka = KafkaConfig::new("kafka-1:9092,kafka-2:9092".parse()?, properties)?
///     .liveness_by(LivenessBy::Metadata);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    servers: BootstrapServers,
    properties: Properties,
    liveness_by: LivenessBy,
}

/// What a liveness message is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivenessBy {
    /// A small record to each of at most three leaders of a topic. Proves that the bus takes messages.
    Produce {
        /// The topic; needs the right to write to it.
        topic: String,
        /// Whether to create it when it is missing, with three partitions and the broker's default replication.
        create: bool,
    },
    /// A metadata request. Needs no topic and no rights; proves only that a broker answers.
    Metadata,
}

impl LivenessBy {
    /// The topic that liveness messages go to unless another is named.
    pub const DEFAULT_TOPIC: &'static str = "livebus-liveness";
}

impl KafkaConfig {
    /// The bus at `servers`, with `properties` for every client. A liveness message is a record to the topic
    /// [`LivenessBy::DEFAULT_TOPIC`], which must exist: [`liveness_by`](Self::liveness_by) names another, has it created, or needs
    /// none.
    ///
    /// Blocks for some milliseconds, because librdkafka itself checks the properties.
    ///
    /// # Errors
    ///
    /// [`PropertyError`] for a property that is unknown, has a bad value, contradicts another, or needs a feature that was
    /// not built in.
    pub fn new(
        servers: BootstrapServers,
        mut properties: Properties,
    ) -> Result<Self, PropertyError> {
        properties.set("bootstrap.servers", servers.to_string());
        properties.check()?;
        Ok(Self {
            servers,
            properties,
            liveness_by: LivenessBy::Produce {
                topic: LivenessBy::DEFAULT_TOPIC.to_owned(),
                create: false,
            },
        })
    }

    /// The bus of an embedded cluster. As with [`new`](Self::new), the topic [`LivenessBy::DEFAULT_TOPIC`] must exist: create it with
    /// [`EmbeddedCluster::create_topic`].
    ///
    /// # Errors
    ///
    /// [`PropertyError`] if librdkafka's mock cluster gives an address that is none.
    pub fn embedded(cluster: &EmbeddedCluster) -> Result<Self, PropertyError> {
        let servers = cluster.bootstrap_servers().parse()?;
        Self::new(servers, Properties::new())
    }

    /// Replaces what a liveness message is.
    #[must_use]
    pub fn liveness_by(self, liveness_by: LivenessBy) -> Self {
        Self {
            liveness_by,
            ..self
        }
    }

    /// What a liveness message is.
    #[must_use]
    pub const fn question(&self) -> &LivenessBy {
        &self.liveness_by
    }

    /// Where the bus is.
    #[must_use]
    pub const fn servers(&self) -> &BootstrapServers {
        &self.servers
    }

    /// For a client of the service's own: the properties as they were given, and nothing else.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.properties.apply(&mut config);
        config
    }

    /// How long the liveness client waits for a connection, unless the properties say otherwise: a slow handshake must have
    /// its time, and one that comes to nothing must not keep the next from being tried.
    const PATIENCE: [(&'static str, &'static str); 2] = [
        ("socket.connection.setup.timeout.ms", "3000"),
        ("api.version.request.timeout.ms", "3000"),
    ];

    /// Properties of clients that carry data, which the liveness client's own contradict.
    const FOR_DATA: [&'static str; 2] = ["transactional.id", "enable.gapless.guarantee"];

    /// For the liveness client: the properties as they were given, but for those that make it tell the truth fast.
    ///
    /// A record lives as long as a liveness message can be open, so that the one which waits in the queue of a client
    /// without a broker is delivered by the reconnect. librdkafka retries nothing: it would keep to itself why a broker
    /// refuses until the record times out. The round asks again where that makes sense.
    pub(crate) fn liveness_client_config(&self, config: &Config) -> ClientConfig {
        let settings = config.settings();
        let longest = settings
            .liveness_timeout
            .max(settings.not_live_interval_max);
        let record_lifetime = longest.max(Duration::from_secs(1)).as_millis();
        let record_lifetime = record_lifetime.min(86_400_000);
        // Longer than any record, or librdkafka would close the connection to a broker that hangs, and call it unreachable.
        let socket_timeout = (record_lifetime + 1_000).min(300_000);
        let mut client = self.client_config();
        // With `acks=0` a record counts as delivered once it is written to the socket: that proves nothing.
        if matches!(client.get("acks"), None | Some("0")) {
            client.set("acks", "1");
        }
        for (key, default) in Self::PATIENCE {
            if client.get(key).is_none() {
                client.set(key, default);
            }
        }
        for key in Self::FOR_DATA {
            client.remove(key);
        }
        client
            .set("message.timeout.ms", record_lifetime.to_string())
            .set("enable.idempotence", "false")
            .set("retries", "0")
            .set("linger.ms", "0")
            .set("compression.codec", "none")
            .set("queue.buffering.max.messages", "1000")
            .set("reconnect.backoff.ms", "250")
            .set("reconnect.backoff.max.ms", "250")
            .set("retry.backoff.ms", "50")
            .set("retry.backoff.max.ms", "200")
            .set("socket.timeout.ms", socket_timeout.to_string())
            .set("topic.metadata.propagation.max.ms", "1000")
            .set("statistics.interval.ms", "0");
        client
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::Settings;

    use super::*;

    fn liveness_client(pairs: &[&str], settings: Settings) -> ClientConfig {
        let servers = "127.0.0.1:9092".parse().expect("it is an address");
        let properties = Properties::parse(pairs).expect("they are pairs");
        let kafka = KafkaConfig::new(servers, properties).expect("they are properties");
        let config = Config::new(settings).expect("they are valid");
        kafka.liveness_client_config(&config)
    }

    #[test]
    fn a_liveness_message_is_always_acknowledged() {
        let acks = |pairs: &[&str]| {
            let client = liveness_client(pairs, Settings::default());
            client.get("acks").map(str::to_owned)
        };
        assert_eq!(acks(&[]).as_deref(), Some("1"));
        assert_eq!(acks(&["acks=0"]).as_deref(), Some("1"));
        assert_eq!(acks(&["request.required.acks=0"]).as_deref(), Some("1"));
        assert_eq!(acks(&["acks=all"]).as_deref(), Some("all"));
    }

    #[test]
    fn what_a_client_for_data_needs_does_not_keep_the_liveness_client_from_being_made() {
        let pairs = [
            "transactional.id=orders",
            "enable.idempotence=true",
            "acks=all",
        ];
        let client = liveness_client(&pairs, Settings::default());
        assert!(client.create_native_config().is_ok());
        assert_eq!(client.get("transactional.id"), None);
        assert_eq!(client.get("enable.idempotence"), Some("false"));
    }

    #[test]
    fn a_connection_outlives_any_record() {
        for settings in [
            Settings::default(),
            Settings::fast(),
            Settings::as_in_voltha(),
        ] {
            let client = liveness_client(&[], settings);
            let number = |key| client.get(key).and_then(|value| value.parse::<u64>().ok());
            assert!(number("socket.timeout.ms") > number("message.timeout.ms"));
            assert!(number("message.timeout.ms").is_some());
        }
    }

    #[test]
    fn a_slow_handshake_is_given_the_time_that_the_properties_ask_for() {
        let key = "socket.connection.setup.timeout.ms";
        let asked = liveness_client(
            &["socket.connection.setup.timeout.ms=20000"],
            Settings::default(),
        );
        assert_eq!(asked.get(key), Some("20000"));
        assert_eq!(
            liveness_client(&[], Settings::default()).get(key),
            Some("3000")
        );
    }
}
