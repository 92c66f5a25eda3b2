//! Request handlers beside other consumers, side by side on one real node: `cargo bench -p livebus-tests --bench peers`.
//!
//! Each consumer is a process of its own, and reads the same records with the same settings. They take turns, forwards and backwards, so
//! that a noisy machine harms all of them; each turn is compared with the request handler of the same round. The first run fetches the
//! Parallel Consumer with Maven and builds franz-go with Go; a consumer that cannot be built is left out, with the reason.
//! `-- --help` lists the options; the default is quick. For figures: `-- --records 10000000 --pairs 5`.

mod consumers;
mod programs;
mod rows;
mod topics;
mod turn;

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, Outside};
use livebus_tests::slow_network::{Link, SlowNetwork};

use crate::programs::Programs;
use crate::rows::Row;
use crate::turn::{Turn, measure};

const START_LIMIT: Duration = Duration::from_secs(90);

#[derive(Debug, Parser)]
struct Options {
    /// The records of the row `throughput`.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How often each consumer takes its turn.
    #[arg(long, default_value_t = 1)]
    pairs: usize,
    /// The rows to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Row::ALL)]
    rows: Vec<Row>,
    /// The consumers to measure beside the request handler; all, if there is none.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// Cargo sets it.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    consumer: Option<Consumer>,
}

/// One consumer, in a process of its own.
#[derive(Debug, Subcommand)]
enum Consumer {
    #[command(hide = true)]
    Consume(Task),
}

/// What a consumer is to do. The other programs have these arguments in the same order.
#[derive(Debug, Clone, Args)]
struct Task {
    name: String,
    servers: String,
    topic: String,
    group: String,
    row: Row,
    records: u64,
    calls: u32,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match &options.consumer {
        Some(Consumer::Consume(task)) => consumers::consume(task),
        None => compare(&options),
    }
}

fn compare(options: &Options) -> anyhow::Result<()> {
    let programs = Programs::build()?;
    let network = SlowNetwork::listen()?;
    let outside = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let mut node = KafkaNode::new(&NodeOptions {
        outside: Some(Outside {
            port: outside.port(),
            advertised: network.local_addr()?.to_string(),
            protocol: "PLAINTEXT",
        }),
        ..NodeOptions::default()
    })?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    let direct = Link {
        round_trip: Duration::ZERO,
        bytes_per_second: None,
    };
    let network = SlowNetwork::start(network, outside, direct)?;
    for &row in &options.rows {
        let records = row.records(options.records);
        node.create_topic(row.topic(), 1)?;
        topics::fill(&node.bootstrap_servers(), row, records)?;
        let mut names = programs.consumers(row);
        names.retain(|name| {
            options.peers.is_empty()
                || *name == rows::LIVEBUS
                || options.peers.iter().any(|it| it == name)
        });
        let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); names.len()];
        for round in 0..options.pairs {
            let mut order: Vec<usize> = (0..names.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for index in order {
                let name = names[index];
                let task = Task {
                    name: name.to_owned(),
                    servers: if row.counts_bytes() {
                        network.address().to_string()
                    } else {
                        node.bootstrap_servers()
                    },
                    topic: row.topic().to_owned(),
                    group: format!("{}-{name}-{round}", row.topic()),
                    row,
                    records: row.records_of(name, records),
                    calls: row.calls(),
                };
                let turn = measure(&programs.command(&task), &task, &network)?;
                eprintln!("{} {round} {name}: {turn:?}", row.topic());
                turns[index].push(turn);
            }
        }
        rows::print(row, records, &names, &turns);
    }
    Ok(())
}
