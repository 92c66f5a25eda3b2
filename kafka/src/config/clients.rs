//! The configurations of the clients that livebus makes itself.

use std::time::Duration;

use livebus_core::Config;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::KafkaConfig;
use crate::count::Acks;
use crate::deadlines::max_message_time;

/// The property that says how many replicas must have a record before it is acknowledged.
const ACKS: &str = "acks";

/// librdkafka's default of [`ACKS`].
const ACKS_DEFAULT: &str = "all";

/// librdkafka's maximum of [`REQUEST_TIMEOUT`], in milliseconds.
const MAX_REQUEST_TIMEOUT: u128 = 900_000;

/// The property that says how long a leader waits for the replicas that a record needs.
pub(crate) const REQUEST_TIMEOUT: &str = "request.timeout.ms";

impl KafkaConfig {
    /// The connection timeouts of the liveness client, unless the properties set others: the maximum. A hung broker keeps a
    /// connection that it has accepted, and answers on it as soon as it goes on; each further attempt would take a place in
    /// its accept queue. Whether an address accepts connections at all, the attempts of `connection` find out.
    const CONNECTION_TIMEOUTS: [(&'static str, &'static str); 2] = [
        ("socket.connection.setup.timeout.ms", "300000"),
        ("api.version.request.timeout.ms", "300000"),
    ];

    /// Properties of the service's own clients that contradict those of the liveness client.
    const FOR_DATA: [&'static str; 2] = ["transactional.id", "enable.gapless.guarantee"];

    /// Returns what the acknowledgement of a liveness message says.
    pub(crate) fn acks(&self) -> Acks {
        match self.properties.get(ACKS).unwrap_or(ACKS_DEFAULT) {
            "all" | "-1" => Acks::InSync,
            _ => Acks::Leader,
        }
    }

    /// Returns the configuration of an [`Inquiry`](crate::inquiry::Inquiry): the properties, except for those that keep its
    /// client from trying the next broker soon.
    pub(crate) fn inquiry_config(&self) -> ClientConfig {
        let mut client = self.client_config();
        Self::set_connection_timeouts(&mut client);
        for key in Self::FOR_DATA {
            client.remove(key);
        }
        client
            .set("enable.idempotence", "false")
            .set("reconnect.backoff.ms", "250")
            .set("reconnect.backoff.max.ms", "250")
            .set("statistics.interval.ms", "0")
            // Its failures are no news: the liveness client reports them.
            .set_log_level(RDKafkaLogLevel::Emerg);
        client
    }

    fn set_connection_timeouts(client: &mut ClientConfig) {
        for (key, default) in Self::CONNECTION_TIMEOUTS {
            if client.get(key).is_none() {
                client.set(key, default);
            }
        }
    }

    /// Returns the configuration of the liveness client: the properties, except for those that make it report failures fast.
    ///
    /// A record lives as long as a liveness message can be in flight, so that a record that waits in the queue of a client without a
    /// broker is delivered by the reconnect. librdkafka does not retry: it would not report why a broker rejects a record before
    /// the record times out. The round retries where that can help.
    pub(crate) fn liveness_client_config(&self, config: &Config) -> ClientConfig {
        let settings = config.settings();
        let max_open = max_message_time(settings);
        let record_lifetime = max_open.max(Duration::from_secs(1)).as_millis();
        let record_lifetime = record_lifetime.min(86_400_000);
        // Longer than the lifetime of a record; otherwise librdkafka closes the connection to a hung broker, and reports
        // Unreachable.
        let socket_timeout = (record_lifetime + 1_000).min(300_000);
        let mut client = self.client_config();
        match client.get(ACKS) {
            None => client.set(ACKS, ACKS_DEFAULT),
            // With `acks=0` a record counts as delivered once it is written to the socket, which proves nothing.
            Some("0") => client.set(ACKS, "1"),
            Some(_) => &mut client,
        };
        // Half of what a liveness message may take is left for the answer of a leader that waits in vain for its replicas.
        let replica_timeout = settings
            .liveness_timeout
            .min(settings.not_live_interval_max)
            / 2;
        let max = record_lifetime.min(MAX_REQUEST_TIMEOUT);
        let replica_timeout = replica_timeout.as_millis().clamp(1, max);
        let own = client.get(REQUEST_TIMEOUT).and_then(|it| it.parse().ok());
        let request_timeout = own.map_or(replica_timeout, |own: u128| own.min(replica_timeout));
        // They say how long a broker delays its answers because of a quota, and must be there before the answer to the next liveness
        // message is missed. Not sooner: they cost as much as a liveness message.
        let statistics = settings.live_interval + settings.liveness_timeout / 2;
        let statistics = statistics.as_millis().clamp(1, 86_400_000);
        // Half of it passes from the start of a client to the connection to the first broker that it learns of.
        let first_backoff = if can_be_rejected(&client) {
            // Less a quarter it is longer than it takes to close a client whose login was rejected, so that it does not log in again.
            "350"
        } else {
            "50"
        };
        Self::set_connection_timeouts(&mut client);
        for key in Self::FOR_DATA {
            client.remove(key);
        }
        client
            .set(REQUEST_TIMEOUT, request_timeout.to_string())
            .set("message.timeout.ms", record_lifetime.to_string())
            .set("enable.idempotence", "false")
            .set("retries", "0")
            .set("linger.ms", "0")
            .set("compression.codec", "none")
            .set("queue.buffering.max.messages", "1000")
            .set("reconnect.backoff.ms", first_backoff)
            .set("reconnect.backoff.max.ms", "1000")
            // A new producer begins with the bootstrap servers again; see `connection`.
            .set("metadata.recovery.strategy", "none")
            // A hung broker keeps its connection, and answers what it has received when it goes on.
            .set("socket.max.fails", "0")
            .set("retry.backoff.ms", "50")
            .set("retry.backoff.max.ms", "200")
            .set("socket.timeout.ms", socket_timeout.to_string())
            .set("topic.metadata.propagation.max.ms", "1000")
            .set("statistics.interval.ms", statistics.to_string());
        client
    }
}

/// Returns whether a broker may reject a login or a certificate of this client.
pub(crate) fn can_be_rejected(client: &ClientConfig) -> bool {
    let protocol = client.get("security.protocol");
    protocol.is_some_and(|it| !it.eq_ignore_ascii_case("plaintext"))
}

#[cfg(test)]
mod tests {
    use livebus_core::Settings;

