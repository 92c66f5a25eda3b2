//! Measures how fast livebus notices outages of a real node, how fast it recovers, and what it costs when idle:
//! `cargo bench -p livebus-tests --bench real_kafka`.
//!
//! Prints Markdown. All rows are of one run on one node, with both presets side by side. `LIVEBUS_BENCH_ROUNDS` (5),
//! `LIVEBUS_BENCH_PAUSES` (24) and `LIVEBUS_BENCH_IDLE` (60, seconds) set the duration: six minutes by default. The phases of
//! the faults are random, and the same in each run. A time is below zero when the supervision was faster than the independent
//! client.

use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, anyhow};
use fastrand::Rng;
use livebus_core::{Settings, Status};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, availability};
use livebus_tests::child_process::ChildProcess;
use livebus_tests::cost::Cost;
use livebus_tests::host::Host;
use livebus_tests::http::{Sampler, last_ready};
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast};
use livebus_tests::label::Label;
use livebus_tests::program::Watch;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

const TOPIC: &str = "measured";

/// The maximum time from the start of a node to its answer.
const START_LIMIT: Duration = Duration::from_secs(90);

/// The number of supervisions during the pauses, with their liveness messages spread over the interval.
const SUPERVISORS: u32 = 8;

/// With this argument the program is only the producer that livebus is compared with.
const BARE_PRODUCER: &str = "--bare-producer";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    if let [_, bare, servers] = &arguments[..]
        && bare == BARE_PRODUCER
    {
        return bare_producer(servers);
    }
    availability().map_err(|reason| anyhow!(reason))?;
    let rounds = setting("LIVEBUS_BENCH_ROUNDS", 5)?;
    let pauses = setting("LIVEBUS_BENCH_PAUSES", 24)?;
    let idle = Duration::from_secs(setting("LIVEBUS_BENCH_IDLE", 60)?);

    let mut node = KafkaNode::new(&NodeOptions::default())?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(TOPIC, 1)?;
    let mut random = Rng::with_seed(0x6c69_7665_6275_7321);

    println!("| what | unit | n | min | median | max | target |");
    println!("|---|---|---|---|---|---|---|");
    idle_cost(&mut node, idle)?;
    outages(&mut node, rounds, &mut random)?;
    let aim = "0";
    false_alarms(&mut node, Duration::from_secs(1), pauses, aim, &mut random)?;
    let aim = "(beyond the target: shorter than `liveness_timeout`)";
    let nearly = Settings::default().liveness_timeout * 19 / 20;
    false_alarms(&mut node, nearly, pauses / 3, aim, &mut random)
}

fn setting(name: &str, default: u64) -> anyhow::Result<u64> {
    match env::var(name) {
        Ok(value) => value.parse().context(format!("{name}={value}")),
        Err(_) => Ok(default),
    }
}

// Outages.

fn outages(node: &mut KafkaNode, rounds: u64, random: &mut Rng) -> anyhow::Result<()> {
    let servers = node.bootstrap_servers();
    let mut defaults = supervise(
        "defaults",
        Host::TokioCurrentThread,
        &servers,
        Settings::default(),
    )?;
    let mut fast = supervise("fast", Host::TokioMultiThread, &servers, fast())?;
    let buses = &mut [&mut defaults, &mut fast];
    for bus in &mut *buses {
        bus.expect_running()?;
    }
    let bounds = buses.each_ref().map(|bus| {
        let bound = bus.handle().config().detection_bound();
        format!("at most {} ms", bound.as_millis())
    });

    let mut killed = Vec::new();
    for _ in 0..rounds {
        killed.push(outage(
            node,
            buses,
            random,
            KafkaNode::kill,
            KafkaNode::restart,
        )?);
    }
    let mut hung = Vec::new();
    for _ in 0..rounds {
        hung.push(outage(
            node,
            buses,
            random,
            KafkaNode::stop,
            KafkaNode::cont,
        )?);
    }
    for (kind, outages) in [("killed", &killed), ("hung", &hung)] {
        for (index, preset) in ["defaults", "fast"].into_iter().enumerate() {
            let of = |figure: fn(&Measured) -> f64| {
                let measured = outages.iter().map(|outage| &outage.measured[index]);
                measured.map(figure).collect::<Vec<_>>()
            };
            let notice = match (kind, preset) {
                ("killed", _) => "under 1000",
                (_, "defaults") => "under 10000",
                (_, _) => "under 1000",
            };
            row(
                &format!("{kind}: noticed, {preset}"),
                "ms",
                of(|s| s.noticed),
                notice,
            );
            let what = format!("{kind}: last 200 of `/readyz` after it, {preset}");
            row(&what, "ms", of(|s| s.last_ready), &bounds[index]);
            let what = format!(
                "{kind}: Running again after an independent client's first answer, {preset}"
            );
            row(&what, "ms", of(|s| s.recovered_after_answer), "under 1000");
            let what =
                format!("{kind}: Running again after the node was started or continued, {preset}");
            row(&what, "ms", of(|s| s.recovered_after_end), "");
        }
    }
    Ok(())
}

