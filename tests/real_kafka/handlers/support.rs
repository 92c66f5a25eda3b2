//! What the scenarios of request handlers share: records with numbers, and what became of them.

use std::collections::BTreeMap;
use std::env;
use std::future::{Ready, ready};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_core::dispatch::{FailurePolicy, Then};
use livebus_core::{Backoff, Cause, FailureClass, Status};
use livebus_kafka::{KafkaConfig, LivenessBy};
use livebus_runner::handlers::{Context as Call, Failed, Record};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::kafka_supervision::{KafkaSupervision, kafka_config};
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Headers as _, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// The records that were handled.
#[derive(Clone, Default)]
pub(crate) struct Handled(Arc<Mutex<Vec<(i32, i64, u32)>>>);

impl Handled {
    /// Returns a function that notes each record.
    pub(crate) fn function(
        &self,
    ) -> impl Fn(Record, Call) -> Ready<Result<(), Failed>> + Send + Sync + use<> {
        let this = self.clone();
        move |record, _| {
            this.note(&record);
            ready(Ok(()))
        }
    }

    /// Returns a function that takes some time for each record, and notes it.
    pub(crate) fn slow_function(
        &self,
        time: Duration,
    ) -> impl Fn(Record, Call) -> Result<(), Failed> + Send + Sync + use<> {
        let this = self.clone();
        move |record, _| {
            thread::sleep(time);
            this.note(&record);
            Ok(())
        }
    }

    pub(crate) fn note(&self, record: &Record) {
        let entry = (record.partition(), record.offset(), number(record));
        self.0.lock().expect("no thread panics").push(entry);
    }

    pub(crate) fn all(&self) -> Vec<(i32, i64, u32)> {
        self.0.lock().expect("no thread panics").clone()
    }

    pub(crate) fn wait_for(&self, count: usize) -> anyhow::Result<()> {
        wait_until(|| self.all().len() >= count)
            .with_context(|| format!("{} of {count} records were handled", self.all().len()))
    }

    /// Returns how many records were handled.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().expect("no thread panics").len()
    }

    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.all()
            .into_iter()
            .map(|(_, _, number)| number)
            .collect()
    }

    /// Waits until each number was handled.
    pub(crate) fn wait_for_each(&self, count: u32) -> anyhow::Result<()> {
        let seen = || {
            let numbers: std::collections::BTreeSet<_> = self.numbers().into_iter().collect();
            numbers.len()
        };
        wait_until(|| self.count() >= count as usize && seen() >= count as usize)
            .with_context(|| format!("{} of {count} numbers were handled", seen()))
    }

    /// Checks that each number was handled, and that the first calls of each partition were in the order of its offsets. Returns how many
    /// records were handled again.
    pub(crate) fn check_each_in_order(&self, count: u32) -> anyhow::Result<usize> {
        let mut newest = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        let all = self.all();
        for &(partition, offset, number) in &all {
            let times = numbers.entry(number).or_insert(0);
            *times += 1;
            if *times == 1 {
                let before = newest.insert(partition, offset);
                ensure!(
                    before < Some(offset),
                    "{offset} after {before:?} of {partition}"
                );
            }
        }
        ensure!(
            numbers.keys().copied().eq(0..count),
            "{} of {count} numbers",
            numbers.len()
        );
        Ok(all.len() - numbers.len())
    }

    /// Checks that each number was handled exactly once, and each partition in the order of its offsets.
    pub(crate) fn check_each_once_in_order(&self, count: u32) -> anyhow::Result<()> {
        let again = self.check_each_in_order(count)?;
        ensure!(again == 0, "{again} records were handled again");
        Ok(())
    }
}

/// Returns how many records a scenario has: `usual`, or as many as `LIVEBUS_TESTS_RECORDS` says.
pub(crate) fn records(usual: u32) -> u32 {
    let Some(value) = env::var_os("LIVEBUS_TESTS_RECORDS") else {
        return usual;
    };
    let number = value.to_str().and_then(|it| it.parse().ok());
    number.expect("LIVEBUS_TESTS_RECORDS is a number of records")
}

