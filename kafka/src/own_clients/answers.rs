//! When the brokers of a client last answered, by librdkafka's statistics.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// What one report of the statistics shows about the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Answers {
    /// The client is a consumer.
    pub(super) is_consumer: bool,
    /// The age of the client when the statistics were made.
    pub(super) age: Duration,
    /// The age of the client when a broker last answered; not as the coordinator of a group.
    pub(super) by_broker: Option<Duration>,
    /// The age of the client when anything last answered, a coordinator included.
    pub(super) by_any: Option<Duration>,
    /// The number of fetch requests that were sent to brokers.
    pub(super) fetches: u64,
}

impl Answers {
    /// Reads statistics as far as the end of `brokers`: what follows grows with the number of partitions.
    ///
    /// Returns `None` for a text that is not librdkafka's.
    pub(super) fn read(statistics: &[u8]) -> Option<Self> {
        let mut head = Head::default();
        let mut json = serde_json::Deserializer::from_slice(statistics);
        // The reading stops in the middle of an object, which is an error to the deserializer.
        let _ = json.deserialize_map(&mut head);
        head.is_complete.then_some(head.answers)
    }

    fn add(&mut self, broker: &Broker<'_>) {
        let idle = u64::try_from(broker.rxidle).ok().map(Duration::from_micros);
        let answered = idle.map(|idle| self.age.saturating_sub(idle));
        self.by_any = self.by_any.max(answered);
        // A coordinator is a second entry of a broker; a bootstrap server that is none yet has no id.
        if broker.source != "logical" && broker.nodeid >= 0 {
            self.by_broker = self.by_broker.max(answered);
            self.fetches += broker.req.fetch;
        }
    }
}

#[derive(Debug, Deserialize)]
struct Broker<'a> {
    nodeid: i32,
    #[serde(borrow)]
    source: &'a str,
    /// In microseconds; -1 before the first answer.
    rxidle: i64,
    #[serde(default)]
    req: Requests,
}

#[derive(Debug, Deserialize, Default)]
struct Requests {
    #[serde(rename = "Fetch", default)]
    fetch: u64,
}

#[derive(Default)]
struct Head {
    answers: Answers,
    is_complete: bool,
}

impl<'de> Visitor<'de> for &mut Head {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("librdkafka's statistics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "type" => self.answers.is_consumer = map.next_value::<&str>()? == "consumer",
                "age" => self.answers.age = Duration::from_micros(map.next_value()?),
                "brokers" => {
                    map.next_value_seed(Brokers(&mut self.answers))?;
                    self.is_complete = true;
                    break;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Brokers<'a>(&'a mut Answers);

impl<'de> serde::de::DeserializeSeed<'de> for Brokers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Brokers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("brokers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((_, broker)) = map.next_entry::<IgnoredAny, Broker<'de>>()? {
            self.0.add(&broker);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(nodeid: i32, source: &str, rxidle: i64, fetches: u64) -> String {
        format!(
            r#""b{nodeid}{source}": {{ "nodeid":{nodeid}, "source":"{source}", "rxidle":{rxidle},
            "req": {{ "Fetch": {fetches}, "Metadata": 2 }}, "toppars":{{ "a-0": {{ "topic":"a" }} }} }}"#
        )
    }

    fn statistics(kind: &str, brokers: &[String]) -> String {
        format!(
            r#"{{ "name": "n", "type": "{kind}", "ts":7, "age":10000000, "brokers":{{ {} }}, "topics":{{ no JSON"#,
            brokers.join(", ")
        )
    }

    #[test]
    fn the_newest_answer_of_a_broker_counts_and_topics_are_not_read() {
        let brokers = [
            broker(-1, "configured", 1, 0),
            broker(1, "learned", 3_000_000, 5),
            broker(2, "learned", 2_000_000, 6),
            broker(3, "learned", -1, 0),
            broker(2, "logical", 1_000_000, 100),
        ];
        let answers = Answers::read(statistics("consumer", &brokers).as_bytes());
        let expected = Answers {
            is_consumer: true,
            age: Duration::from_secs(10),
            by_broker: Some(Duration::from_secs(8)),
            by_any: Some(Duration::from_micros(9_999_999)),
            fetches: 11,
        };
        assert_eq!(answers, Some(expected));
    }

    #[test]
    fn without_an_answer_there_is_none() {
        let brokers = [broker(1, "learned", -1, 0)];
        let answers = Answers::read(statistics("producer", &brokers).as_bytes()).expect("read");
        assert!(!answers.is_consumer);
        assert_eq!((answers.by_broker, answers.by_any), (None, None));
        let answers = Answers::read(statistics("producer", &[]).as_bytes());
        assert_eq!(answers.expect("read").by_any, None);
    }

    #[test]
    fn what_is_not_complete_is_not_read() {
        let text = statistics("producer", &[broker(1, "learned", 5, 0)]);
        let brokers_end = text.find("}, \"topics\"").expect("it has topics");
        for end in 0..brokers_end {
            assert_eq!(Answers::read(&text.as_bytes()[..end]), None, "{end}");
        }
        assert_eq!(Answers::read(b"[]"), None);
    }
}
