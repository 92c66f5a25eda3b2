//! The original library of VOLTHA and livebus call each other: `cargo bench -p livebus-tests --bench voltha_interop`.
//!
//! With two versions of the original, one for each form of the timestamp in Go, and Kafka 3.9.1, since it does not work with Kafka 4: a
//! livebus service calls it in each way that it answers, is called by it, and devices are announced in both directions; before the
//! broker is killed, while it is away, and after it was started again. It prints a table, and fails if an outcome is another one than it must be. The
//! first run fetches and builds the peers with Go.

mod calls;
mod ours;
mod peers;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_tests::apache_kafka::{KafkaNode, KafkaVersion, NodeOptions};

use crate::calls::{DEADLINE, Tally};
use crate::ours::Ours;
use crate::peers::{Peer, Version};

const LIVENESS_TOPIC: &str = "livebus-liveness";
const START_LIMIT: Duration = Duration::from_mins(2);
/// How long either side may take until it works again after the restart of the broker.
const RECOVERY_LIMIT: Duration = Duration::from_mins(1);
/// How long calls are made before the broker is killed.
const BEFORE_THE_KILL: Duration = Duration::from_secs(1);
/// The original replies to any of them.
const PARTITIONS: i32 = 3;
const AT_ONCE: usize = 100;

/// The topics of one run.
pub(crate) struct Topics {
    /// Requests to the original.
    pub(crate) adapter: String,
    /// Requests to livebus.
    pub(crate) ours: String,
    pub(crate) our_replies: String,
    /// Replies to the original.
    pub(crate) core: String,
    /// Announcements of the original.
    pub(crate) to_us: String,
    /// Announcements of livebus.
    pub(crate) from_us: String,
}

impl Topics {
    fn create(node: &KafkaNode, version: Version) -> anyhow::Result<Self> {
        let create = |name: &str| {
            let topic = format!("{name}-{}", version.number());
            node.create_topic(&topic, PARTITIONS)?;
            anyhow::Ok(topic)
        };
        Ok(Self {
            adapter: create("adapter")?,
            ours: create("ours")?,
            our_replies: create("our-replies")?,
            core: create("core")?,
            to_us: create("to-us")?,
            from_us: create("from-us")?,
        })
    }
}

fn main() -> anyhow::Result<()> {
    let programs = Version::ALL.map(|version| version.build().map(|program| (version, program)));
    let mut node = KafkaNode::new(&NodeOptions {
        version: KafkaVersion::BeforeKafka4,
        ..NodeOptions::default()
    })?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(LIVENESS_TOPIC, 1)?;
    println!("| original | broker | check | outcome | time |\n|---|---|---|---|---|");
    for program in programs {
        let (version, program) = program?;
        Run::start(&node, version, &program)?.through_a_kill(&mut node)?;
    }
    Ok(())
}

/// One version of the original, and a livebus service.
struct Run {
    version: Version,
    ours: Ours,
    topics: Topics,
    _callee: Peer,
    caller: Peer,
    announcer: Peer,
    listener: Peer,
    /// Where the broker is, for the table.
    broker: &'static str,
    devices: u32,
}

impl Run {
    fn start(node: &KafkaNode, version: Version, program: &Path) -> anyhow::Result<Self> {
        let servers = node.bootstrap_servers();
        let topics = Topics::create(node, version)?;
        let peer = |mode: &[&str]| {
            let peer = Peer::start(program, &servers, mode);
            peer.with_context(|| format!("the peer {mode:?}"))
        };
        let run = Self {
            version,
            _callee: peer(&["callee", &topics.adapter])?,
            caller: peer(&["caller", &topics.core])?,
            announcer: peer(&["announcer", &topics.core, &topics.to_us])?,
            listener: peer(&["listener", &topics.from_us])?,
            ours: Ours::start(&servers, version.form(), &topics)?,
            topics,
            broker: "works",
            devices: 0,
        };
        run.ours.wait_until_ready_is(true)?;
        Ok(run)
    }

    fn through_a_kill(mut self, node: &mut KafkaNode) -> anyhow::Result<()> {
        self.check_all()?;
        self.kill_while_it_calls(node)?;
        self.broker = "is killed";
        self.check_the_outage()?;
        node.restart()?;
        self.ours.wait_until_ready_is(true)?;
        self.broker = "works again";
        self.wait_for_the_original()?;
        self.check_all()
    }

