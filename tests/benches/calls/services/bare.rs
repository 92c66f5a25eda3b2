//! rdkafka alone: one thread on each side, which sends and polls. No headers, no commits, no deadlines; nothing is recovered.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::measure_loads;
use crate::calls::{Load, Measured};
use crate::{Role, Task};

const LIMIT: Duration = Duration::from_secs(30);

pub(super) fn serve(task: &Task) -> anyhow::Result<()> {
    match task.role {
        Role::Callee => reply(task),
        Role::Caller => {
            let mut caller = Caller::new(task)?;
            pollster::block_on(measure_loads(task, async |load| caller.measure(load)))
        }
    }
}

fn reply(task: &Task) -> anyhow::Result<()> {
    let producer = producer(task)?;
    let consumer = assigned_consumer(task, &task.requests)?;
    println!("ready");
    loop {
        producer.poll(Duration::ZERO);
        let Some(request) = consumer.poll(LIMIT) else {
            continue;
        };
        let request = request?;
        let payload = request.payload().unwrap_or_default();
        send(&producer, &task.replies, payload)?;
    }
}

/// A caller that knows its calls by the first eight bytes of their payload.
struct Caller<'a> {
    task: &'a Task,
    producer: BaseProducer,
    consumer: BaseConsumer,
    /// The number of the next call.
    next: u64,
}

impl<'a> Caller<'a> {
    fn new(task: &'a Task) -> anyhow::Result<Self> {
        Ok(Self {
            task,
            producer: producer(task)?,
            consumer: assigned_consumer(task, &task.replies)?,
            next: 0,
        })
    }

    fn measure(&mut self, load: Load) -> anyhow::Result<Measured> {
        let mut payload = vec![b'x'; self.task.bytes];
        let first = self.next;
        let mut starts: Vec<Instant> = Vec::with_capacity(load.calls);
        let mut round_trips = Vec::with_capacity(load.calls);
        let began = Instant::now();
        while round_trips.len() < load.calls {
            while starts.len() < load.calls && starts.len() - round_trips.len() < load.at_once {
                payload[..8].copy_from_slice(&self.next.to_be_bytes());
                self.next += 1;
                starts.push(Instant::now());
                send(&self.producer, &self.task.requests, &payload)?;
            }
            self.producer.poll(Duration::ZERO);
            let reply = self.consumer.poll(LIMIT).context("no reply")??;
            let number = reply.payload().and_then(|payload| payload.first_chunk());
            let number = u64::from_be_bytes(*number.context("a reply without a number")?);
            // Replies to calls before the first cannot be on the way: all of these have ended.
            let index = usize::try_from(number - first)?;
            ensure!(index < starts.len(), "a reply to no call");
            round_trips.push(starts[index].elapsed());
        }
        Ok(Measured::new(began, round_trips))
    }
}

/// Sends at once, as livebus does.
fn producer(task: &Task) -> anyhow::Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", &task.servers)
        .set("acks", "all")
        .set("linger.ms", "0")
        .create()?)
}

fn send(producer: &BaseProducer, topic: &str, payload: &[u8]) -> anyhow::Result<()> {
    loop {
        let record = BaseRecord::<(), _>::to(topic).payload(payload).partition(0);
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}

/// Returns a consumer that reads the partition of a topic from its present end on.
fn assigned_consumer(task: &Task, topic: &str) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &task.servers)
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()?;
    let (_, end) = consumer.fetch_watermarks(topic, 0, LIMIT)?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Offset(end))?;
    consumer.assign(&partitions)?;
    Ok(consumer)
}
