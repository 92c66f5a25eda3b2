//! Tests of the harness itself: nodes that start, stop, hang and end as requested.

use std::env;
use std::io::{BufRead, BufReader};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use livebus_tests::apache_kafka::{self, KafkaNode, NodeOptions, is_running};
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::context::{Context, START_LIMIT};

/// The maximum time for a simple operation of a node that works.
const OPERATION_LIMIT: Duration = Duration::from_secs(10);

/// The time without an answer after which a node counts as silent: a thousand times what an answer takes.
const SILENCE: Duration = Duration::from_secs(3);

pub(crate) fn message_is_acknowledged(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    node.create_topic("acknowledged", 1)?;
    node.client().produce("acknowledged", OPERATION_LIMIT)?;
    Ok(())
}

pub(crate) fn unknown_topic_is_refused(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let refusal = node.client().produce("never-created", OPERATION_LIMIT);
    let code = refusal
        .err()
        .context("the message was acknowledged")?
        .rdkafka_error_code();
    ensure!(
        matches!(
            code,
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
        ),
        "refused for another reason: {code:?}",
    );
    ensure!(
        partitions(node, "never-created")? == 0,
        "the topic was created"
    );
    Ok(())
}

pub(crate) fn unknown_topic_is_created(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions {
        auto_create_topics: true,
        ..NodeOptions::default()
    })?;
    node.client()
        .produce("created-on-demand", OPERATION_LIMIT)?;
    Ok(())
}

pub(crate) fn topic_is_created_and_deleted(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    node.create_topic("ephemeral", 3)?;
    ensure!(partitions(node, "ephemeral")? == 3);
    node.delete_topic("ephemeral")?;
    ensure!(partitions(node, "ephemeral")? == 0);
    node.create_topic("ephemeral", 2)?;
    ensure!(partitions(node, "ephemeral")? == 2);
    node.delete_topic("ephemeral")
}

pub(crate) fn killed_node_comes_back(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let client = node.client();
    node.create_topic("kept", 1)?;
    client.produce("kept", OPERATION_LIMIT)?;

    node.kill()?;
    ensure!(
        client.produce("kept", SILENCE).is_err(),
        "a dead node acknowledged a message"
    );
    ensure!(node.stop().is_err(), "a dead node took a signal");

    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    client
        .produce("kept", OPERATION_LIMIT)
        .context("the address or the topic is not the same")?;
    Ok(())
}

pub(crate) fn stopped_node_is_silent(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.stop()?;
    ensure!(
        node.wait_until_it_answers(SILENCE).is_err(),
        "a stopped node answered"
    );
    node.cont()?;
    node.wait_until_it_answers(OPERATION_LIMIT)?;
    Ok(())
}

pub(crate) fn terminated_node_ends(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let id = node
        .process_id()
        .context("a node that answers has a process")?;
    node.terminate(START_LIMIT)?;
    ensure!(!is_running(id));
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    Ok(())
}

pub(crate) fn failed_start_says_why(_: &Context) -> anyhow::Result<()> {
    let invalid = vec![("num.network.threads".to_owned(), "many".to_owned())];
    let refusal = KafkaNode::new(&NodeOptions {
        properties: invalid,
        ..NodeOptions::default()
    });
    let error = format!(
        "{:?}",
        refusal.err().context("an invalid property was accepted")?
    );
    ensure!(
        error.contains("num.network.threads"),
        "the reason is missing: {error}"
    );
    Ok(())
}

pub(crate) fn panic_leaves_nothing(context: &Context) -> anyhow::Result<()> {
    let mut left = None;
    let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
        let mut node = context
            .own_node(&NodeOptions::default())
            .expect("a node starts");
        node.stop().expect("a node that answers can be stopped"); // A stopped one must end as well.
        left = Some(Remains::of(&node));
        panic::resume_unwind(Box::new("a panic that no hook reports"));
    }));
    ensure!(panicked.is_err());
    let left = left.context("the node did not start")?;
    ensure!(!is_running(left.process_id), "the process still runs");
    ensure!(!left.folder.exists(), "the folder is still there");
    Ok(())
}

pub(crate) fn killed_test_leaves_nothing(_: &Context) -> anyhow::Result<()> {
    let mut test = Command::new(env::current_exe()?)
        .env(HOLD_A_NODE, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = test.stdout.take().context("its output is piped")?;
    let left = Remains::read(BufReader::new(output));
    test.kill()?;
    test.wait()?;

    let left = left?;
    let deadline = Instant::now() + OPERATION_LIMIT;
    while is_running(left.process_id) {
        let in_time = Instant::now() < deadline;
        ensure!(
            in_time,
            "the process {} still runs; is there a setpriv (util-linux)?",
            left.process_id
        );
        thread::sleep(Duration::from_millis(10));
    }
    apache_kafka::sweep()?;
    ensure!(!left.folder.exists(), "the folder is still there");
    Ok(())
}

pub(crate) fn node_outlives_its_thread(context: &Context) -> anyhow::Result<()> {
    // `own_node` waits for an answer, so `setpriv` has done its work before the thread ends.
    let mut node = thread::scope(|scope| {
        let thread = scope.spawn(|| context.own_node(&NodeOptions::default()));
        thread.join().map_err(|_| anyhow!("the thread panicked"))?
    })?;
    node.wait_until_it_answers(OPERATION_LIMIT)?;
    Ok(())
}

/// With this variable the program only starts a node, prints where it is, and keeps it until the program is killed.
pub(crate) const HOLD_A_NODE: &str = "LIVEBUS_TESTS_HOLD_A_NODE";

/// Runs the test process that [`killed_test_leaves_nothing`] kills.
pub(crate) fn hold_a_node() -> ExitCode {
    match Context::default().own_node(&NodeOptions::default()) {
        Ok(node) => {
            let left = Remains::of(&node);
            println!("{} {}", left.process_id, left.folder.display());
            loop {
                thread::park();
            }
        }
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

/// What must be gone after a node has ended.
struct Remains {
    process_id: u32,
    folder: PathBuf,
}

impl Remains {
    fn of(node: &KafkaNode) -> Self {
        let process_id = node.process_id().expect("the node was started");
        assert!(
            is_running(process_id),
            "the process runs before it is ended"
        );
        Self {
            process_id,
            folder: node.folder().to_owned(),
        }
    }

    /// Reads the line that [`hold_a_node`] writes.
    fn read(mut output: impl BufRead) -> anyhow::Result<Self> {
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (id, folder) = line
            .trim_end()
            .split_once(' ')
            .context("the child did not start a node")?;
        Ok(Self {
            process_id: id.parse()?,
            folder: Path::new(folder).to_owned(),
        })
    }
}

/// Returns the number of partitions of the topic; zero if there is no such topic.
fn partitions(node: &KafkaNode, topic: &str) -> anyhow::Result<usize> {
    let client: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", node.bootstrap_servers())
        .create()?;
    let metadata = client.client().fetch_metadata(None, OPERATION_LIMIT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    Ok(found.map_or(0, |found| found.partitions().len()))
}
