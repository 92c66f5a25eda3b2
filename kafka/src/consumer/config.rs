//! The configuration of a handler's consumer.

use std::time::Duration;

use livebus_runner::handlers::{Subscription, Topics};
use rdkafka::ClientConfig;

use crate::config::KafkaConfig;
use crate::own_clients::STATISTICS_INTERVAL;
use crate::properties::{Properties, PropertyError};

/// Properties that a handler's consumer must set itself, with the reason. In the order of the keys.
const OWNED: [(&str, &str); 10] = [
    (
        "auto.commit.enable",
        "a position is committed when its records have their final verdicts",
    ),
    (
        "auto.commit.interval.ms",
        "a position is committed when its records have their final verdicts: see `commit_interval`",
    ),
    (
        "auto.offset.reset",
        "records that were removed are a failure that is decided: use `begin` and `on_removed` of the handler",
    ),
    (
        "enable.auto.commit",
        "a position is committed when its records have their final verdicts",
    ),
    (
        "enable.auto.offset.store",
        "a position is committed when its records have their final verdicts",
    ),
    (
        "enable.partition.eof",
        "the end of a partition shows that it can be fetched",
    ),
    (
        "group.id",
        "each handler has its own: use `group` of the handler",
    ),
    (
        "offset.store.method",
        "positions are committed to the group",
    ),
    (
        "queued.max.messages.kbytes",
        "it follows from `limits.bytes` of the handler",
    ),
    (
        "queued.min.messages",
        "it follows from `limits.bytes` of the handler",
    ),
];

/// The property that makes a member static.
const INSTANCE: &str = "group.instance.id";

/// How long a member of a group may take to give a partition back. Beyond that the group takes it away.
const MAX_POLL_INTERVAL: &str = "max.poll.interval.ms";
/// Its value unless it is set.
const DEFAULT_MAX_POLL_INTERVAL: Duration = Duration::from_mins(5);

/// Properties of the service's own producers that contradict a consumer.
const OF_PRODUCERS: [&str; 2] = ["transactional.id", "enable.gapless.guarantee"];

/// Checks the subscriptions of all handlers: their properties, and what their groups share.
pub(crate) fn check(kafka: &KafkaConfig, subscriptions: &[&Subscription]) -> Result<(), String> {
    for subscription in subscriptions {
        let handler = &subscription.handler;
        let properties = properties(kafka, subscription);
        for (key, reason) in OWNED {
            if properties.get(key).is_some() {
                return Err(format!(
                    "the handler `{handler}`: `{key}` cannot be set, since livebus must set it: {reason}; leave it out (a service sets it on its own clients)"
                ));
            }
        }
        check_properties(&properties)
            .map_err(|error| format!("the handler `{handler}`: {error}"))?;
        if let (Topics::Pattern(pattern), None) = (&subscription.topics, &subscription.group) {
            return Err(format!(
                "the handler `{handler}` is a broadcast of the pattern `{pattern}`: name its topics, since only the members of a group follow a pattern"
            ));
        }
        check_revocations(&properties, subscription)?;
    }
    check_instances(kafka, subscriptions)
}

/// A member that holds a revocation for longer than the group waits loses its partitions before their positions are committed.
fn check_revocations(properties: &Properties, subscription: &Subscription) -> Result<(), String> {
    let set = properties.get(MAX_POLL_INTERVAL);
    let set = set.and_then(|it| it.parse().ok().map(Duration::from_millis));
    let wait = set.unwrap_or(DEFAULT_MAX_POLL_INTERVAL);
    let (handler, bound) = (&subscription.handler, subscription.revocation_bound);
    if subscription.group.is_some() && bound >= wait {
        return Err(format!(
            "the handler `{handler}` may hold a revocation for {} ms (`revocation_drain` + 2 x `commit_timeout` of its settings), and its group waits for {} ms (`{MAX_POLL_INTERVAL}`): make the former shorter, or the latter longer",
            bound.as_millis(),
            wait.as_millis()
        ));
    }
    Ok(())
}

fn check_properties(properties: &Properties) -> Result<(), PropertyError> {
    properties.check()
}

