//! The configurations of the clients of a caller, and of those that reply.

use livebus_runner::calls::ReplySubscription;
use livebus_runner::handlers::Subscription;
use rdkafka::ClientConfig;

use super::sent::RETRY_BACKOFF;
use crate::config::KafkaConfig;
use crate::needed_topic::is_topic_name;
use crate::own_clients::STATISTICS_INTERVAL;
use crate::properties::Properties;

/// Properties that a caller cannot set, with the reason. Those of the bus count for other clients. In the order of the keys.
const OWNED: [(&str, &str); 28] = [
    (
        "acks",
        "all replicas in sync acknowledge a request: no callee can fetch it sooner",
    ),
    ("auto.commit.enable", NO_POSITION),
    ("auto.commit.interval.ms", NO_POSITION),
    (
        "auto.offset.reset",
        "livebus finds out where replies begin, and assigns that offset",
    ),
    ("bootstrap.servers", "a caller uses the bus of its service"),
    (
        "delivery.report.only.error",
        "an acknowledgement is what proves that a request was sent",
    ),
    ("enable.auto.commit", NO_POSITION),
    ("enable.auto.offset.store", NO_POSITION),
    ("enable.gapless.guarantee", "each request stands for itself"),
    (
        "enable.idempotence",
        "librdkafka must not write a request twice",
    ),
    (
        "enable.partition.eof",
        "the end of a partition shows that it can be fetched",
    ),
    (
        "fetch.wait.max.ms",
        "the look-ups that find a dead leader wait behind it",
    ),
    ("group.id", NO_GROUP),
    ("group.instance.id", NO_GROUP),
    ("group.protocol", NO_GROUP),
    ("group.remote.assignor", NO_GROUP),
    (
        "max.in.flight.requests.per.connection",
        "librdkafka must not write a request twice",
    ),
    ("offset.store.method", NO_POSITION),
    ("partition.assignment.strategy", NO_GROUP),
    (
        "queue.buffering.max.kbytes",
        "it follows from the limits of the caller",
    ),
    (
        "queue.buffering.max.messages",
        "the limits of the caller bound its requests",
    ),
    (
        "queuing.strategy",
        "librdkafka must not write a request twice",
    ),
    (
        "retries",
        "a request is repeated only as an attempt of an idempotent call",
    ),
    ("retry.backoff.max.ms", ATTEMPTS),
    ("retry.backoff.ms", ATTEMPTS),
    ("session.timeout.ms", NO_GROUP),
    ("transaction.timeout.ms", "each request stands for itself"),
    ("transactional.id", "each request stands for itself"),
];

const NO_POSITION: &str =
    "replies are read where livebus assigns them, and no position is committed";
const NO_GROUP: &str = "a caller is a member of no group: its reply partitions are assigned";
const ATTEMPTS: &str = "it shows whether a refusal is about the first write of a request";

/// Properties that only one kind of client has, or that contradict what livebus needs.
const OF_DATA: [&str; 2] = ["transactional.id", "enable.gapless.guarantee"];

/// How many produce requests a connection has at a broker: what comes while one is there goes together with the next. A broker handles those of
/// a connection one after the other, so more of them would save part of a round trip and no more.
const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// How long a consumer waits for records at a broker, in milliseconds: librdkafka's default.
const FETCH_WAIT: &str = "500";

/// Checks a caller: its reply topic, and its properties.
pub(super) fn check(kafka: &KafkaConfig, replies: &ReplySubscription) -> Result<(), String> {
    let (caller, topic) = (&replies.caller, &replies.topic);
    if !is_topic_name(topic) {
        return Err(format!(
            "the caller `{caller}` has the reply topic `{topic}`, which no topic can be called: use 1 to 249 of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"
        ));
    }
    let mut own = Properties::new();
    for (key, value) in &replies.properties {
        own.set(key, value.clone());
    }
    for (key, reason) in OWNED {
        if let Some(value) = own.get(key) {
            return Err(format!(
                "the caller `{caller}`: `{key}={value}` cannot be set, since livebus must set it: {reason}; leave it out"
            ));
        }
    }
    let all = properties(kafka, &replies.properties);
    all.check()
        .map_err(|error| format!("the caller `{caller}`: {error}"))
}

