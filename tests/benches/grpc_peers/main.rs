//! Clients of gRPC that others wrote, through the kill of a real broker: `cargo bench -p livebus-tests --bench grpc_peers`.
//!
//! It asks the health service of `livebus watch --grpc` with grpc-health-probe, grpcurl and Python's grpcio, and watches it with two of
//! them. Beside that, clients with a retry policy (Python's grpcio, and grpc-go) call a service behind a gate, without a pause. It prints
//! a transcript, and fails when a client gets another answer than it must, or a retrying client an error. The first run fetches and builds
//! the clients with Go and pip.

mod gated;
mod programs;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::child_process::ChildProcess;
use livebus_tests::program::executable;
use rustix::process::Signal;

use crate::gated::GatedService;
use crate::programs::Programs;

const START_LIMIT: Duration = Duration::from_secs(120);
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

    let mut watches = [
        ("grpcurl", Running::start(&programs.grpcurl_watch(address))?),
        (
            "grpcio",
            Running::start(&programs.python("health.py", &["watch", address]))?,
        ),
    ];
    let retrying = [
        (
            "grpcio",
            Running::start(&programs.python("retrying.py", &[&gated.address()]))?,
        ),
        (
            "grpc-go",
            Running::start(&programs.retrying_go(&gated.address()))?,
        ),
    ];
    for (name, client) in &retrying {
        client
            .until("begun")
            .with_context(|| format!("{name} does not begin"))?;
    }

    println!("\n# The bus works.");
    ask_all(&programs, address, "SERVING")?;
    let unknown = programs.probe(address, Some("orders"));
    expect(&unknown, &["NotFound", "unknown service"])?;
    for (name, client) in &mut watches {
        client.until_status(name, "SERVING")?;
    }

    println!("\n# The broker is killed.");
    node.kill()?;
    let killed = Instant::now();
    until(&changes, " NotReady ")?;
    gated.wait_until_it_is(false)?;
    ask_all(&programs, address, "NOT_SERVING")?;
    for (name, client) in &mut watches {
        client.until_status(name, "NOT_SERVING")?;
    }
    for kind in ["unary", "stream"] {
        let refused = programs.python("refused.py", &[&gated.address(), kind]);
        let parts = [
            "UNAVAILABLE: not ready: message-bus: NotReady",
            "grpc-retry-pushback-ms: ",
            "RetryInfo: ",
        ];
        expect(&refused, &parts)?;
    }
    expect(
        &programs.grpcurl_say(&gated.address()),
        &["Code: Unavailable", "not ready: message-bus: NotReady"],
    )?;

    thread::sleep(OUTAGE.saturating_sub(killed.elapsed()));
    println!("\n# The broker is started again.");
    node.restart()?;
    until(&changes, " Running ")?;
    gated.wait_until_it_is(true)?;
    println!(
        "# It works {:.0} s after the kill.",
        killed.elapsed().as_secs_f64()
    );
    ask_all(&programs, address, "SERVING")?;
    for (name, client) in &mut watches {
        client.until_status(name, "SERVING")?;
    }
    expect(&programs.grpcurl_say(&gated.address()), &["hello"])?;

    println!("\n# The clients with a retry policy, all the time.");
    for (name, client) in retrying {
        let last = client.end(" errors of the application")?;
        println!("{name}: {last}");
        ensure!(
            last.contains(", 0 errors of the application"),
            "{name} saw errors"
        );
    }

    println!("\n# The watch is ended by SIGTERM.");
    watch.signal(Signal::TERM)?;
    for (name, client) in &mut watches {
        client.until_status(name, "NOT_SERVING")?;
    }
    watches[1].1.until("the stream has ended")?;
    println!("grpcio: the stream has ended");
    let status = watch.wait()?;
    ensure!(status.success(), "livebus ended with {status}");
    println!("\nall as expected");
    Ok(())
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

/// A command line of a client.
pub(crate) struct Command {
    program: std::path::PathBuf,
    arguments: Vec<String>,
    /// As a reader would write it.
    shown: String,
}

/// Runs a client to its end, and prints both. Its output must have these parts.
fn expect(command: &Command, parts: &[&str]) -> anyhow::Result<()> {
    println!("$ {}", command.shown);
    let output = std::process::Command::new(&command.program)
        .args(&command.arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.shown))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{}", said.trim_end());
    for part in parts {
        ensure!(said.contains(part), "{:?} is not in the output", part);
    }
    Ok(())
}

/// A client that runs on.
struct Running {
    process: ChildProcess,
    lines: Receiver<String>,
    /// The status that it printed last.
    status: Option<String>,
}

impl Running {
    fn start(command: &Command) -> anyhow::Result<Self> {
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let mut process = ChildProcess::start(&command.program, &arguments)?;
        let lines = process.lines()?;
        println!("$ {} &", command.shown);
        Ok(Self {
            process,
            lines,
            status: None,
        })
    }

    /// Waits for a line with `part`, and returns it.
    fn until(&self, part: &str) -> anyhow::Result<String> {
        until(&self.lines, part)
    }

    /// Waits until it prints the status, which must be the next one.
    fn until_status(&mut self, name: &str, status: &str) -> anyhow::Result<()> {
        let line = self.until("SERVING")?;
        let found = if line.contains("NOT_SERVING") {
            "NOT_SERVING"
        } else {
            "SERVING"
        };
        ensure!(
            self.status.as_deref() != Some(found),
            "{name}: {found} twice"
        );
        ensure!(found == status, "{name}: {found}, and not {status}");
        println!("{name}, watching: {found}");
        self.status = Some(found.to_owned());
        Ok(())
    }

    /// Ends it, and returns its line with `part`.
    fn end(mut self, part: &str) -> anyhow::Result<String> {
        self.process.signal(Signal::TERM)?;
        self.until(part)
    }
}

/// Waits for a line with `part`, and returns it.
fn until(lines: &Receiver<String>, part: &str) -> anyhow::Result<String> {
    loop {
        match lines.recv_timeout(START_LIMIT) {
            Ok(line) if line.contains(part) => return Ok(line),
            Ok(line) => ensure!(!line.contains("an error of the application"), "{line}"),
            Err(RecvTimeoutError::Timeout) => bail!("no line with {part:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before a line with {part:?}"),
        }
    }
}