/// Two members of one group with the same instance id fence each other.
fn check_instances(kafka: &KafkaConfig, subscriptions: &[&Subscription]) -> Result<(), String> {
    let instance = |subscription: &Subscription| {
        let group = subscription.group.clone()?;
        let properties = properties(kafka, subscription);
        Some((group, properties.get(INSTANCE)?.to_owned()))
    };
    for (index, second) in subscriptions.iter().enumerate() {
        let Some((group, id)) = instance(second) else {
            continue;
        };
        for first in &subscriptions[..index] {
            if instance(first) == Some((group.clone(), id.clone())) {
                return Err(format!(
                    "the handlers `{}` and `{}` of the group `{group}` have the same `{INSTANCE}`, `{id}`: give each its own with `property`, or a group of its own",
                    first.handler, second.handler
                ));
            }
        }
    }
    Ok(())
}

/// Returns the properties of a handler's consumer, before those that it must have.
fn properties(kafka: &KafkaConfig, subscription: &Subscription) -> Properties {
    let mut properties = kafka.properties().clone();
    for (key, value) in &subscription.properties {
        properties.set(key, value.clone());
    }
    properties
}

/// Returns the configuration of a handler's consumer.
pub(crate) fn consumer_config(kafka: &KafkaConfig, subscription: &Subscription) -> ClientConfig {
    let properties = properties(kafka, subscription);
    let mut client = ClientConfig::new();
    properties.apply(&mut client);
    for key in OF_PRODUCERS {
        client.remove(key);
    }
    let mut default = |key: &str, value: &str| {
        if client.get(key).is_none() {
            client.set(key, value);
        }
    };
    default("isolation.level", "read_committed");
    default("group.protocol", "classic");
    // They show when a broker answered: see `OwnClients`.
    default(STATISTICS_INTERVAL, "1000");
    default("topic.metadata.refresh.interval.ms", "5000");
    default("reconnect.backoff.ms", "100");
    default("reconnect.backoff.max.ms", "1000");
    if client.get("group.protocol") == Some("classic") {
        let key = "partition.assignment.strategy";
        if client.get(key).is_none() {
            client.set(key, "cooperative-sticky");
        }
    }
    let queued = (subscription.max_bytes / 10 / 1024).clamp(64, 2_097_151);
    client
        .set("group.id", group_id(subscription))
        .set("auto.offset.reset", "error")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("queued.max.messages.kbytes", queued.to_string());
    client
}

/// Returns the configuration of the producer of dead letters.
pub(crate) fn dead_letter_config(kafka: &KafkaConfig) -> ClientConfig {
    let mut client = kafka.client_config();
    for key in OF_PRODUCERS {
        client.remove(key);
    }
    let mut default = |key: &str, value: &str| {
        if client.get(key).is_none() {
            client.set(key, value);
        }
    };
    default("message.timeout.ms", "10000");
    // What is acknowledged is committed over.
    client.set("acks", "all");
    client
}

/// Returns the group of a consumer. That of a broadcast is never joined, but librdkafka needs its name.
fn group_id(subscription: &Subscription) -> &str {
    subscription.group.as_deref().unwrap_or("livebus-broadcast")
}