fn supervise(
    service: &str,
    host: Host,
    servers: &str,
    settings: Settings,
) -> anyhow::Result<KafkaSupervision> {
    let label = Label {
        folder: "benchmark",
        service,
        host,
    };
    KafkaSupervision::start(label, by_produce(servers, TOPIC)?, settings)
}

/// One outage, as each supervision measured it, in milliseconds.
struct Outage {
    measured: Vec<Measured>,
}

struct Measured {
    noticed: f64,
    last_ready: f64,
    recovered_after_answer: f64,
    recovered_after_end: f64,
}

type Act = fn(&mut KafkaNode) -> anyhow::Result<()>;

fn outage(
    node: &mut KafkaNode,
    buses: &mut [&mut KafkaSupervision],
    random: &mut Rng,
    begin: Act,
    end: Act,
) -> anyhow::Result<Outage> {
    thread::sleep(Duration::from_secs(1) + Settings::default().live_interval.mul_f64(random.f64()));
    let samplers: Vec<Sampler> = buses
        .iter()
        .map(|bus| Sampler::start(bus.probes()))
        .collect::<Result<_, _>>()?;
    for bus in &mut *buses {
        bus.expect_no_change()?;
    }

    let fault = Instant::now();
    begin(node)?;
    let mut noticed = Vec::new();
    for bus in &mut *buses {
        noticed.push(bus.expect_status(Status::NotReady)?.at);
    }
    thread::sleep(Duration::from_secs(3).mul_f64(random.f64()));

    let client = node.client();
    let relief = Instant::now();
    end(node)?;
    let (answered, running) = thread::scope(|scope| {
        let answer = scope.spawn(|| client.first_answer(START_LIMIT));
        let running: anyhow::Result<Vec<_>> =
            buses.iter_mut().map(|bus| bus.expect_running()).collect();
        let answered = answer.join().map_err(|_| anyhow!("the client panicked"))?;
        anyhow::Ok((answered?, running?))
    })?;

    let mut measured = Vec::new();
    for ((noticed, running), sampler) in noticed.into_iter().zip(running).zip(samplers) {
        let last_ready = last_ready(&sampler.finish()?, fault, relief);
        measured.push(Measured {
            noticed: millis(fault, noticed),
            last_ready: last_ready.map_or(0.0, |at| millis(fault, at)),
            recovered_after_answer: millis(answered, running.at),
            recovered_after_end: millis(relief, running.at),
        });
    }
    Ok(Outage { measured })
}

/// Counts how often a supervision at the defaults is NotReady in pauses of the node that are too short for that.
fn false_alarms(
    node: &mut KafkaNode,
    pause: Duration,
    pauses: u64,
    aim: &str,
    random: &mut Rng,
) -> anyhow::Result<()> {
    let servers = node.bootstrap_servers();
    let mut buses = Vec::new();
    for index in 0..SUPERVISORS {
        let service = format!("defaults-{index}");
        let host = Host::TokioCurrentThread;
        let mut bus = supervise(&service, host, &servers, Settings::default())?;
        bus.expect_running()?;
        buses.push(bus);
        thread::sleep(Settings::default().live_interval / SUPERVISORS);
    }
    let mut alarms = vec![0.0; buses.len()];
    for _ in 0..pauses {
        thread::sleep(Duration::from_millis(500) + Duration::from_secs(1).mul_f64(random.f64()));
        node.stop()?;
        thread::sleep(pause);
        node.cont()?;
    }
    // By then every change that the last pause caused is published.
    thread::sleep(Settings::default().live_interval);
    for (alarms, bus) in alarms.iter_mut().zip(&mut buses) {
        let changes = bus.take_changes();
        let lost = changes
            .iter()
            .filter(|change| change.from == Status::Running);
        lost.for_each(|_| *alarms += 1.0);
        if !changes.is_empty() {
            eprintln!("{}", bus.history_text());
        }
    }
    let what = format!(
        "false NotReady in {pauses} pauses of {} ms, in each of {SUPERVISORS} supervisions, defaults",
        pause.as_millis()
    );
    row(&what, "number", alarms, aim);
    Ok(())
}

