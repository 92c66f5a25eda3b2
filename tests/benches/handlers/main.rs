//! What a request handler costs beside a bare consumer, on one real node: `cargo bench -p livebus-tests --bench handlers`.
//!
//! Each variant reads the same records of 100 bytes from one partition, from the first to the last, with the same settings of librdkafka:
//! a bare `poll` with a commit per tick, and a handler whose function does nothing; each with the headers of the records and without. They
//! take turns, forwards and backwards, so that a noisy machine harms all of them. Each shows the time and the CPU time of this process.
//! `LIVEBUS_BENCH_RECORDS` and `LIVEBUS_BENCH_ROUNDS` change the numbers.

use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use livebus_core::{Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_runner::handlers::RequestHandler;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::{KafkaSupervision, kafka_config};
use livebus_tests::label::Label;
use rdkafka::Message as _;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const TOPIC: &str = "bench";
const START_LIMIT: Duration = Duration::from_secs(90);
const LIMIT: Duration = Duration::from_mins(5);

/// The time from one commit to the next.
const TICK: Duration = Duration::from_millis(100);

fn main() -> anyhow::Result<()> {
    let records = number("LIVEBUS_BENCH_RECORDS", 10_000_000)?;
    let rounds = number("LIVEBUS_BENCH_ROUNDS", 5)?;
    let mut node = KafkaNode::new(&NodeOptions::default())?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    produce(&servers, records)?;
    println!("{records} records of 100 bytes, one partition");
    for round in 0..rounds {
        for with_headers in [true, false] {
            let run_bare = || measured(|| bare(&servers, records, with_headers));
            let run_handler = || measured(|| handler(&servers, records, round, with_headers));
            let (bare, ours) = if round % 2 == 0 {
                let bare = run_bare()?;
                (bare, run_handler()?)
            } else {
                let ours = run_handler()?;
                (run_bare()?, ours)
            };
            println!(
                "{} headers: bare {}, handler {} a record; handler to bare: {:.3} by time, {:.3} by CPU time",
                if with_headers { "with" } else { "without" },
                bare.per_record(records),
                ours.per_record(records),
                bare.wall.as_secs_f64() / ours.wall.as_secs_f64(),
                bare.cpu.as_secs_f64() / ours.cpu.as_secs_f64(),
            );
        }
    }
    Ok(())
}

/// What one variant took.
struct Took {
    wall: Duration,
    /// Of the whole process, with the threads of librdkafka.
    cpu: Duration,
}

impl Took {
    fn per_record(&self, records: u64) -> String {
        let each = |time: Duration| time.as_nanos() / u128::from(records);
        format!("{} ns (CPU {} ns)", each(self.wall), each(self.cpu))
    }
}

fn measured(run: impl FnOnce() -> anyhow::Result<Duration>) -> anyhow::Result<Took> {
    let before = cpu_time()?;
    let wall = run()?;
    let cpu = cpu_time()?.saturating_sub(before);
    Ok(Took { wall, cpu })
}

/// Returns the CPU time of this process.
fn cpu_time() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // The name of the program is in parentheses, and may contain spaces.
    let (_, rest) = text.rsplit_once(')').context("a name in parentheses")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| -> anyhow::Result<u64> {
        let field = fields.get(index).context("a field")?;
        Ok(field.parse()?)
    };
    // User and system time, in hundredths of a second.
    Ok(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    match env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name}={text}")),
        Err(_) => Ok(default),
    }
}

fn produce(servers: &str, records: u64) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("linger.ms", "20")
        .set("batch.num.messages", "10000")
        .create()?;
    let payload = [b'x'; 100];
    for _ in 0..records {
        loop {
            match producer.send(BaseRecord::<(), _>::to(TOPIC).payload(&payload[..])) {
                Ok(()) => break,
                Err((error, _))
                    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
                {
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(LIMIT)?;
    Ok(())
}

/// Reads all records with `poll`, and commits. The time counts from the first record.
fn bare(servers: &str, records: u64, with_headers: bool) -> anyhow::Result<Duration> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "bare")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("isolation.level", "read_committed")
        .set("queued.max.messages.kbytes", "6553")
        .create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning)?;
    consumer.assign(&list)?;
    let consumer = Arc::new(consumer);
    let (positions, to_commit) = std::sync::mpsc::channel::<i64>();
    let committer = {
        let consumer = Arc::clone(&consumer);
        thread::spawn(move || {
            for position in to_commit {
                let mut list = TopicPartitionList::new();
                // One offset of one partition always fits.
                let _ = list.add_partition_offset(TOPIC, 0, Offset::Offset(position));
                let _ = consumer.commit(&list, CommitMode::Sync);
            }
        })
    };
    let (mut begin, mut last_commit, mut count, mut bytes) = (None, Instant::now(), 0, 0);
    while count < records {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let begin = begin.get_or_insert_with(Instant::now);
        bytes += message.payload_len();
        if with_headers {
            std::hint::black_box(message.headers().is_some());
        }
        count += 1;
        if count % 1_024 == 0 && last_commit.elapsed() >= TICK {
            last_commit = Instant::now();
            positions.send(message.offset() + 1)?;
        }
        anyhow::ensure!(begin.elapsed() < LIMIT, "it takes too long");
    }
    anyhow::ensure!(bytes as u64 == records * 100, "{bytes} bytes");
    let took = begin.map_or(Duration::ZERO, |begin| begin.elapsed());
    drop(positions);
    let _ = committer.join();
    Ok(took)
}

/// Handles all records with a function that does nothing. The time counts from the first record.
fn handler(
    servers: &str,
    records: u64,
    round: u64,
    with_headers: bool,
) -> anyhow::Result<Duration> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let first = Arc::new(std::sync::OnceLock::new());
    let began = Arc::clone(&first);
    let handler = RequestHandler::new(TOPIC)
        .topics([TOPIC])
        .group(format!("handler-{round}-{with_headers}"));
    let handler = if with_headers {
        handler
    } else {
        handler.without_headers()
    };
    let handler = handler.run(move |record, _| {
        began.get_or_init(Instant::now);
        std::hint::black_box(record.payload());
        counted.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    });
    let label = Label {
        folder: "",
        service: "bench",
        host: Host::TokioMultiThread,
    };
    let kafka = kafka_config(servers, LivenessBy::Metadata)?;
    let mut bus = KafkaSupervision::start_with(label, kafka, Settings::default(), vec![handler])?;
    while bus.next_change()?.report.status != Status::Running {}
    let deadline = Instant::now() + LIMIT;
    while count.load(Ordering::Relaxed) < records {
        anyhow::ensure!(Instant::now() < deadline, "it takes too long");
        thread::sleep(Duration::from_millis(1));
    }
    let took = first.get().map_or(Duration::ZERO, Instant::elapsed);
    bus.shut_down()?;
    Ok(took)
}
