//! Measures what evidence costs the service's own clients: `cargo bench -p livebus-tests --bench own_clients`.
//!
//! Prints Markdown. The produce path is measured with a bare client and an observed one in turns, in one process with the embedded
//! cluster. `LIVEBUS_BENCH_RECORDS` (1,000,000) sets the records of each turn.

use std::env;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_async_std::AsyncStdRuntime;
use livebus_kafka::{EmbeddedCluster, KafkaConfig, OwnClients, OwnContext, OwnFutureProducer};
use livebus_runner::Observations;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{
    BaseConsumer, Consumer as _, ConsumerContext as _, DefaultConsumerContext,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, FutureProducer, FutureRecord, Producer, ProducerContext,
    ThreadedProducer,
};
use rdkafka::{Offset, TopicPartitionList};

const TOPIC: &str = "orders";
const PAYLOAD: [u8; 100] = [b'a'; 100];
const PAIRS: usize = 21;
const LIMIT: Duration = Duration::from_mins(1);

/// The futures of a `FutureProducer` that are awaited at a time.
const WINDOW: usize = 10_000;

fn main() -> anyhow::Result<()> {
    let records = match env::var("LIVEBUS_BENCH_RECORDS") {
        Ok(text) => text.parse().context("LIVEBUS_BENCH_RECORDS")?,
        Err(_) => 1_000_000,
    };
    notes()?;
    threads()?;
    produce_path(records)
}

/// Evidence that is noted once more, and evidence that is newer each time.
fn notes() -> anyhow::Result<()> {
    const COUNT: u32 = 20_000_000;

    let cluster = EmbeddedCluster::start(1)?;
    cluster.create_topic(TOPIC, 1)?;
    let kafka = KafkaConfig::embedded(&cluster)?;
    let mut config = kafka.client_config();
    config.set("group.id", "g");
    let consumer: BaseConsumer<OwnContext<_>> = kafka
        .own_clients()
        .create(&config, DefaultConsumerContext)?;
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(TOPIC, 0, Offset::Beginning)?;
    consumer.assign(&partitions)?;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        drop(consumer.poll(Duration::from_millis(100)));
    }
    let context = consumer.context();
    let cell = Observations::new();
    let now = Instant::now();
    let later = |number: u32| now + Duration::from_nanos(number.into());
    println!("| one evidence | ns, the best of five |");
    println!("|---|---|");
    let noted = best(COUNT, |_| {
        black_box(context).commit_callback(Ok(()), &partitions);
    });
    println!("| `OwnContext::commit_callback`, with the count of its partitions | {noted:.2} |");
    let known = best(COUNT, |_| black_box(&cell).evidence_at(black_box(now)));
    println!("| `Observations::evidence_at`, known | {known:.2} |");
    let newer = best(COUNT, |number| black_box(&cell).evidence_at(later(number)));
    println!("| `Observations::evidence_at`, newer | {newer:.2} |");
    let clock = best(COUNT, |_| {
        black_box(Instant::now());
    });
    println!("| `Instant::now`, for comparison | {clock:.2} |");
    Ok(())
}

fn best(count: u32, mut call: impl FnMut(u32)) -> f64 {
    let times = (0..5).map(|_| {
        let begin = Instant::now();
        for number in 0..count {
            call(number);
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(count)
    });
    times.fold(f64::INFINITY, f64::min)
}

/// Eight threads, ten million events: the newest evidence and the most specific suspicion are kept.
fn threads() -> anyhow::Result<()> {
    const THREADS: u64 = 8;
    const EVENTS: u64 = 10_000_000;

    let cell = Observations::new();
    let base = Instant::now();
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= EVENTS {
                        break;
                    }
                    cell.evidence_at(base + Duration::from_nanos(number));
                    if number.is_multiple_of(100_000) {
                        let code = KafkaError::Global(RDKafkaErrorCode::BrokerTransportFailure);
                        cell.suspicion(livebus_kafka::failure(&code));
                    }
                }
            });
        }
    });
    let elapsed = begin.elapsed();
    let observed = cell.take();
    ensure!(
        observed.live == Some(base + Duration::from_nanos(EVENTS - 1)),
        "the newest evidence was lost"
    );
    ensure!(observed.suspicion.is_some(), "the suspicion was lost");
    println!("\n{THREADS} threads, {EVENTS} events in {elapsed:.2?}: the newest is kept\n");
    Ok(())
}