// Cost.

/// Measures the cost of an idle `livebus watch` beside that of a bare producer, with the node up and with it dead. Restarts
/// the node at the end.
fn idle_cost(node: &mut KafkaNode, span: Duration) -> anyhow::Result<()> {
    let servers = node.bootstrap_servers();
    let watch = Watch::start(&servers, &["--topic", TOPIC])?;
    let fast = Watch::start(&servers, &["--topic", TOPIC, "--preset", "fast"])?;
    let bare = ChildProcess::start(&env::current_exe()?, &[BARE_PRODUCER, &servers])?;
    let processes = [
        ("`livebus watch`, defaults", watch.process.id()),
        ("`livebus watch`, fast", fast.process.id()),
        ("a bare rdkafka producer", bare.id()),
    ];
    cost(&processes, "up", span)?;
    node.kill()?;
    cost(&processes, "dead", span)?;
    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    Ok(())
}

fn cost(processes: &[(&str, u32)], node: &str, span: Duration) -> anyhow::Result<()> {
    // Leaves out the cost of the start or the death itself.
    thread::sleep(Duration::from_secs(5));
    let begin = Instant::now();
    let mut costs: Vec<_> = processes
        .iter()
        .map(|(_, id)| Cost::new(*id))
        .collect::<Result<_, _>>()?;
    while begin.elapsed() < span {
        thread::sleep(Duration::from_millis(500));
        for cost in &mut costs {
            cost.sample()?;
        }
    }
    for ((name, _), cost) in processes.iter().zip(&costs) {
        let target = match (name.contains("defaults"), node) {
            (true, "up") => "at most 0.4 more than the bare one",
            (true, _) => "at most 1",
            (false, _) => "",
        };
        row(
            &format!("CPU of {name}, idle, node {node}"),
            "ms/s",
            vec![cost.cpu()],
            target,
        );
        let target = if name.contains("defaults") {
            "at most 16"
        } else {
            ""
        };
        row(
            &format!("memory of {name}, idle, node {node}"),
            "MiB",
            vec![cost.memory()],
            target,
        );
    }
    Ok(())
}

/// Runs librdkafka alone: a producer at its defaults that has sent one record and is polled four times a second.
///
/// It has nothing more to send, so it does not even reconnect when the node is gone.
fn bare_producer(servers: &str) -> anyhow::Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()?;
    let record = BaseRecord::<(), [u8]>::to(TOPIC).payload(b"?");
    producer.send(record).map_err(|(error, _)| error)?;
    producer.flush(START_LIMIT)?;
    loop {
        // Not whole milliseconds: rdkafka spins through what is left of the last one.
        producer.poll(Duration::from_micros(250_200));
    }
}

// Figures.

fn row(what: &str, unit: &str, mut figures: Vec<f64>, target: &str) {
    figures.sort_by(f64::total_cmp);
    let (Some(min), Some(max)) = (figures.first(), figures.last()) else {
        return;
    };
    let middle = figures.len() / 2;
    let median = if figures.len().is_multiple_of(2) {
        f64::midpoint(figures[middle - 1], figures[middle])
    } else {
        figures[middle]
    };
    let digits = if unit == "ms/s" {
        2
    } else {
        usize::from(unit == "MiB")
    };
    println!(
        "| {what} | {unit} | {} | {min:.digits$} | {median:.digits$} | {max:.digits$} | {target} |",
        figures.len()
    );
}

/// Returns the milliseconds from one instant to another; negative if the second is earlier.
fn millis(from: Instant, to: Instant) -> f64 {
    let forth = to.saturating_duration_since(from).as_secs_f64();
    let back = from.saturating_duration_since(to).as_secs_f64();
    (forth - back) * 1_000.0
}
