//! Requests and replies over Kafka, by livebus and by others, side by side on one real node: `cargo bench -p livebus-tests --bench calls`.
//!
//! Each pair of a caller and a callee is two processes, with a topic for its requests and one for its replies, of one partition each. The callee
//! replies with what it received. The pairs take turns, forwards and backwards, so that a noisy machine harms all of them. A turn measures each
//! load one after the other: so many calls at once, where each that ends is followed by the next. The first run builds the other programs with
//! Go; what cannot be built is left out, with the reason. `-- --help` lists the options; the default is quick.

mod calls;
mod programs;
mod report;
mod services;
mod turn;

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use livebus_tests::apache_kafka::{KafkaNode, KafkaVersion, NodeOptions};

use crate::calls::Load;
use crate::programs::Programs;
use crate::turn::{Turn, measure};

const START_LIMIT: Duration = Duration::from_secs(90);

#[derive(Debug, Parser)]
struct Options {
    /// What is measured: so many calls at once, and how many in total.
    #[arg(long, value_name = "AT_ONCE:CALLS", value_delimiter = ',', default_values = ["1:2000", "100:50000"])]
    loads: Vec<Load>,
    /// How often each pair takes its turn.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// The pairs to measure beside that on rdkafka alone; all, if there is none.
    #[arg(long, value_delimiter = ',')]
    pairs: Vec<String>,
    /// Use Kafka 3.9.1, and measure the original library of VOLTHA too, which works with no later one.
    #[arg(long)]
    before_kafka_4: bool,
    /// Cargo sets it.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    service: Option<Service>,
}

/// One side of a pair, in a process of its own.
#[derive(Debug, Subcommand)]
enum Service {
    #[command(hide = true)]
    Serve(Task),
}

/// What a process is to do. The other programs have these arguments in the same order.
#[derive(Debug, Clone, Args)]
struct Task {
    pair: String,
    role: Role,
    servers: String,
    requests: String,
    replies: String,
    /// The bytes of a request, and of its reply.
    bytes: usize,
    loads: Vec<Load>,
}

/// A side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Prints `ready` once it replies, and ends when it is killed.
    Callee,
    /// Prints `ready` once it can call, `begin AT_ONCE` before each load, and `end` with what it measured.
    Caller,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Callee => "callee",
            Self::Caller => "caller",
        }
    }
}

/// The bytes of a request, and of its reply.
const BYTES: usize = 100;

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    match &options.service {
        Some(Service::Serve(task)) => services::serve(task),
        None => compare(&options),
    }
}

fn compare(options: &Options) -> anyhow::Result<()> {
    let version = if options.before_kafka_4 {
        KafkaVersion::BeforeKafka4
    } else {
        KafkaVersion::Newest
    };
    let programs = Programs::build(version)?;
    let mut names = programs.pairs();
    names.retain(|name| {
        options.pairs.is_empty()
            || *name == services::BARE
            || options.pairs.iter().any(|it| it == name)
    });
    let mut node = KafkaNode::new(&NodeOptions {
        version,
        ..NodeOptions::default()
    })?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(services::LIVENESS_TOPIC, 1)?;
    let task = |name: &str, role| Task {
        pair: name.to_owned(),
        role,
        servers: node.bootstrap_servers(),
        requests: format!("{name}-requests"),
        replies: format!("{name}-replies"),
        bytes: BYTES,
        loads: options.loads.clone(),
    };
    for name in &names {
        let task = task(name, Role::Callee);
        node.create_topic(&task.requests, 1)?;
        node.create_topic(&task.replies, 1)?;
    }
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); names.len()];
    for number in 0..options.turns {
        let mut order: Vec<usize> = (0..names.len()).collect();
        if number % 2 == 1 {
            order.reverse();
        }
        for index in order {
            let replies = programs.command(&task(names[index], Role::Callee));
            let calls = programs.command(&task(names[index], Role::Caller));
            let turn = measure(&replies, &calls, &options.loads)?;
            eprintln!("{number} {}: {turn:?}", names[index]);
            turns[index].push(turn);
        }
    }
    for (index, load) in options.loads.iter().enumerate() {
        report::print(*load, index, &names, &turns);
    }
    Ok(())
}
