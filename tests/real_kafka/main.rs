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

mod advertised;
mod alone;
mod call_clients;
mod calls;
mod causes;
mod context;
mod handlers;
mod harness;
mod identity;
mod logins;
mod needed_topics;
mod outages;
mod own_clients;
mod probes;
mod program;
mod replicas;
mod shutdown;
mod slow_networks;
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

/// Request handlers, on each runtime.
const HANDLERS: &[Scenario] = &[
    (
        "handlers: numbered records are handled once each and in order",
        handlers::numbered_records_are_handled_once_each_in_order,
    ),
    (
        "handlers: a recording replays to the byte and tells of another policy",
        handlers::recording_replays_to_the_byte_and_tells_of_another_policy,
    ),
    (
        "handlers: a broker that is killed and restarted loses no record",
        handlers::killed_broker_loses_no_record,
    ),
    (
        "handlers: a second member takes partitions over without duplicates",
        handlers::second_member_takes_over_without_duplicates,
    ),
    (
        "handlers: a partition that stopped continues when its record succeeds",
        handlers::stopped_partition_continues_when_the_record_succeeds,
    ),
    (
        "handlers: a record that is skipped is passed",
        handlers::skipped_records_are_passed,
    ),
    (
        "handlers: a dead letter is written when its topic exists, and then passed",
        handlers::dead_letters_are_written_and_passed,
    ),
    (
        "handlers: a panic is a failure of its record",
        handlers::panics_are_failures,
    ),
    (
        "handlers: a missing topic is the cause until it exists",
        handlers::missing_topic_is_the_cause_until_it_exists,
    ),
    (
        "handlers: a broadcast is read by every instance and follows new partitions",
        handlers::broadcast_is_read_by_every_instance_and_follows_partitions,
    ),
    (
        "handlers: added partitions and topics of a pattern are read from their start",
        handlers::added_partitions_and_matching_topics_are_read_from_the_start,
    ),
    (
        "handlers: removed records stop the partition, or are passed by a policy",
        handlers::removed_records_stop_the_partition_or_are_passed,
    ),
    (
        "handlers: a deleted topic does not hold the positions of another one",
        handlers::deleted_topic_does_not_hold_the_positions_of_another_one,
    ),
    (
        "handlers: a busy handler replaces liveness messages, and a silent one does not",
        handlers::busy_handler_replaces_liveness_messages,
    ),
    (
        "handlers: a stopped broker is NotReady within the bound, though records are left",
        handlers::prefetched_records_prove_nothing,
    ),
    (
        "handlers: a hung or killed broker does not hold the shutdown",
        handlers::hung_or_killed_broker_does_not_hold_the_shutdown,
    ),
    (
        "handlers: results out of order survive a crash",
        handlers::results_out_of_order_survive_a_crash,
    ),
    (
        "handlers: an eager group is shared without duplicates",
        handlers::eager_group_is_shared_without_duplicates,
    ),
    (
        "handlers: a group of the newer protocol is shared without duplicates",
        handlers::group_of_the_newer_protocol_is_shared_without_duplicates,
    ),
    (
        "handlers: a fenced member makes its consumer again",
        handlers::fenced_member_makes_its_consumer_again,
    ),
    (
        "handlers: a slow function within narrow limits handles each record",
        handlers::slow_function_within_narrow_limits_handles_each_record,
    ),
    (
        "handlers: a function slower than the poll interval keeps its partition",
        handlers::function_slower_than_the_poll_interval_keeps_its_partition,
    ),
];

/// The clients of a caller, which need no runtime.
const CALL_CLIENTS: &[Scenario] = &[
    (
        "a reply that is written right after the assignment is fetched",
        call_clients::reply_after_the_assignment_is_fetched,
    ),
    (
        "no reply is missed, or fetched twice, across assignments and clients",
        call_clients::nothing_is_missed_across_assignments_and_clients,
    ),
    (
        "a missing topic or partition is the answer before the deadline",
        call_clients::missing_topic_is_the_answer_before_the_deadline,
    ),
    (
        "partitions that are added are read from their start",
        call_clients::added_partitions_are_read_from_their_start,
    ),
    (
        "a reply topic that was created again is read",
        call_clients::topic_that_was_created_again_is_read,
    ),
    (
        "requests arrive as they were handed over, also those queued at the close",
        call_clients::requests_arrive_as_they_were_handed_over,
    ),
    (
        "a request that is refused was not sent",
        call_clients::request_that_is_refused_was_not_sent,
    ),
    (
        "answers about requests are true across an outage",
        call_clients::answers_are_true_across_an_outage,
    ),
    (
        "no request is written twice across a rolling restart",
        call_clients::no_request_is_written_twice_across_a_rolling_restart,
    ),
    (
        "denied topics are reported until they are allowed",
        call_clients::denied_topics_are_reported_until_they_are_allowed,
    ),
    (
        "a hung or dead broker does not hold the close",
        call_clients::hung_or_dead_broker_does_not_hold_the_close,
    ),
    (
        "replies of a handler are sent, and failures reported",
        call_clients::replies_of_a_handler_are_sent,
    ),
    (
        "a dead leader of replies is reported within the bound, and its return",
        call_clients::dead_leader_of_replies_is_reported_within_the_bound,
    ),
];