/// Returns the topics of a subscription as librdkafka takes them.
pub(crate) fn topics(topics: &Topics) -> Vec<String> {
    match topics {
        Topics::Named(names) => names.clone(),
        Topics::Pattern(pattern) => {
            let inner = pattern.strip_prefix('^').unwrap_or(pattern);
            let inner = inner.strip_suffix('$').unwrap_or(inner);
            vec![format!("^({inner})$")]
        }
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::dispatch::Settings;
    use livebus_runner::handlers::{RequestHandler, RunnableHandler};

    use super::*;

    fn kafka(pairs: &[&str]) -> KafkaConfig {
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        KafkaConfig::new(servers, properties).expect("valid properties")
    }

    fn handler(name: &str, group: &str) -> RequestHandler {
        RequestHandler::new(name).topics([name]).group(group)
    }

    fn subscription(handler: RequestHandler) -> Subscription {
        let runnable: RunnableHandler = handler.run(|_, _| async { Ok(()) });
        runnable.subscription().expect("it is valid")
    }

    fn checked(pairs: &[&str], handlers: Vec<RequestHandler>) -> Result<(), String> {
        let all: Vec<_> = handlers.into_iter().map(subscription).collect();
        check(&kafka(pairs), &all.iter().collect::<Vec<_>>())
    }

    #[test]
    fn what_the_consumer_must_set_is_refused_by_name() {
        for (key, _) in OWNED {
            let value = match key {
                "auto.offset.reset" => "latest",
                "offset.store.method" => "broker",
                _ => "1",
            };
            let pair = format!("{key}={value}");
            let shared = checked(&[&pair], vec![handler("a", "g")]);
            let own = checked(&[], vec![handler("a", "g").property(key, value)]);
            for refused in [shared, own] {
                let text = refused.expect_err(key);
                assert!(text.contains(key) && text.contains("`a`"), "{text}");
            }
        }
        assert_eq!(checked(&["client.id=me"], vec![handler("a", "g")]), Ok(()));
        assert!(OWNED.is_sorted_by_key(|(key, _)| key));
    }

    #[test]
    fn a_bad_property_of_a_handler_is_refused() {
        let bad = handler("a", "g").property("max.poll.interval.mss", "1");
        let text = checked(&[], vec![bad]).expect_err("it is refused");
        assert!(text.contains("max.poll.interval.ms"), "{text}");
    }

    #[test]
    fn a_revocation_is_not_held_for_longer_than_the_group_waits() {
        let wait = |ms: &str| format!("max.poll.interval.ms={ms}");
        let settings = |handler: RequestHandler, revocation_drain| {
            let settings = Settings {
                revocation_drain,
                ..handler.current_settings().clone()
            };
            vec![handler.settings(settings)]
        };
        let second = |handler| settings(handler, Duration::from_secs(1));
        // One second, and two commits of two seconds each.
        assert_eq!(checked(&[&wait("5001")], second(handler("a", "g"))), Ok(()));
        let text = checked(&[&wait("5000")], second(handler("a", "g")));
        let text = text.expect_err("the group does not wait for longer");
        for needle in ["`a`", "revocation_drain", "max.poll.interval.ms", "5000"] {
            assert!(text.contains(needle), "{text}");
        }
        let minutes = |minutes| settings(handler("a", "g"), Duration::from_mins(minutes));
        assert_eq!(checked(&[], minutes(4)), Ok(()));
        assert!(checked(&[], minutes(5)).is_err());
        let broadcast = RequestHandler::new("a").topics(["a"]).broadcast();
        assert_eq!(checked(&[&wait("5000")], second(broadcast)), Ok(()));
    }

    #[test]
    fn members_of_one_group_share_no_instance_id() {
        let pair = ["group.instance.id=me"];
        let two = |second: &str| vec![handler("a", "g"), handler("b", second)];
        assert!(checked(&pair, two("g")).is_err());
        assert_eq!(checked(&pair, two("h")), Ok(()));
        let own = handler("b", "g").property("group.instance.id", "other");
        assert_eq!(checked(&pair, vec![handler("a", "g"), own]), Ok(()));
    }

    #[test]
    fn a_broadcast_has_names() {
        let pattern = RequestHandler::new("a").pattern("^a.*").broadcast();
        assert!(checked(&[], vec![pattern]).is_err());
        let group = RequestHandler::new("a").pattern("^a.*").group("g");
        assert_eq!(checked(&[], vec![group]), Ok(()));
    }

    #[test]
    fn the_consumer_has_what_the_dispatcher_relies_on() {
        let pairs = ["transactional.id=t", "enable.idempotence=true"];
        let client = consumer_config(&kafka(&pairs), &subscription(handler("a", "g")));
        for (key, value) in [
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            ("group.protocol", "classic"),
            ("statistics.interval.ms", "1000"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("queued.max.messages.kbytes", "6553"),
        ] {
            assert_eq!(client.get(key), Some(value), "{key}");
        }
        let newer = handler("a", "g").property("group.protocol", "consumer");
        let client = consumer_config(&kafka(&[]), &subscription(newer));
        assert_eq!(client.get("partition.assignment.strategy"), None);
        assert!(client.create_native_config().is_ok());
    }

    #[test]
    fn a_pattern_matches_whole_names() {
        for pattern in ["a.*", "^a.*", "^a.*$"] {
            assert_eq!(topics(&Topics::Pattern(pattern.to_owned())), ["^(a.*)$"]);
        }
    }
}
