//! A real Apache Kafka to try services with: one broker, which is started again whenever it was killed.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, is_running};

/// The maximum time of a start.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How often the process is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Run a real Apache Kafka on this host, until this program ends. It needs Java 17 and Maven, which fetches Kafka once.
#[derive(Debug, Parser)]
struct Args {
    /// The port of the broker, at 127.0.0.1.
    #[arg(long, default_value_t = 9092)]
    port: u16,

    /// A topic to create, with one partition; may be repeated.
    #[arg(long = "topic", value_name = "NAME")]
    topics: Vec<String>,

    /// Write the process id of the broker to this file: `kill -KILL $(cat FILE)`.
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// How long the broker is gone after it was killed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    gone_for: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut node = KafkaNode::new(&NodeOptions {
        port: Some(args.port),
        ..NodeOptions::default()
    })?;
    let address = node.bootstrap_servers();
    let mut is_new = true;
    loop {
        node.start()?;
        let process = node.process_id().context("the broker was not started")?;
        if let Some(file) = &args.pid_file {
            fs::write(file, process.to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        node.wait_until_it_answers(START_LIMIT)?;
        if std::mem::take(&mut is_new) {
            for topic in &args.topics {
                node.create_topic(topic, 1)?;
            }
        }
        println!("Kafka at {address}");
        while is_running(process) {
            thread::sleep(INTERVAL);
        }
        println!("the broker was killed; it is gone for {} s", args.gone_for);
        thread::sleep(Duration::from_secs(args.gone_for));
    }
}
