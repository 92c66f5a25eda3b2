//! Scenarios on a real Apache Kafka: `cargo test -p livebus-tests --test real_kafka [-- part of a name]`.
//!
//! Where Java or Maven is missing, every scenario is reported as ignored, with the reason; with `LIVEBUS_REQUIRE_KAFKA=1`
//! in the environment as failed.
//!
//! To add a scenario, write `pub(crate) fn name(context: &Context) -> anyhow::Result<()>` in a file beside this one, and a
//! line with its sentence in the table of its kind. It runs on each of the [`Context::hosts`], or on some of them, and takes
//! one of two kinds of node from its [`Context`]:
//!
//! - [`Context::shared_node`], if it only produces, consumes, and has topics with names of its own. The first scenario that
//!   needs the node starts it and all use it, which saves each of them some five seconds. No scenario can disturb it: that
//!   needs a `&mut KafkaNode`.
//! - [`Context::own_node`], if it kills or stops the node, or needs other options.

use std::env;
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use livebus_tests::apache_kafka;
use livebus_tests::host::Host;
use livebus_tests::is_enabled;

mod context;
mod harness;
mod outages;
mod probes;
mod program;
mod shutdown;
mod topics;

use context::{Context, SharedNode};

/// A sentence that states what must be true, and the function that checks it.
type Scenario = (&'static str, fn(&Context) -> anyhow::Result<()>);

/// The folder of its recordings in `tests/recordings/`, its sentence, and its function.
type Recorded = (
    &'static str,
    &'static str,
    fn(&Context) -> anyhow::Result<()>,
);

/// Tests of the harness itself.
const HARNESS: &[Scenario] = &[
    (
        "a message of an independent client is acknowledged",
        harness::message_is_acknowledged,
    ),
    (
        "without auto-creation an unknown topic is refused",
        harness::unknown_topic_is_refused,
    ),
    (
        "with auto-creation an unknown topic is created",
        harness::unknown_topic_is_created,
    ),
    (
        "a created topic has its partitions until it is deleted",
        harness::topic_is_created_and_deleted,
    ),
    (
        "a killed node answers again at the same address",
        harness::killed_node_comes_back,
    ),
    (
        "a stopped node is silent until it continues",
        harness::stopped_node_is_silent,
    ),
    (
        "a terminated node ends and can be started again",
        harness::terminated_node_ends,
    ),
    (
        "a node that cannot start says why",
        harness::failed_start_says_why,
    ),
    (
        "a panic leaves neither process nor folder",
        harness::panic_leaves_nothing,
    ),
    (
        "a killed test process leaves neither process nor folder",
        harness::killed_test_leaves_nothing,
    ),
    (
        "a node outlives the thread that started it",
        harness::node_outlives_its_thread,
    ),
];

/// Each runner on one real node.
///
/// They check the order of the changes, their causes and their warnings. They check a duration only where livebus guarantees a
/// bound.
const RUNNER: &[Recorded] = &[
    (
        "01-outages-in-order",
        "a late start, a kill, a hang and a restart are followed in order",
        outages::every_outage_is_followed,
    ),
    (
        "02-hang-and-kill",
        "at the defaults a hang and a kill have different causes",
        outages::hang_and_kill_have_different_causes,
    ),
    (
        "03-short-pauses",
        "pauses shorter than the tolerance change nothing",
        outages::short_pauses_change_nothing,
    ),
    (
        "04-missing-topic-warning",
        "a missing topic is a warning with a remedy until it is created",
        topics::missing_topic_is_a_warning,
    ),
    (
        "05-missing-topic-not-ready",
        "with strict rejection a missing topic is not ready until it is created",
        topics::missing_topic_is_not_ready_if_strict,
    ),
    (
        "06-topic-created-by-livebus",
        "livebus creates the topic if it is allowed to",
        topics::topic_is_created_by_livebus,
    ),
    (
        "07-checks-by-metadata",
        "checks by metadata need no topic",
        topics::metadata_needs_no_topic,
    ),
    (
        "08-shutdown-in-every-phase",
        "a shutdown ends in order and within its bound in every phase",
        shutdown::shutdown_ends_in_order_in_every_phase,
    ),
    (
        "09-probes-within-the-bound",
        "no probe is ready beyond the bound and livez stays 200",
        probes::readyz_is_never_200_beyond_the_bound,
    ),
];

/// The program, as its users run it.
const PROGRAM: &[Scenario] = &[
    (
        "it reports a killed broker and stops in order on a signal, at once on two",
        program::program_reports_and_stops_in_order,
    ),
    (
        "a panic of the test leaves no process of the program",
        program::panic_leaves_no_program,
    ),
];

/// The number of scenarios that run at the same time, unless `--test-threads` sets it. A JVM that starts keeps a core busy for
/// seconds; with more of them than cores, the scenarios would delay each other beyond their deadlines.
const TEST_THREADS: usize = 2;

fn main() -> ExitCode {
    if env::var_os(harness::HOLD_A_NODE).is_some() {
        return harness::hold_a_node();
    }

    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TEST_THREADS);

    // The trials own the shared node: when all of them have run it is gone, before the process exits.
    let shared = Arc::new(SharedNode::default());
    let context = |folder, hosts| Context::new(folder, hosts, Arc::clone(&shared));
    let mut trials = Vec::new();
    for &(sentence, scenario) in HARNESS {
        let context = context("", &[]);
        trials.push(trial(format!("harness: {sentence}"), scenario, context));
    }
    for (kind, hosts) in [("tokio", Host::TOKIO), ("async-std", Host::ASYNC_STD)] {
        for &(folder, sentence, scenario) in RUNNER {
            let context = context(folder, hosts);
            trials.push(trial(format!("{kind}: {sentence}"), scenario, context));
        }
    }
    for &(sentence, scenario) in PROGRAM {
        let context = context("", &[]);
        trials.push(trial(format!("program: {sentence}"), scenario, context));
    }
    drop(shared);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, scenario: fn(&Context) -> anyhow::Result<()>, context: Context) -> Trial {
    // Checked once, and only when a scenario is about to run: `--list` needs no Java.
    static AVAILABILITY: LazyLock<Result<(), String>> = LazyLock::new(apache_kafka::availability);

    Trial::ignorable_test(name, move || match &*AVAILABILITY {
        Ok(()) => match scenario(&context) {
            Ok(()) => Ok(Completion::Completed),
            Err(error) => Err(Failed::from(format!("{error:?}"))),
        },
        Err(reason) if kafka_is_required() => Err(Failed::from(reason)),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

/// Returns whether scenarios fail on a machine without Kafka; otherwise they are ignored.
fn kafka_is_required() -> bool {
    is_enabled("LIVEBUS_REQUIRE_KAFKA")
}