/// Callers and call handlers, on each runtime.
const CALLS: &[Scenario] = &[
    (
        "calls: services call each other, and each is ready for itself",
        calls::services_call_each_other_and_each_is_ready_for_itself,
    ),
    (
        "calls: a missing reply topic is the cause until it exists",
        calls::missing_reply_topic_is_the_cause_until_it_exists,
    ),
    (
        "calls: callers that share a reply partition get their own replies",
        calls::callers_that_share_a_partition_get_their_own_replies,
    ),
    (
        "calls: members of a group come and go, and outcomes are true",
        calls::members_of_a_group_come_and_go,
    ),
    (
        "calls: idempotent calls are replied through a killed broker",
        calls::idempotent_calls_are_replied_through_a_killed_broker,
    ),
];

/// As [`CALLS`], each in a process of its own, whose threads, descriptors and memory it counts.
const CALLS_ALONE: &[Scenario] = &[
    (
        "calls: a killed and a stopped broker leave true outcomes and nothing else",
        calls::killed_and_stopped_broker_leave_true_outcomes,
    ),
    (
        "calls: nothing is left of many calls",
        calls::nothing_is_left_of_many_calls,
    ),
];

/// As [`CALLS_ALONE`], once, on both runtimes.
const CLUSTER_ALONE: &[Scenario] = &[(
    "calls: a rolling restart of three nodes leaves true outcomes and nothing else",
    calls::rolling_restart_leaves_true_outcomes,
)];

/// Situations of a bus, each on one runtime: half of them on tokio, half on async-std.
const SITUATIONS: &[Scenario] = &[
    (
        "identity: another cluster at the same address is not ready until the first is back",
        identity::replaced_cluster_is_not_ready,
    ),
    (
        "identity: a foreign broker among the bootstrap servers is not ready while it is there",
        identity::foreign_bootstrap_server_is_not_ready,
    ),
    (
        "identity: a dead advertised address is not ready, with and without the topic",
        advertised::dead_advertised_address_is_not_ready,
    ),
    (
        "identity: several processes that start at once create the topic and have no warning",
        advertised::several_creators_have_no_warning,
    ),
    (
        "identity: a creation that is refused says why until the topic exists",
        advertised::refused_creation_says_why,
    ),
    (
        "needed: a missing topic is reported until it exists, and is not created",
        needed_topics::missing_topic_is_reported_and_not_created,
    ),
    (
        "needed: a denied topic is reported until it is allowed, and is not written",
        needed_topics::denied_topic_is_reported_and_not_written,
    ),
    (
        "needed: a topic without leaders or replicas is reported until they are back",
        needed_topics::topic_without_replicas_is_reported,
    ),
    (
        "identity: nothing is created in a wrong cluster",
        identity::nothing_is_created_in_a_wrong_cluster,
    ),
    (
        "a round trip of half of each timeout is no failure",
        slow_networks::far_bus_is_running_if_the_settings_allow_it,
    ),
    (
        "eight kilobytes per second are no failure",
        slow_networks::slow_bus_is_running,
    ),
    (
        "a rejected login is repeated slowly, and succeeds with the right password",
        logins::rejected_login_is_repeated_slowly_until_the_password_is_right,
    ),
    #[cfg(feature = "ssl")]
    (
        "openssl: tokens that expire are refreshed",
        logins::expiring_tokens_are_refreshed,
    ),
];

