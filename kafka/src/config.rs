//! The configuration of a Kafka bus: its addresses, its properties, and its liveness message.

use std::time::Duration;

use livebus_core::Config;
use rdkafka::ClientConfig;

use crate::embedded::EmbeddedCluster;
use crate::properties::{BootstrapServers, Properties, PropertyError};

/// The configuration of one Kafka bus.
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

/// The kind of liveness message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivenessBy {
    /// A small record to each of at most three leaders of a topic. Proves that the bus accepts messages.
    Produce {
        /// The topic. The user needs the right to write to it.
        topic: String,
        /// Whether to create it when it is missing, with three partitions and the broker's default replication.
        create: bool,
    },
    /// A metadata request. Needs no topic and no rights. Proves only that a broker answers.
    Metadata,
}

impl LivenessBy {
    /// The default topic of liveness messages.
    pub const DEFAULT_TOPIC: &'static str = "livebus-liveness";
}

impl KafkaConfig {
    /// Returns the configuration of the bus at `servers`, with `properties` for every client. A liveness message is a record to
    /// the topic [`LivenessBy::DEFAULT_TOPIC`], which must exist: with [`liveness_by`](Self::liveness_by) it is another, it is
    /// created, or there is none.
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

    /// Returns the configuration of the bus of an embedded cluster. As with [`new`](Self::new), the topic
    /// [`LivenessBy::DEFAULT_TOPIC`] must exist: create it with [`EmbeddedCluster::create_topic`].
    ///
    /// # Errors
    ///
    /// [`PropertyError`] if librdkafka's mock cluster returns an invalid address.
    pub fn embedded(cluster: &EmbeddedCluster) -> Result<Self, PropertyError> {
        let servers = cluster.bootstrap_servers().parse()?;
        Self::new(servers, Properties::new())
    }

    /// Replaces the kind of liveness message.
    #[must_use]
    pub fn liveness_by(self, liveness_by: LivenessBy) -> Self {
        Self {
            liveness_by,
            ..self
        }
    }

    /// Returns the kind of liveness message.
    #[must_use]
    pub const fn liveness_message(&self) -> &LivenessBy {
        &self.liveness_by
    }

    /// Returns the addresses of the bus.
    #[must_use]
    pub const fn servers(&self) -> &BootstrapServers {
        &self.servers
    }

    /// Returns the configuration for the service's own clients: the properties, and nothing else.
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.properties.apply(&mut config);
        config
    }

    /// The connection timeouts of the liveness client, unless the properties set others: long enough for a slow handshake, and
    /// short enough that one that fails does not delay the next attempt.
    const CONNECTION_TIMEOUTS: [(&'static str, &'static str); 2] = [
        ("socket.connection.setup.timeout.ms", "3000"),
        ("api.version.request.timeout.ms", "3000"),
    ];

    /// Properties of the service's own clients that contradict those of the liveness client.
    const FOR_DATA: [&'static str; 2] = ["transactional.id", "enable.gapless.guarantee"];

    /// Returns the configuration of the liveness client: the properties, except for those that make it report failures fast.
    ///
    /// A record lives as long as a liveness message can be in flight, so that a record that waits in the queue of a client without a
    /// broker is delivered by the reconnect. librdkafka does not retry: it would not report why a broker rejects a record before
    /// the record times out. The round retries where that can help.
    pub(crate) fn liveness_client_config(&self, config: &Config) -> ClientConfig {
        let settings = config.settings();
        let max_open = settings
            .liveness_timeout
            .max(settings.not_live_interval_max);
        let record_lifetime = max_open.max(Duration::from_secs(1)).as_millis();
        let record_lifetime = record_lifetime.min(86_400_000);
        // Longer than the lifetime of a record; otherwise librdkafka closes the connection to a hung broker, and reports
        // Unreachable.
        let socket_timeout = (record_lifetime + 1_000).min(300_000);
        let mut client = self.client_config();
        // With `acks=0` a record counts as delivered once it is written to the socket, which proves nothing.
        if matches!(client.get("acks"), None | Some("0")) {
            client.set("acks", "1");
        }
        for (key, default) in Self::CONNECTION_TIMEOUTS {
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
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        let kafka = KafkaConfig::new(servers, properties).expect("valid properties");
        let config = Config::new(settings).expect("valid settings");
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
    fn properties_of_data_clients_do_not_prevent_the_liveness_client() {
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
    fn the_socket_timeout_is_longer_than_the_message_timeout() {
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
    fn the_properties_can_extend_the_connection_timeout() {
        let key = "socket.connection.setup.timeout.ms";
        let extended = liveness_client(
            &["socket.connection.setup.timeout.ms=20000"],
            Settings::default(),
        );
        assert_eq!(extended.get(key), Some("20000"));
        assert_eq!(
            liveness_client(&[], Settings::default()).get(key),
            Some("3000")
        );
    }
}