/// Returns the properties of the bus, with those of a caller or a handler over them.
fn properties(kafka: &KafkaConfig, own: &[(String, String)]) -> Properties {
    let mut properties = kafka.properties().clone();
    for (key, value) in own {
        properties.set(key, value.clone());
    }
    properties
}

/// Returns the configuration of the producer of requests.
pub(super) fn request_config(kafka: &KafkaConfig, replies: &ReplySubscription) -> ClientConfig {
    let mut client = sending(&properties(kafka, &replies.properties));
    // Requests whose calls are over may still be queued.
    let queued = (replies.max_bytes / 512).clamp(1_024, 2_147_483_647);
    let backoff = RETRY_BACKOFF.as_millis();
    client
        // Without it a broker that gives its partition away makes librdkafka write a request that it may have written.
        .set("enable.idempotence", "true")
        .set(IN_FLIGHT, "1")
        .set("queuing.strategy", "fifo")
        .set("retries", "2147483647")
        .set("retry.backoff.ms", backoff.to_string())
        .set("retry.backoff.max.ms", (5 * backoff).to_string())
        .set("queue.buffering.max.kbytes", queued.to_string())
        .set("queue.buffering.max.messages", "100000");
    client
}

/// Returns the configuration of the producer of replies. One that is written twice is dropped by the caller.
pub(super) fn reply_config(kafka: &KafkaConfig, subscription: &Subscription) -> ClientConfig {
    let mut client = sending(&properties(kafka, &subscription.properties));
    client.set("enable.idempotence", "false");
    if client.get(IN_FLIGHT).is_none() {
        client.set(IN_FLIGHT, "1");
    }
    client
}

/// Returns what both producers have.
fn sending(properties: &Properties) -> ClientConfig {
    let mut client = base(properties);
    let mut default = |key: &str, value: &str| {
        if client.get(key).is_none() {
            client.set(key, value);
        }
    };
    default("linger.ms", "0");
    default("message.timeout.ms", "30000");
    // A topic that is missing is reported soon.
    default("topic.metadata.propagation.max.ms", "1000");
    client
        // Nobody can fetch a record before that.
        .set("acks", "all")
        .set("delivery.report.only.error", "false");
    client
}

/// Returns the configuration of the consumer of replies.
pub(super) fn consumer_config(kafka: &KafkaConfig, replies: &ReplySubscription) -> ClientConfig {
    let mut client = base(&properties(kafka, &replies.properties));
    for key in [
        "group.instance.id",
        "group.protocol",
        "group.remote.assignor",
        "partition.assignment.strategy",
        "offset.store.method",
    ] {
        client.remove(key);
    }
    let mut default = |key: &str, value: &str| {
        if client.get(key).is_none() {
            client.set(key, value);
        }
    };
    default("isolation.level", "read_committed");
    default("queued.max.messages.kbytes", "16384");
    client
        // It is never joined, but librdkafka needs its name.
        .set("group.id", "livebus-calls")
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", FETCH_WAIT);
    client
}

/// Returns what all three clients have.
fn base(properties: &Properties) -> ClientConfig {
    let mut client = ClientConfig::new();
    properties.apply(&mut client);
    for key in OF_DATA {
        client.remove(key);
    }
    let mut default = |key: &str, value: &str| {
        if client.get(key).is_none() {
            client.set(key, value);
        }
    };
    // They show when a broker answered: see `OwnClients`.
    default(STATISTICS_INTERVAL, "1000");
    default("topic.metadata.refresh.interval.ms", "5000");
    default("reconnect.backoff.ms", "100");
    default("reconnect.backoff.max.ms", "1000");
    client
}

#[cfg(test)]
mod tests {
    use livebus_runner::handlers::{RequestHandler, RunnableHandler};
    use rdkafka::config::FromClientConfig as _;
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::producer::BaseProducer;

    use super::*;

    fn kafka(pairs: &[&str]) -> KafkaConfig {
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        KafkaConfig::new(servers, properties).expect("valid properties")
    }

    fn caller(topic: &str, own: &[(&str, &str)]) -> ReplySubscription {
        let mut replies = ReplySubscription::new("prices", 1, topic);
        let own = own
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        replies.properties = own.collect();
        replies
    }

