//! The part of librdkafka's statistics that is read: whether the client knows any broker, and how long brokers delay their answers
//! because of a quota.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

/// Statistics. What is not named is skipped.
#[derive(Debug, Deserialize)]
pub(crate) struct Statistics {
    brokers: HashMap<String, Broker>,
}

#[derive(Debug, Deserialize)]
struct Broker {
    #[serde(default)]
    nodename: String,
    #[serde(default)]
    source: String,
    throttle: Option<Throttle>,
}

/// The delays since the last statistics, in milliseconds.
#[derive(Debug, Deserialize)]
struct Throttle {
    max: i64,
}

impl Statistics {
    /// Returns the statistics in `json`; `None` if there are none.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Returns whether there is a broker to which the client may connect.
    ///
    /// A broker that its controller has not taken back yet answers with metadata that names no broker. librdkafka then removes all
    /// that it knows, the bootstrap servers too.
    pub(crate) fn has_brokers(&self) -> bool {
        let may_connect = |broker: &Broker| matches!(&*broker.source, "learned" | "configured");
        self.brokers.values().any(may_connect)
    }

    /// Returns the longest delay that a broker has announced since the last statistics, and the broker's address; `None` if none has.
    pub(crate) fn longest_delay(self) -> Option<(String, Duration)> {
        let delays = self.brokers.into_values().filter_map(|broker| {
            let delay = u64::try_from(broker.throttle?.max).ok()?;
            (delay > 0).then(|| (broker.nodename, Duration::from_millis(delay)))
        });
        delays.max_by_key(|(_, delay)| *delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Abridged from librdkafka 2.12.1.
    const THROTTLED: &str = r#"{"name":"rdkafka#producer-1","ts":5016483227792,"time":1527060869,"simple_cnt":0,
        "brokers":{
            "localhost:9092/2":{"name":"localhost:9092/2","nodeid":2,"nodename":"localhost:9092","state":"UP",
                "rtt":{"min":900,"max":3200,"avg":1170},"throttle":{"min":0,"max":9472,"avg":4736,"cnt":2},"toppars":{}},
            "localhost:9093/3":{"nodename":"localhost:9093","throttle":{"min":0,"max":12,"avg":0}},
            "GroupCoordinator":{"nodename":""}},
        "topics":{},"tx":13}"#;

    #[test]
    fn the_longest_delay_is_found() {
        assert_eq!(
            longest_delay(THROTTLED),
            Some(("localhost:9092".to_owned(), Duration::from_millis(9_472)))
        );
    }

    #[test]
    fn without_a_delay_there_is_none() {
        let none = THROTTLED.replace("9472", "0").replace(":12,", ":-1,");
        for json in [
            &none,
            "{}",
            "",
            "[]",
            r#"{"brokers":{"a":{"throttle":null}}}"#,
        ] {
            assert_eq!(longest_delay(json), None, "{json}");
        }
    }

    fn longest_delay(json: &str) -> Option<(String, Duration)> {
        Statistics::parse(json.as_bytes())?.longest_delay()
    }

    #[test]
    fn a_client_without_brokers_is_found() {
        for (source, has_brokers) in [
            ("learned", true),
            ("configured", true),
            ("internal", false),
            ("logical", false),
        ] {
            let json = format!(r#"{{"brokers":{{"a":{{"nodename":"a","source":"{source}"}}}}}}"#);
            let statistics = Statistics::parse(json.as_bytes()).expect("statistics");
            assert_eq!(statistics.has_brokers(), has_brokers, "{source}");
        }
        let none = Statistics::parse(br#"{"brokers":{}}"#).expect("statistics");
        assert!(!none.has_brokers());
    }
}