/// Returns the number of a record.
pub(crate) fn number(record: &Record) -> u32 {
    let payload = record.payload().expect("each has a payload");
    let text = str::from_utf8(payload).expect("a number");
    let number = text.trim_end().parse();
    number.unwrap_or_else(|_| {
        panic!(
            "{text:?} is no number: {} [{}] at {}",
            record.topic(),
            record.partition(),
            record.offset()
        )
    })
}

/// Returns the configuration of the bus, with liveness checks that need no topic.
pub(crate) fn kafka(servers: &str) -> anyhow::Result<KafkaConfig> {
    kafka_config(servers, LivenessBy::Metadata)
}

/// Waits until a condition holds.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + WAIT_LIMIT;
    while !holds() {
        ensure!(Instant::now() < deadline, "not within {WAIT_LIMIT:?}");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Waits until a handler's failure of a class is the cause of `NotReady`.
pub(crate) fn wait_for_cause(
    bus: &mut KafkaSupervision,
    class: FailureClass,
) -> anyhow::Result<()> {
    let is_cause =
        |cause| matches!(cause, Cause::HandlerFailed(_, failure) if failure.class == class);
    while !is_cause(bus.next_change()?.report.cause) {}
    Ok(())
}

/// Waits until the service is Running, whatever it was before.
pub(crate) fn wait_until_running(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    wait_until(|| {
        bus.take_changes();
        bus.last_status() == Status::Running
    })
    .with_context(|| bus.history_text())
}

/// Produces numbered records, each with its number as key and payload.
pub(crate) fn produce(servers: &str, topic: &str, numbers: Range<u32>) -> anyhow::Result<()> {
    produce_padded(servers, topic, numbers, 0)
}

/// As [`produce`], with spaces behind the number up to a length.
pub(crate) fn produce_padded(
    servers: &str,
    topic: &str,
    numbers: Range<u32>,
    length: usize,
) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .create()?;
    for number in numbers {
        let text = number.to_string();
        let payload = format!("{text:<length$}");
        loop {
            let record = BaseRecord::to(topic).key(&text).payload(&payload);
            match producer.send(record) {
                Ok(()) => break,
                Err((error, _))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(WAIT_LIMIT)?;
    Ok(())
}

/// Returns the sum of the committed positions of a group.
pub(crate) fn committed(
    servers: &str,
    group: &str,
    topic: &str,
    partitions: i32,
) -> anyhow::Result<i64> {
    (0..partitions)
        .map(|partition| Ok(commit_of(servers, group, topic, partition)?.0))
        .sum()
}

/// Returns the committed position of a partition, 0 if there is none, and its metadata.
pub(crate) fn commit_of(
    servers: &str,
    group: &str,
    topic: &str,
    partition: i32,
) -> anyhow::Result<(i64, String)> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", group)
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    let list = client.committed_offsets(list, WAIT_LIMIT)?;
    let of = list.find_partition(topic, partition);
    let of = of.context("the partition was asked for")?;
    let position = match of.offset() {
        Offset::Offset(offset) => offset,
        Offset::Beginning
        | Offset::End
        | Offset::Stored
        | Offset::Invalid
        | Offset::OffsetTail(_) => 0,
    };
    Ok((position, of.metadata().to_owned()))
}

/// Returns a policy with short back-offs.
pub(crate) fn policy(retries: u32, then: Then) -> FailurePolicy {
    FailurePolicy::new(retries, Backoff::fixed(Duration::from_millis(50)), then)
}

/// Reads the first records of a partition 0.
pub(crate) fn read(servers: &str, topic: &str, count: usize) -> anyhow::Result<Vec<OwnedMessage>> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "reader")
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning)?;
    client.assign(&list)?;
    let (mut messages, deadline) = (Vec::new(), Instant::now() + WAIT_LIMIT);
    while messages.len() < count {
        ensure!(
            Instant::now() < deadline,
            "{} of {count} records",
            messages.len()
        );
        if let Some(message) = client.poll(Duration::from_millis(100)) {
            messages.push(message?.detach());
        }
    }
    Ok(messages)
}

/// Returns the value of a header, as text.
pub(crate) fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(found.value?).into_owned())
}