fn produce_path(records: usize) -> anyhow::Result<()> {
    let cluster = EmbeddedCluster::start(1)?;
    cluster.create_topic(TOPIC, 1)?;
    let kafka = KafkaConfig::embedded(&cluster)?;
    let own = kafka.own_clients();
    let mut config = kafka.client_config();
    config.set("queue.buffering.max.messages", "1000000");
    println!(
        "| produce path, {records} records of 100 B | bare, records/s | with evidence | ratio of the pairs: median (min to max) | ratio of the CPU time of all, bare to with evidence |"
    );
    println!("|---|---|---|---|---|");
    report("`ThreadedProducer::send`", |is_own| {
        threaded(&own, &config, records, is_own)
    })?;
    report("`send_result`, a window of futures", |is_own| {
        futures(&own, &config, records / 2, is_own)
    })
}

/// Runs pairs in the order A B, B A, and prints the rates.
fn report(name: &str, run: impl Fn(bool) -> anyhow::Result<f64>) -> anyhow::Result<()> {
    run(false)?;
    run(true)?;
    let (mut bare, mut own, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut ticks = [0; 2];
    let mut timed = |is_own: bool| {
        let before = cpu_ticks()?;
        let rate = run(is_own)?;
        ticks[usize::from(is_own)] += cpu_ticks()? - before;
        anyhow::Ok(rate)
    };
    for pair in 0..PAIRS {
        let own_first = pair % 2 == 1;
        let first = timed(own_first)?;
        let second = timed(!own_first)?;
        let (a, b) = if own_first {
            (second, first)
        } else {
            (first, second)
        };
        bare.push(a);
        own.push(b);
        ratios.push(b / a);
    }
    for values in [&mut bare, &mut own, &mut ratios] {
        values.sort_by(f64::total_cmp);
    }
    let middle = PAIRS / 2;
    println!(
        "| {name} | {:.0} | {:.0} | {:.3} ({:.3} to {:.3}) | {:.3} |",
        bare[middle],
        own[middle],
        ratios[middle],
        ratios[0],
        ratios[PAIRS - 1],
        f64::from(ticks[0]) / f64::from(ticks[1])
    );
    Ok(())
}

fn threaded(
    own: &OwnClients,
    config: &ClientConfig,
    records: usize,
    is_own: bool,
) -> anyhow::Result<f64> {
    if is_own {
        let producer: ThreadedProducer<_> = own.create(config, DefaultProducerContext)?;
        send_all(&producer, records)
    } else {
        let producer: ThreadedProducer<_> = config.create_with_context(DefaultProducerContext)?;
        send_all(&producer, records)
    }
}

fn send_all<C>(producer: &ThreadedProducer<C>, records: usize) -> anyhow::Result<f64>
where
    C: ProducerContext<DeliveryOpaque = ()> + 'static,
{
    let begin = Instant::now();
    for _ in 0..records {
        loop {
            let record = BaseRecord::<[u8], [u8]>::to(TOPIC).payload(&PAYLOAD);
            match producer.send(record) {
                Ok(()) => break,
                Err((error, _)) if is_full(&error) => thread::sleep(Duration::from_millis(1)),
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(LIMIT)?;
    Ok(rate(records, begin))
}

fn futures(
    own: &OwnClients,
    config: &ClientConfig,
    records: usize,
    is_own: bool,
) -> anyhow::Result<f64> {
    let record = || FutureRecord::<[u8], [u8]>::to(TOPIC).payload(&PAYLOAD);
    if is_own {
        let producer: OwnFutureProducer<_, AsyncStdRuntime> =
            own.create(config, DefaultClientContext)?;
        window(records, || {
            producer.send_result(record()).map_err(|(error, _)| error)
        })
    } else {
        let producer: FutureProducer<_, AsyncStdRuntime> =
            config.create_with_context(DefaultClientContext)?;
        window(records, || {
            producer.send_result(record()).map_err(|(error, _)| error)
        })
    }
}

fn window<F, T, E>(records: usize, send: impl Fn() -> Result<F, KafkaError>) -> anyhow::Result<f64>
where
    F: Future<Output = Result<Result<T, E>, futures::channel::oneshot::Canceled>>,
{
    let begin = Instant::now();
    let mut queue = std::collections::VecDeque::with_capacity(WINDOW);
    futures::executor::block_on(async {
        for _ in 0..records {
            if queue.len() == WINDOW {
                let oldest: F = queue.pop_front().context("it is full")?;
                ensure!(oldest.await?.is_ok(), "a delivery failed");
            }
            queue.push_back(send()?);
        }
        for delivery in queue.drain(..) {
            ensure!(delivery.await?.is_ok(), "a delivery failed");
        }
        anyhow::Ok(())
    })?;
    Ok(rate(records, begin))
}

/// Returns the CPU time of the process, in ticks of the kernel.
fn cpu_ticks() -> anyhow::Result<u32> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("the name of the process")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<u32>, _> = times.map(str::parse).collect();
    Ok(ticks?.iter().sum())
}

fn is_full(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull)
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn rate(records: usize, begin: Instant) -> f64 {
    records as f64 / begin.elapsed().as_secs_f64()
}