    #[test]
    fn what_livebus_must_set_is_refused_with_its_value() {
        for (key, reason) in OWNED {
            let refused = check(&kafka(&[]), &caller("replies", &[(key, "7")]));
            let text = refused.expect_err(key);
            for needle in ["`prices`", &*format!("`{key}=7`"), reason, "leave it out"] {
                assert!(text.contains(needle), "{text}");
            }
        }
        assert!(OWNED.is_sorted_by_key(|(key, _)| key));
        let own = [("linger.ms", "1"), ("client.id", "me")];
        assert_eq!(check(&kafka(&["acks=1"]), &caller("replies", &own)), Ok(()));
        let alias = caller("replies", &[("request.required.acks", "1")]);
        assert!(check(&kafka(&[]), &alias).is_err());
    }

    #[test]
    fn a_bad_property_or_topic_is_refused() {
        let bad = caller("replies", &[("linger.mss", "1")]);
        let text = check(&kafka(&[]), &bad).expect_err("it is unknown");
        assert!(
            text.contains("`prices`") && text.contains("linger.ms"),
            "{text}"
        );
        for topic in ["", "..", "a b", &*"a".repeat(250)] {
            let text = check(&kafka(&[]), &caller(topic, &[])).expect_err(topic);
            assert!(
                text.contains("1 to 249") && text.contains(&format!("`{topic}`")),
                "{text}"
            );
        }
    }

    /// Whatever a service sets for its own clients, the clients of a caller can be made, and have what livebus relies on.
    #[test]
    fn properties_of_the_bus_do_not_break_the_clients() {
        let pairs = [
            "acks=1",
            "linger.ms=5",
            "enable.idempotence=false",
            "retries=0",
            "max.in.flight=1000",
            "queuing.strategy=lifo",
            "delivery.report.only.error=true",
            "retry.backoff.ms=10",
            "retry.backoff.max.ms=20",
            "group.id=theirs",
            "group.instance.id=me",
            "enable.auto.commit=true",
            "auto.offset.reset=latest",
            "fetch.wait.max.ms=5000",
            "partition.assignment.strategy=cooperative-sticky",
        ];
        let (kafka, replies) = (kafka(&pairs), caller("replies", &[]));
        let requests = request_config(&kafka, &replies);
        BaseProducer::from_config(&requests).expect("it is valid");
        for (key, value) in [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("delivery.report.only.error", "false"),
            ("retry.backoff.ms", "200"),
            ("linger.ms", "5"),
            ("statistics.interval.ms", "1000"),
        ] {
            assert_eq!(requests.get(key), Some(value), "{key}");
        }
        let consumer = consumer_config(&kafka, &replies);
        BaseConsumer::from_config(&consumer).expect("it is valid");
        for (key, value) in [
            ("group.id", "livebus-calls"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("fetch.wait.max.ms", FETCH_WAIT),
        ] {
            assert_eq!(consumer.get(key), Some(value), "{key}");
        }
        assert_eq!(consumer.get("group.instance.id"), None);
        let handler = RequestHandler::new("a").topics(["a"]).group("g");
        let runnable: RunnableHandler = handler.run(|_, _| async { Ok(()) });
        let subscription = runnable.subscription().expect("it is valid");
        let replying = reply_config(&kafka, &subscription);
        BaseProducer::from_config(&replying).expect("it is valid");
        assert_eq!(replying.get("acks"), Some("all"));
    }

    #[test]
    fn latency_comes_first_by_default() {
        let requests = request_config(&kafka(&[]), &caller("replies", &[]));
        assert_eq!(requests.get("linger.ms"), Some("0"));
        assert_eq!(requests.get("queue.buffering.max.kbytes"), Some("131072"));
    }

    #[test]
    fn one_produce_request_is_at_a_broker_unless_a_handler_says_otherwise() {
        let requests = request_config(&kafka(&[]), &caller("replies", &[]));
        assert_eq!(requests.get(IN_FLIGHT), Some("1"));
        let handler = || RequestHandler::new("a").topics(["a"]).group("g");
        let in_flight = |handler: RequestHandler| {
            let runnable: RunnableHandler = handler.run(|_, _| async { Ok(()) });
            let subscription = runnable.subscription().expect("it is valid");
            let replying = reply_config(&kafka(&[]), &subscription);
            BaseProducer::from_config(&replying).expect("it is valid");
            replying.get(IN_FLIGHT).map(str::to_owned)
        };
        assert_eq!(in_flight(handler()).as_deref(), Some("1"));
        let more = handler().property("max.in.flight", "7");
        assert_eq!(in_flight(more).as_deref(), Some("7"));
    }
}
