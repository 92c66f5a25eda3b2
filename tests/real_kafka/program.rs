//! The program: its output, its probes, and its end.

use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::{NodeOptions, is_running};
use livebus_tests::http::get;
use livebus_tests::program::Watch;
use rustix::process::Signal;
use serde_json::Value;

use crate::context::Context;

const TOPIC: &str = "programmed";

/// The time after the first signal from which another one ends the program at once.
const IMPATIENCE: Duration = Duration::from_millis(1_001);

const ARGUMENTS: &[&str] = &["--topic", TOPIC, "--preset", "fast"];

pub(crate) fn program_reports_and_stops_in_order(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    let mut draining = Watch::start(&servers, &[ARGUMENTS, &["--drain", "1h"]].concat())?;
    let no_drain = [ARGUMENTS, &["--drain", "0s"]].concat();
    let mut interrupted = Watch::start(&servers, &no_drain)?;
    let mut terminated = Watch::start(&servers, &no_drain)?;
    for watch in [&draining, &interrupted, &terminated] {
        until(watch, "Running", "Evidence")?;
        let live = get(watch.probes, "/livez")?;
        ensure!(live.status == 200, "{live:?}");
        let ready = get(watch.probes, "/readyz")?;
        ensure!(ready.status == 200, "{ready:?}");
    }

    draining.process.signal(Signal::INT)?;
    until(&draining, "NotReady", "ShuttingDown")?;
    let ready = get(draining.probes, "/readyz")?;
    ensure!(ready.status == 503, "{ready:?}");
    thread::sleep(IMPATIENCE);
    draining.process.signal(Signal::INT)?;
    ensure!(draining.process.wait()?.code() == Some(130));
    ensure!(draining.next()?.is_none(), "a line after the last");

    node.kill()?;
    for watch in [&interrupted, &terminated] {
        let line = until(watch, "NotReady", "LivenessFailed")?;
        let class = &line["failure"]["class"];
        ensure!(class == "Unreachable" || class == "Timeout", "{line}");
        ensure!(line["failure"]["remedy"].is_string(), "{line}");
        ensure!(get(watch.probes, "/readyz")?.status == 503);
        ensure!(get(watch.probes, "/livez")?.status == 200);
    }

    for (watch, signal) in [
        (&mut interrupted, Signal::INT),
        (&mut terminated, Signal::TERM),
    ] {
        watch.process.signal(signal)?;
        until(watch, "NotReady", "ShuttingDown")?;
        until(watch, "Stopped", "ShutDown")?;
        ensure!(watch.next()?.is_none(), "a line after the last");
        ensure!(watch.process.wait()?.code() == Some(0));
    }
    Ok(())
}

pub(crate) fn panic_leaves_no_program(_: &Context) -> anyhow::Result<()> {
    let mut left = None;
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        // A port on which nothing listens.
        let watch = Watch::start("127.0.0.1:1", ARGUMENTS).expect("the program starts");
        left = Some(watch.process.id());
        assert!(
            is_running(watch.process.id()),
            "the program runs before the panic"
        );
        panic::resume_unwind(Box::new("a panic that no hook reports"));
    }));
    ensure!(panicked.is_err());
    let left = left.context("the program did not start")?;
    ensure!(!is_running(left), "the program still runs");
    Ok(())
}

/// Waits for the line with this status and cause, and returns it. Lines before it may only report a start, or the same
/// status with another cause.
fn until(watch: &Watch, status: &str, cause: &str) -> anyhow::Result<Value> {
    loop {
        let line = watch.next()?.context("the output has ended")?;
        for key in ["time", "service", "from"] {
            ensure!(line[key].is_string(), "no {key} in {line}");
        }
        if line["status"] == status && line["cause"] == cause {
            ensure!(line["warning"].is_null(), "{line}");
            return Ok(line);
        }
        let starts = line["status"] == "Preparing" || line["status"] == "Prepared";
        let still = line["status"] == line["from"] && line["from"] == "NotReady";
        ensure!(starts || still, "expected {status} by {cause}: {line}");
    }
}
