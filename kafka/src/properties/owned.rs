//! The properties that the liveness client sets itself.

use rdkafka::ClientConfig;

use super::Properties;

/// A property that the liveness client sets itself, whatever the user's value is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned {
    pub(super) key: &'static str,
    /// The user's values that it replaces; all of them if there are none here.
    values: &'static [&'static str],
    use_of_value: UseOfValue,
    pub(super) reason: &'static str,
}

/// What the user's value is still good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UseOfValue {
    /// Nothing that livebus promises would hold with it: it is refused.
    None,
    /// The service's own clients need it for their data.
    OwnClients,
}

/// What librdkafka takes for true, and for false.
const TRUE: &[&str] = &["true", "t", "1"];
const FALSE: &[&str] = &["false", "f", "0"];

/// In the order of the keys.
const OWNED: [Owned; 28] = [
    own_clients(
        "acks",
        &["0"],
        "an acknowledgement is what proves that the bus works",
    ),
    own_clients(
        "compression.codec",
        &[],
        "its records are a few bytes, and the brokers need not know the codec",
    ),
    own_clients(
        "connections.max.idle.ms",
        &[],
        "its connections are kept: each new one is a login",
    ),
    own_clients(
        "delivery.report.only.error",
        TRUE,
        "an acknowledgement is what proves that the bus works",
    ),
    own_clients("enable.gapless.guarantee", &[], "its records need no order"),
    own_clients(
        "enable.idempotence",
        &[],
        "its records may come twice, and need no right to be written idempotently",
    ),
    refused(
        "internal.termination.signal",
        "librdkafka would take the signal from the program that it is to end",
    ),
    own_clients("linger.ms", &[], "its records do not wait for others"),
    own_clients(
        "log.connection.close",
        FALSE,
        "that a connection ends is how it learns of many failures",
    ),
    own_clients(
        "log.queue",
        TRUE,
        "librdkafka's log says why a broker cannot be used",
    ),
    own_clients(
        "log_level",
        &[],
        "it follows from the level of livebus's own log",
    ),
    own_clients(
        "message.timeout.ms",
        &[],
        "it follows from `liveness_timeout` and `not_live_interval_max`",
    ),
    refused(
        "metadata.recovery.strategy",
        "livebus itself goes back to the bootstrap servers, with a new client",
    ),
    own_clients(
        "queue.buffering.max.messages",
        &[],
        "it sends a few records at a time",
    ),
    refused(
        "reconnect.backoff.max.ms",
        "livebus paces its own connects and logins, for a fast recovery that harms no broker",
    ),
    refused(
        "reconnect.backoff.ms",
        "livebus paces its own connects and logins, for a fast recovery that harms no broker",
    ),
    own_clients(
        "retries",
        &[],
        "it must learn at once why a broker rejects a record",
    ),
    own_clients(
        "retry.backoff.max.ms",
        &[],
        "livebus decides itself when to ask again",
    ),
    own_clients(
        "retry.backoff.ms",
        &[],
        "livebus decides itself when to ask again",
    ),
    refused(
        "socket.max.fails",
        "the connection to a broker that hangs is kept, for a fast recovery",
    ),
    refused(
        "socket.timeout.ms",
        "it follows from `liveness_timeout` and `not_live_interval_max`: set these",
    ),
    own_clients(
        "statistics.interval.ms",
        &[],
        "it follows from `live_interval` and `liveness_timeout`: it shows the delay of a quota",
    ),
    refused(
        "test.mock.broker.rtt",
        "an imitation of Kafka proves nothing about the bus",
    ),
    refused(
        "test.mock.num.brokers",
        "an imitation of Kafka proves nothing about the bus",
    ),
    own_clients(
        "topic.blacklist",
        &[],
        "a topic that is hidden from it cannot be asked about",
    ),
    own_clients(
        "topic.metadata.propagation.max.ms",
        &[],
        "a missing topic is reported at once",
    ),
    own_clients(
        "topic.metadata.refresh.interval.ms",
        &[],
        "it looks up once a minute itself",
    ),
    own_clients("transactional.id", &[], "it has no transactions"),
];