    use super::*;
    use crate::properties::{BootstrapServers, Properties, PropertyError};

    fn liveness_client(pairs: &[&str], settings: Settings) -> ClientConfig {
        let config = Config::new(settings).expect("valid settings");
        kafka(pairs).liveness_client_config(&config)
    }

    fn kafka(pairs: &[&str]) -> KafkaConfig {
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        KafkaConfig::new(servers, properties).expect("valid properties")
    }

    #[test]
    fn a_liveness_message_is_acknowledged_as_the_records_of_the_service_are() {
        let acks = |pairs: &[&str]| {
            let client = liveness_client(pairs, Settings::default());
            let sent = client.get("acks").map(str::to_owned);
            (sent.expect("is set"), kafka(pairs).acks())
        };
        for (pairs, sent, acknowledged) in [
            (&[][..], "all", Acks::InSync),
            (&["acks=all"], "all", Acks::InSync),
            (&["acks=-1"], "-1", Acks::InSync),
            (&["request.required.acks=-1"], "-1", Acks::InSync),
            (&["acks=1"], "1", Acks::Leader),
            (&["acks=0"], "1", Acks::Leader),
            (&["request.required.acks=0"], "1", Acks::Leader),
        ] {
            assert_eq!(acks(pairs), (sent.to_owned(), acknowledged), "{pairs:?}");
        }
    }

