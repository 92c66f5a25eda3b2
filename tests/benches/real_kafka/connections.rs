//! What clients cost a broker that is away or rejects them: connections and logins.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, Outside};
use livebus_tests::program::Watch;
use rustix::process::Signal;

use crate::bare_producer::{self, Work};
use crate::figures::row;
use crate::nodes::{self, NOWHERE};
use crate::plan::Plan;
use crate::subject::{Kind, Subject};
use crate::supervisions::TOPIC;
use crate::tcp::{accept_queue, failed_connects};

/// How long the nodes hang.
const HUNG: Duration = Duration::from_mins(1);
/// The time between the fault and the count.
const SETTLE: Duration = Duration::from_secs(3);
/// How long connects are counted.
const WINDOW: Duration = Duration::from_secs(8);
/// How long logins are counted.
const LOGINS: Duration = Duration::from_secs(30);

/// Counts connections to nodes that hang, that are dead, and to one that was never there. Each process has a node of its own.
pub(crate) fn measure(_: &Plan) -> anyhow::Result<()> {
    let options: [NodeOptions; 3] = Default::default();
    let mut nodes = nodes::start_all(&options)?;
    let servers: Vec<_> = nodes.iter().map(KafkaNode::bootstrap_servers).collect();
    let mut there = [
        Subject::at_defaults(&servers[0], "tokio")?,
        Subject::fast(&servers[1])?,
        Subject::bare(&servers[2], Work::EachSecond)?,
    ];
    for subject in &mut there {
        subject.wait_until_connected()?;
    }

    nodes.iter_mut().try_for_each(KafkaNode::stop)?;
    thread::sleep(HUNG);
    for (node, subject) in nodes.iter().zip(&there) {
        let name = &subject.name;
        let seconds = HUNG.as_secs();
        let what = format!("connections that a node hung for {seconds} s has to accept, of {name}");
        let target = match subject.kind {
            Kind::Defaults | Kind::Fast => "at most 2",
            Kind::Bare => "",
        };
        row(
            &what,
            "number",
            vec![accept_queue(port(node)?)?.into()],
            target,
        );
    }

    nodes.iter_mut().try_for_each(KafkaNode::kill)?;
    connects(&mut there, "dead")?;
    drop(there);
    let mut nowhere = [
        Subject::at_defaults(NOWHERE, "tokio")?,
        Subject::fast(NOWHERE)?,
        Subject::bare(NOWHERE, Work::EachSecond)?,
    ];
    connects(&mut nowhere, "never there")
}

/// Counts the connects of each process, which all fail, while the others are stopped: the system counts those of all.
fn connects(subjects: &mut [Subject], node: &str) -> anyhow::Result<()> {
    for subject in &mut *subjects {
        subject.process().signal(Signal::STOP)?;
    }
    for subject in subjects {
        subject.process().signal(Signal::CONT)?;
        thread::sleep(SETTLE);
        let begin = Instant::now();
        let before = failed_connects()?;
        thread::sleep(WINDOW);
        let connects = f64::from(failed_connects()?.wrapping_sub(before));
        let rate = connects / begin.elapsed().as_secs_f64();
        subject.process().signal(Signal::STOP)?;
        let what = format!("connects of {}, node {node}", subject.name);
        let target = match subject.kind {
            Kind::Defaults | Kind::Fast => "one per 250 ms: at most 4.2",
            Kind::Bare => "",
        };
        row(&what, "1/s", vec![rate], target);
    }
    Ok(())
}

/// Counts the logins with a wrong password. Each process has a node of its own.
pub(crate) fn measure_logins(_: &Plan) -> anyhow::Result<()> {
    let options = [with_password()?, with_password()?];
    let nodes = nodes::start_all(&options)?;
    let servers = options.map(|options| {
        let outside = options.outside.map(|outside| outside.advertised);
        outside.unwrap_or_default()
    });
    let properties = [
        "security.protocol=sasl_plaintext",
        "sasl.mechanisms=PLAIN",
        "sasl.username=service",
        "sasl.password=wrong",
    ];
    let mut arguments = vec!["--topic", TOPIC];
    arguments.extend(properties.iter().flat_map(|property| ["-X", property]));
    let _watch = Watch::start(&servers[0], &arguments)?;
    let _bare = bare_producer::start(Work::EachSecond, &servers[1], &properties)?;
    let names = [
        ("`livebus watch`, defaults", "at most 12"),
        (
            "a bare rdkafka producer that sends a record each second",
            "",
        ),
    ];

    thread::sleep(SETTLE);
    let begin = Instant::now();
    let before = rejected_logins(&nodes)?;
    thread::sleep(LOGINS);
    let after = rejected_logins(&nodes)?;
    let minutes = begin.elapsed().as_secs_f64() / 60.0;
    for ((before, after), (name, target)) in before.into_iter().zip(after).zip(names) {
        let what = format!("logins per minute with a wrong password, {name}");
        row(&what, "number", vec![(after - before) / minutes], target);
    }
    Ok(())
}

/// Returns the options of a node whose second listener asks for a password.
fn with_password() -> anyhow::Result<NodeOptions> {
    let port = nodes::free_port()?;
    let login = "org.apache.kafka.common.security.plain.PlainLoginModule required \
                 user_service=\"right\";";
    let property =
        |name: &str, value: &str| (format!("listener.name.outside.{name}"), value.into());
    Ok(NodeOptions {
        outside: Some(Outside {
            port,
            advertised: format!("127.0.0.1:{port}"),
            protocol: "SASL_PLAINTEXT",
        }),
        properties: vec![
            property("sasl.enabled.mechanisms", "PLAIN"),
            property("plain.sasl.jaas.config", login),
        ],
        ..NodeOptions::default()
    })
}

/// Returns how many logins each node has rejected, by its log.
fn rejected_logins(nodes: &[KafkaNode]) -> anyhow::Result<Vec<f64>> {
    let counts = nodes.iter().map(|node| {
        let log = fs::read_to_string(node.folder().join("kafka.log"))?;
        let rejected = log.matches("Failed authentication with").count();
        Ok(crate::figures::count(rejected))
    });
    counts.collect()
}

fn port(node: &KafkaNode) -> anyhow::Result<u16> {
    let servers = node.bootstrap_servers();
    let (_, port) = servers.rsplit_once(':').context("no port")?;
    Ok(port.parse()?)
}