/// Clusters of several brokers. Each scenario starts its own, and runs once, on both runtimes where that takes no longer.
const CLUSTER: &[Scenario] = &[
    (
        "causes: a produce quota is one warning that names it, and never NotReady",
        causes::produce_quota_is_a_warning,
    ),
    (
        "causes: a record that is too large for the topic is a warning",
        causes::refused_record_is_a_warning,
    ),
    (
        "own clients: a busy service sends no liveness message, a silent one does",
        own_clients::busy_service_sends_no_liveness_message,
    ),
    (
        "own clients: deliveries that fail name their topic until one succeeds",
        own_clients::failed_deliveries_name_their_topic,
    ),
    (
        "handlers: a rolling restart of three nodes loses no record and is never NotReady",
        handlers::rolling_restart_of_three_nodes_loses_no_record,
    ),
    (
        "handlers: a topic that is denied is the cause until it is allowed",
        handlers::denied_handler_is_the_cause_until_it_is_allowed,
    ),
    (
        "one of three brokers is waited for, two of three are missed",
        replicas::one_of_three_is_waited_for_and_two_are_missed,
    ),
    (
        "a controller that is away alone changes nothing",
        replicas::controller_that_is_away_alone_changes_nothing,
    ),
    (
        "calls: a dead leader of replies is a cause of its own within the bound",
        calls::dead_leader_of_replies_is_a_cause_of_its_own,
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
/// seconds, and then waits: with many more of them than cores, the scenarios would delay each other beyond their deadlines.
const TEST_THREADS: usize = 3;

fn main() -> ExitCode {
    if env::var_os(harness::HOLD_A_NODE).is_some() {
        return harness::hold_a_node();
    }

    if env::var_os("LIVEBUS_TESTS_LOG").is_some() {
        tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(std::io::stderr)
            .init();
    }
    if let Some(alone) = alone::Alone::of_this_process() {
        return alone.run(&[CALLS_ALONE, CLUSTER_ALONE]);
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
        for &(sentence, scenario) in HANDLERS {
            let context = context("", hosts);
            trials.push(trial(format!("{kind}: {sentence}"), scenario, context));
        }
        for &(sentence, scenario) in CALLS {
            let context = context("", hosts);
            trials.push(trial(format!("{kind}: {sentence}"), scenario, context));
        }
        for &(sentence, _) in CALLS_ALONE {
            let context = context("", hosts);
            let scenario = move |_: &Context| alone::run(sentence, kind);
            trials.push(trial(format!("{kind}: {sentence}"), scenario, context));
        }
    }
    for &(sentence, scenario) in CALL_CLIENTS {
        let context = context("", &[]);
        trials.push(trial(
            format!("call clients: {sentence}"),
            scenario,
            context,
        ));
    }
    let hosts = [Host::TOKIO, Host::ASYNC_STD].into_iter().cycle();
    for (&(sentence, scenario), hosts) in SITUATIONS.iter().zip(hosts) {
        let context = context("", hosts);
        trials.push(trial(format!("situation: {sentence}"), scenario, context));
    }
    for &(sentence, scenario) in CLUSTER {
        let context = context("", Host::EACH);
        trials.push(trial(format!("cluster: {sentence}"), scenario, context));
    }
    for &(sentence, _) in CLUSTER_ALONE {
        let context = context("", Host::EACH);
        let scenario = move |_: &Context| alone::run(sentence, alone::EACH);
        trials.push(trial(format!("cluster: {sentence}"), scenario, context));
    }
    for &(sentence, scenario) in PROGRAM {
        let context = context("", &[]);
        trials.push(trial(format!("program: {sentence}"), scenario, context));
    }
    drop(shared);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(
    name: String,
    scenario: impl FnOnce(&Context) -> anyhow::Result<()> + Send + 'static,
    context: Context,
) -> Trial {
    // Checked once, and only when a scenario is about to run: `--list` needs no Java.
    static AVAILABILITY: LazyLock<Result<(), String>> = LazyLock::new(|| {
        apache_kafka::availability()?;
        // Without it, nodes start more slowly.
        if let Err(error) = apache_kafka::archive_classes(context::START_LIMIT) {
            eprintln!("no archive of classes: {error:#}");
        }
        Ok(())
    });

    Trial::ignorable_test(name, move || match &*AVAILABILITY {
        Ok(()) => match scenario(&context) {
            Ok(()) => Ok(Completion::Completed),
            // Without a backtrace: it hides the reason where the output is cut.
            Err(error) => Err(Failed::from(format!("{error:#}"))),
        },
        Err(reason) if kafka_is_required() => Err(Failed::from(reason)),
        Err(reason) => Ok(Completion::ignored_with(reason)),
    })
}

/// Returns whether scenarios fail on a machine without Kafka; otherwise they are ignored.
fn kafka_is_required() -> bool {
    is_enabled("LIVEBUS_REQUIRE_KAFKA")
}