    #[test]
    fn a_leader_gives_up_its_replicas_while_the_liveness_message_is_in_flight() {
        let timeout = |pairs: &[&str], settings| {
            let client = liveness_client(pairs, settings);
            let timeout = client.get("request.timeout.ms").map(str::to_owned);
            timeout.expect("is set")
        };
        assert_eq!(timeout(&[], Settings::default()), "1000");
        assert_eq!(timeout(&[], Settings::fast()), "125");
        assert_eq!(timeout(&[], Settings::as_in_voltha()), "2500");
        let own = ["request.timeout.ms=300"];
        assert_eq!(timeout(&own, Settings::default()), "300");
        assert_eq!(timeout(&own, Settings::fast()), "125");
        let hours = Settings {
            live_interval: Duration::from_hours(2),
            liveness_timeout: Duration::from_hours(2),
            not_live_interval_max: Duration::from_hours(2),
            ..Settings::default()
        };
        assert_eq!(timeout(&[], hours.clone()), "900000");
        let client = liveness_client(&[], hours);
        assert!(
            client.create_native_config().is_ok(),
            "within librdkafka's limits"
        );
        let tiny = Settings {
            suspicion_timeout: Duration::from_micros(1),
            liveness_timeout: Duration::from_micros(1),
            ..Settings::default()
        };
        assert_eq!(timeout(&[], tiny), "1");
    }

    #[test]
    fn the_delay_of_a_quota_is_known_before_the_next_answer_is_missed() {
        for settings in [
            Settings::default(),
            Settings::fast(),
            Settings::as_in_voltha(),
        ] {
            let missed = settings.live_interval + settings.liveness_timeout;
            let client = liveness_client(&[], settings);
            let interval = client.get("statistics.interval.ms").expect("is set");
            let interval = Duration::from_millis(interval.parse().expect("a number"));
            assert!(interval < missed, "{interval:?}");
        }
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
    fn no_value_of_the_user_is_replaced_in_silence() {
        let servers: BootstrapServers = "127.0.0.1:9092".parse().expect("an address");
        let config = Config::new(Settings::default()).expect("valid settings");
        let bus = |properties| {
            let mut kafka = KafkaConfig::new(servers.clone(), Properties::new()).expect("valid");
            kafka.properties = properties;
            kafka
        };
        let defaults = bus(Properties::new()).liveness_client_config(&config);
        let set = defaults.config_map();
        let removed = KafkaConfig::FOR_DATA.iter().copied();
        for key in set.keys().copied().chain(removed) {
            // `acks=0` is the one value of `acks` that is replaced.
            let value = if key == "acks" { "0" } else { "7" };
            let mut properties = Properties::new();
            properties.set(key, value);
            let is_owned = properties.for_own_clients().any(|(owned, _)| owned == key)
                || properties
                    .check()
                    .is_err_and(|error| matches!(error, PropertyError::Owned { .. }));
            let client = bus(properties).liveness_client_config(&config);
            assert_eq!(client.get(key) != Some(value), is_owned, "{key}");
        }
    }

    #[test]
    fn a_client_that_cannot_be_rejected_connects_to_the_brokers_at_once() {
        let backoff = |pairs: &[&str]| {
            let client = liveness_client(pairs, Settings::default());
            client.get("reconnect.backoff.ms").map(str::to_owned)
        };
        let login = [
            "security.protocol=sasl_plaintext",
            "sasl.mechanism=PLAIN",
            "sasl.username=a",
            "sasl.password=b",
        ];
        for (pairs, expected) in [
            (&[][..], "50"),
            (&["security.protocol=PLAINTEXT"], "50"),
            (&login, "350"),
        ] {
            assert_eq!(backoff(pairs).as_deref(), Some(expected), "{pairs:?}");
        }
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
            Some("300000")
        );
    }

    #[test]
    fn times_of_the_liveness_client_follow_from_the_settings() {
        let settings = Settings {
            live_interval: Duration::from_secs(6),
            ..Settings::default()
        };
        let longest = max_message_time(&settings).as_millis();
        let client = liveness_client(&[], settings);
        let number = |key| client.get(key).and_then(|value| value.parse::<u128>().ok());
        assert_eq!(number("statistics.interval.ms"), Some(7_000));
        assert_eq!(number("message.timeout.ms"), Some(longest));
        assert_eq!(number("socket.timeout.ms"), Some(longest + 1_000));
    }
}