    /// Kills the broker with calls in flight. Each ends by its deadline.
    fn kill_while_it_calls(&self, node: &mut KafkaNode) -> anyhow::Result<()> {
        let stop = AtomicBool::new(false);
        let calls = &self.ours.calls;
        let tally = thread::scope(|scope| {
            let calls = scope.spawn(|| calls.call_until(&stop));
            thread::sleep(BEFORE_THE_KILL);
            let killed = node.kill();
            let ready = killed.and_then(|()| self.ours.wait_until_ready_is(false));
            stop.store(true, Ordering::Relaxed);
            let tally = calls.join().expect("a panic ends the program");
            ready.and(tally)
        })?;
        let Tally {
            done,
            not_sent,
            unknown,
            expired,
            longest,
        } = tally;
        let outcome = format!(
            "{done} done, {unknown} unknown, {expired} without a reply, {not_sent} not sent"
        );
        self.row(
            "livebus calls Echo through the kill; the longest",
            &outcome,
            longest,
        );
        ensure!(done > 0, "no call was replied before the kill");
        ensure!(unknown + expired + not_sent > 0, "the kill met no call");
        Ok(())
    }

    fn check_all(&mut self) -> anyhow::Result<()> {
        for (method, expected) in [
            ("Echo", "done text"),
            ("Fail", "failed 0 no such device"),
            ("Nothing", "done without a result"),
            ("NoMessage", "done without a result"),
            ("Unknown", UNSUPPORTED),
            ("Lose", EXPIRED),
            ("Neither", EXPIRED),
        ] {
            let (outcome, took) = self.ours.calls.call(method, "text");
            self.row(&format!("livebus calls {method}"), &outcome, took);
            ensure!(outcome == expected, "it must be {expected:?}");
            ensure!(took < DEADLINE + Duration::from_secs(1), "it took {took:?}");
        }
        let took = self.ours.calls.echo_at_once(AT_ONCE)?;
        self.row(
            "livebus calls Echo 100 times at once",
            "each its own text",
            took,
        );
        for (method, expected) in [
            ("Echo", "done text"),
            ("Fail", "failed 7 no such device"),
            ("Nothing", "done without a result"),
            ("Unknown", "failed 0 method-not-found \"Unknown\""),
        ] {
            let (outcome, took) = self.ask(method)?;
            self.row(&format!("the original calls {method}"), &outcome, took);
            ensure!(outcome == expected, "it must be {expected:?}");
        }
        self.announce_both_ways()
    }

    fn announce_both_ways(&mut self) -> anyhow::Result<()> {
        self.devices += 1;
        let device = format!("onu-{}", self.devices);
        let begin = Instant::now();
        let (sent, _) = self.announcer.ask(&format!("{device} onu olt original"))?;
        ensure!(sent == "sent", "the original could not announce: {sent}");
        let received = self.ours.device()?;
        self.row(
            "the original announces a device",
            &received,
            begin.elapsed(),
        );
        let expected = format!("{} {device} onu olt original", self.topics.core);
        ensure!(received == expected, "it must be {expected:?}");
        let begin = Instant::now();
        self.ours.announce(&device)?;
        let received = self.listener.line()?;
        self.row("livebus announces a device", &received, begin.elapsed());
        let expected = format!("DEVICE_DISCOVERED livebus {device} onu olt livebus");
        ensure!(received == expected, "it must be {expected:?}");
        Ok(())
    }

    fn check_the_outage(&mut self) -> anyhow::Result<()> {
        let (outcome, took) = self.ours.calls.call("Echo", "text");
        self.row("livebus calls Echo", &outcome, took);
        ensure!(
            outcome.starts_with("not sent: the bus cannot be used"),
            "it must fail at once"
        );
        ensure!(took < Duration::from_millis(100), "it took {took:?}");
        let (outcome, took) = self.ask("Echo")?;
        self.row("the original calls Echo", &outcome, took);
        ensure!(outcome.starts_with("failed 2"), "it must time out");
        Ok(())
    }

    /// The original finds the broker again some time after it works: it retries every two seconds, and its consumers begin at the end.
    fn wait_for_the_original(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while self.ours.calls.call("Echo", "text").0 != "done text" {
            ensure!(
                begin.elapsed() < RECOVERY_LIMIT,
                "the original's callee does not come back"
            );
        }
        self.row(
            "livebus calls Echo until it is replied",
            "done text",
            begin.elapsed(),
        );
        let begin = Instant::now();
        while self.ask("Echo")?.0 != "done text" {
            ensure!(
                begin.elapsed() < RECOVERY_LIMIT,
                "the original's caller does not come back"
            );
        }
        self.row(
            "the original calls Echo until it is replied",
            "done text",
            begin.elapsed(),
        );
        Ok(())
    }

    /// Lets the original call a method of livebus.
    fn ask(&mut self, method: &str) -> anyhow::Result<(String, Duration)> {
        let line = format!("{} {method} text", self.topics.ours);
        self.caller.ask(&line)
    }

    fn row(&self, check: &str, outcome: &str, took: Duration) {
        let (version, broker) = (self.version.number(), self.broker);
        let millis = took.as_secs_f64() * 1_000.0;
        println!("| {version} | {broker} | {check} | {outcome} | {millis:.1} ms |");
    }
}

const UNSUPPORTED: &str = "it is not known whether the request was executed: the callee refused it (there is no such method), and may have run it before";
const EXPIRED: &str =
    "no reply before the deadline: the request may have been executed, or may still be";
