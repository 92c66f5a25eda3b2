//! Clients of gRPC that others wrote, through the kill of a real broker: `cargo bench -p livebus-tests --bench grpc_peers`.
//!
//! It asks the health service of `livebus watch --grpc` with grpc-health-probe, grpcurl and Python's grpcio, and watches it with two of
//! them. Every 20 ms it checks the order of the readers, also while the broker hangs. Beside that, clients with a retry policy (Python's grpcio, and grpc-go) call a service behind a gate, without a pause. It prints
//! a transcript, and fails when a client gets another answer than it must, or a retrying client an error. The first run fetches and builds
//! the clients with Go and pip.

mod client;
mod gated;
mod programs;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::child_process::ChildProcess;
use livebus_tests::program::executable;
use rustix::process::Signal;

use crate::client::{Running, expect, until};
use crate::gated::GatedService;
use crate::programs::Programs;

const START_LIMIT: Duration = Duration::from_mins(2);
/// How long the broker is missing before it is started again.
const OUTAGE: Duration = Duration::from_secs(3);
const TOPIC: &str = "livebus-liveness";

fn main() -> anyhow::Result<()> {
    let programs = Programs::build()?;
    let mut node = KafkaNode::new(&NodeOptions::default())?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    let gated = GatedService::start(&servers)?;

    let arguments = [
        "watch",
        "-b",
        &servers,
        "--grpc",
        "127.0.0.1:0",
        "--drain",
        "2s",
    ];
    println!("$ livebus watch -b KAFKA --grpc 127.0.0.1:0 --drain 2s");
    let mut watch = ChildProcess::start(executable()?, &arguments)?;
    let (changes, errors) = (watch.lines()?, watch.errors()?);
    let line = until(&errors, "grpc://")?;
    let address = line.rsplit("grpc://").next().unwrap_or_default().trim();
    until(&changes, " Running ")?;
    gated.wait_until_it_is(true)?;
    let mut clients = Clients::start(&programs, address, &gated)?;

    println!("\n# The bus works.");
    ask_all(&programs, address, "SERVING")?;
    let unknown = programs.probe(address, Some("orders"));
    expect(&unknown, &["NotFound", "unknown service"])?;
    clients.watches_show("SERVING")?;

    println!("\n# The broker is killed.");
    node.kill()?;
    let killed = Instant::now();
    until(&changes, " NotReady ")?;
    gated.wait_until_it_is(false)?;
    ask_all(&programs, address, "NOT_SERVING")?;
    clients.watches_show("NOT_SERVING")?;
    call_the_closed_gate(&programs, &gated)?;

    thread::sleep(OUTAGE.saturating_sub(killed.elapsed()));
    println!("\n# The broker is started again.");
    node.restart()?;
    until(&changes, " Running ")?;
    gated.wait_until_it_is(true)?;
    let outage = killed.elapsed().as_secs_f64();
    println!("# It works {outage:.0} s after the kill.");
    ask_all(&programs, address, "SERVING")?;
    clients.watches_show("SERVING")?;
    expect(&programs.grpcurl_say(&gated.address()), &["hello"])?;

    println!("\n# The watch is ended by SIGTERM.");
    watch.signal(Signal::TERM)?;
    clients.watches_show("NOT_SERVING")?;
    clients.end()?;
    let status = watch.wait()?;
    ensure!(status.success(), "livebus ended with {status}");

    println!("\n# The broker hangs.");
    node.stop()?;
    gated.wait_until_it_is(false)?;
    node.cont()?;
    gated.wait_until_it_is(true)?;
    let (polls, met) = gated.end_polls()?;
    println!(
        "gate, health service and probes in order at each of {polls} polls, 20 ms apart: {met:?}"
    );
    println!("\nall as expected");
    Ok(())
}

/// The clients that run all the time.
struct Clients {
    watches: [(&'static str, Running); 2],
    retrying: [(&'static str, Running); 2],
}

impl Clients {
    fn start(programs: &Programs, address: &str, gated: &GatedService) -> anyhow::Result<Self> {
        let watch = programs.python("health.py", &["watch", address]);
        let watches = [
            ("grpcurl", Running::start(&programs.grpcurl_watch(address))?),
            ("grpcio", Running::start(&watch)?),
        ];
        let gated = gated.address();
        let python = programs.python("retrying.py", &[&gated]);
        let retrying = [
            ("grpcio", Running::start(&python)?),
            ("grpc-go", Running::start(&programs.retrying_go(&gated))?),
        ];
        for (name, client) in &retrying {
            let begun = client.until("begun");
            begun.with_context(|| format!("{name} does not begin"))?;
        }
        Ok(Self { watches, retrying })
    }

    /// Waits until each watch shows this status, as its next one.
    fn watches_show(&mut self, status: &str) -> anyhow::Result<()> {
        for (name, client) in &mut self.watches {
            client.until_status(name, status)?;
        }
        Ok(())
    }

    /// Waits for the end of the watches, and ends the others, which must have seen no error.
    fn end(self) -> anyhow::Result<()> {
        let [_, (name, python)] = &self.watches;
        println!("{name}: {}", python.until("the stream has ended")?);
        println!("\n# The clients with a retry policy, all the time.");
        for (name, client) in self.retrying {
            let last = client.end(" errors of the application")?;
            println!("{name}: {last}");
            let none = last.contains(", 0 errors of the application");
            ensure!(none, "{name} saw errors");
        }
        Ok(())
    }
}

/// Calls the service behind the closed gate, without a retry.
fn call_the_closed_gate(programs: &Programs, gated: &GatedService) -> anyhow::Result<()> {
    let address = gated.address();
    let cause = "not ready: message-bus: NotReady";
    for kind in ["unary", "stream"] {
        let refused = programs.python("refused.py", &[&address, kind]);
        let parts = [
            "UNAVAILABLE: ",
            cause,
            "grpc-retry-pushback-ms: ",
            "RetryInfo: ",
        ];
        expect(&refused, &parts)?;
    }
    let refused = programs.grpcurl_say(&address);
    expect(&refused, &["Code: Unavailable", cause])
}

/// Asks the health service with every client.
fn ask_all(programs: &Programs, address: &str, status: &str) -> anyhow::Result<()> {
    let quoted = format!("\"{status}\"");
    let probe = if status == "SERVING" {
        "status: SERVING"
    } else {
        "service unhealthy (responded with \"NOT_SERVING\")"
    };
    expect(&programs.probe(address, None), &[probe])?;
    expect(&programs.probe(address, Some("message-bus")), &[probe])?;
    expect(&programs.grpcurl(address, "Check"), &[&quoted])?;
    expect(
        &programs.grpcurl(address, "List"),
        &[&quoted, "message-bus"],
    )?;
    expect(
        &programs.python("health.py", &["check", address]),
        &[status],
    )?;
    expect(
        &programs.python("health.py", &["check", address, "message-bus"]),
        &[status],
    )
}