const fn refused(key: &'static str, reason: &'static str) -> Owned {
    Owned {
        key,
        values: &[],
        use_of_value: UseOfValue::None,
        reason,
    }
}

const fn own_clients(
    key: &'static str,
    values: &'static [&'static str],
    reason: &'static str,
) -> Owned {
    Owned {
        key,
        values,
        use_of_value: UseOfValue::OwnClients,
        reason,
    }
}

/// Sets what a client must report, and how it is connected, whatever the properties say; see [`OWNED`].
pub(crate) fn set_reports(client: &mut ClientConfig) {
    for key in [
        "connections.max.idle.ms",
        "topic.blacklist",
        "topic.metadata.refresh.interval.ms",
    ] {
        client.remove(key);
    }
    client
        .set("delivery.report.only.error", "false")
        .set("log.connection.close", "true")
        .set("log.queue", "false");
}

/// Returns the owned property `key` if its value is refused.
pub(super) fn refusal(key: &str) -> Option<Owned> {
    let refused = |owned: &&Owned| owned.key == key && owned.use_of_value == UseOfValue::None;
    OWNED.iter().find(refused).copied()
}

/// Returns the owned properties among `properties` whose values count for the service's own clients.
pub(super) fn for_own_clients(properties: &Properties) -> impl Iterator<Item = Owned> {
    OWNED.into_iter().filter(|owned| {
        let value = properties.get(owned.key);
        let is_replaced = |value: &str| {
            owned.values.is_empty() || owned.values.iter().any(|it| it.eq_ignore_ascii_case(value))
        };
        owned.use_of_value == UseOfValue::OwnClients && value.is_some_and(is_replaced)
    })
}

#[cfg(test)]
mod tests {
    use super::super::canonical;
    use super::super::known::is_known;
    use super::*;

    #[test]
    fn every_key_is_a_property_under_its_first_name_and_in_order() {
        for owned in OWNED {
            assert!(is_known(owned.key), "{}", owned.key);
            assert_eq!(canonical(owned.key), owned.key);
        }
        assert!(OWNED.is_sorted_by_key(|owned| owned.key));
    }

    #[test]
    fn only_a_value_that_is_replaced_is_owned() {
        let keys = |pairs: &[&str]| -> Vec<&str> {
            let properties = Properties::parse(pairs).expect("are pairs");
            for_own_clients(&properties)
                .map(|owned| owned.key)
                .collect()
        };
        assert_eq!(keys(&["acks=all", "client.id=me"]), [""; 0]);
        assert_eq!(keys(&["log.connection.close=true"]), [""; 0]);
        assert_eq!(keys(&["log.queue=TRUE"]), ["log.queue"]);
        assert_eq!(
            keys(&["queue.buffering.max.ms=5", "acks=0", "socket.max.fails=3"]),
            ["acks", "linger.ms"]
        );
    }

    #[test]
    fn what_a_client_must_report_is_owned() {
        let values = [
            ("connections.max.idle.ms", "1000"),
            ("delivery.report.only.error", "true"),
            ("log.connection.close", "false"),
            ("log.queue", "true"),
            ("topic.blacklist", "liveness.*"),
            ("topic.metadata.refresh.interval.ms", "10"),
        ];
        let pairs = values.map(|(key, value)| format!("{key}={value}"));
        let properties = Properties::parse(&pairs).expect("are pairs");
        let owned: Vec<_> = for_own_clients(&properties).map(|it| it.key).collect();
        assert_eq!(owned, values.map(|(key, _)| key));
        let mut client = ClientConfig::new();
        properties.apply(&mut client);
        set_reports(&mut client);
        for (key, value) in values {
            assert_ne!(client.get(key), Some(value), "{key}");
        }
        assert!(client.create_native_config().is_ok());
    }

    #[test]
    fn what_takes_the_bus_or_the_end_from_the_program_is_refused() {
        for key in ["internal.termination.signal", "test.mock.num.brokers"] {
            assert!(refusal(key).is_some(), "{key}");
        }
    }
}
