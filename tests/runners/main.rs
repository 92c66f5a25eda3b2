//! Every runner by the same cases: `cargo test -p livebus-tests --test runners [-- part of a name]`.
//!
//! Nothing here names a runtime but the end of this file. To add a case, write `pub(crate) async fn name<R: FullRunner>()` in a
//! file beside this one, and a line with its sentence in [`cases`].

use std::future::Future;
use std::process::ExitCode;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Trial};
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::host::{FullRunner, Host};
use livebus_tokio::TokioRuntime;

mod answers;
mod attacks;
mod building;
mod discards;
mod embedded;
mod ending;
mod evidence;
mod following;
mod handlers;
mod lease;
mod log;
mod outages;
mod panics;
mod probes;
mod recorded;
mod scripted_bus;
mod timers;
mod watch;

/// A sentence that says what is true, and the future that proves it, for one runner.
type Case = (
    &'static str,
    Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>,
);

#[rustfmt::skip]
fn cases<R: FullRunner>() -> Vec<Case> {
    vec![
        case("a bus that answers makes the service Running", following::a_bus_that_answers_makes_the_service_running::<R>),
        case("a bus that ceases to answer is NotReady, and recovers", following::a_bus_that_ceases_to_answer_is_not_ready_and_recovers::<R>),
        case("a start that fails is tried again", following::a_start_that_fails_is_tried_again::<R>),
        case("a lost client is discarded and replaced", following::a_lost_client_is_discarded_and_replaced::<R>),
        case("operations that never end do not pile up", following::operations_that_never_end_do_not_pile_up::<R>),
        case("two buses make one readiness", following::two_buses_make_one_readiness::<R>),

        case("good news of ordinary traffic wakes a service that is not ready", evidence::good_news_of_ordinary_traffic_wakes_a_service_that_is_not_ready::<R>),
        case("evidence from the future counts as of now", evidence::evidence_from_the_future_counts_as_of_now::<R>),
        case("ordinary traffic keeps the liveness messages away", evidence::ordinary_traffic_keeps_the_liveness_messages_away::<R>),
        case("a suspicion asks at once, and an answer refutes it", evidence::a_suspicion_asks_at_once_and_an_answer_refutes_it::<R>),

        case("Running needs every required handler", handlers::running_needs_every_required_handler::<R>),
        case("a handler that fails is the cause, and is tried again", handlers::a_handler_that_fails_is_the_cause_and_is_tried_again::<R>),

        case("a registration that never answers keeps its client", discards::a_registration_that_never_answers_keeps_its_client::<R>),
        case("a registration that never answers does not fail the service", discards::a_registration_that_never_answers_does_not_fail_the_service::<R>),
        case("a registration that is overdue is dropped, and nothing else", discards::a_registration_that_is_overdue_is_dropped_and_nothing_else::<R>),
        case("a shutdown drops registrations before its drain is over", discards::a_shutdown_drops_registrations_before_its_drain_is_over::<R>),
        case("a lost client takes its registrations along", discards::a_lost_client_takes_its_registrations_along::<R>),

        case("a panic in an operation is a failure and not the end", panics::a_panic_in_an_operation_is_a_failure_and_not_the_end::<R>),
        case("a handler that panics is a failure and not the end", panics::a_handler_that_panics_is_a_failure_and_not_the_end::<R>),
        case("a panic of the bus itself leaves nobody believing", panics::a_panic_of_the_bus_itself_leaves_nobody_believing::<R>),
        case("loops that panic take no other along", panics::loops_that_panic_take_no_other_along::<R>),

        case("a recording is all on the disk after the end, and replays the same", recorded::a_recording_is_all_on_the_disk_after_the_end::<R>),
        case("what is no recording is never overwritten", recorded::what_is_no_recording_is_never_overwritten::<R>),

        case("a shutdown is NotReady first, then stops the bus", ending::a_shutdown_is_not_ready_first_then_stops_the_bus::<R>),
        case("a shutdown whose bus does not stop ends all the same", ending::a_shutdown_whose_bus_does_not_stop_ends_all_the_same::<R>),
        case("a shutdown before anything was proved ends, and twice is once", ending::a_shutdown_before_anything_was_proved_ends_and_twice_is_once::<R>),
        case("a service can be supervised again after the end", ending::a_service_can_be_supervised_again_after_the_end::<R>),
        case("dropping the handle ends everything", ending::dropping_the_handle_ends_everything::<R>),
        case("waiting for ready ends when the supervision does", ending::waiting_for_ready_ends_when_the_supervision_does::<R>),

        case("what cannot be built says why", building::what_cannot_be_built_says_why::<R>),

        case("a change is one event in the log with its cause, and a message is none", log::a_change_is_one_event_with_its_cause_and_a_message_is_none::<R>),

        case("the probes follow the bus, and liveness does not", probes::the_probes_follow_the_bus_and_liveness_does_not::<R>),
        case("a HEAD has no body, and what only reads is all that is allowed", probes::a_head_has_no_body_and_what_only_reads_is_all_that_is_allowed::<R>),
        case("a client that is silent is shut out", probes::a_client_that_is_silent_is_shut_out::<R>),
        case("dropping the handle ends the serving and its connections", probes::dropping_the_handle_ends_the_serving_and_its_connections::<R>),
        case("probes are answered until a shutdown is done", probes::probes_are_answered_until_a_shutdown_is_done::<R>),
        case("stream, probe and reader agree at the end of the lease, and at its renewal", lease::stream_probe_and_reader_agree_at_the_end_of_the_lease::<R>),
        case("the timer takes any instant, and can be set again", timers::a_timer_takes_any_instant_and_can_be_set_again::<R>),
        case("a stream may be polled outside of the runtime", timers::a_stream_may_be_polled_outside_of_the_runtime::<R>),
        case("a port in use is said to be", probes::a_port_in_use_is_said_to_be::<R>),

        case("every good probe is answered during every attack", attacks::every_good_probe_is_answered_during_every_attack::<R>),
        case("connections above the limit make room for a good probe", attacks::connections_above_the_limit_make_room_for_a_good_probe::<R>),
        case("a client with a head that is too long gets 431, and the end", attacks::client_with_a_head_that_is_too_long_gets_431_and_the_end::<R>),
        case("a client that never reads is closed", attacks::client_that_never_reads_is_closed::<R>),

        case("a broker that is killed and back is NotReady, and Running again", outages::a_broker_that_is_killed_and_back_is_not_ready_and_running_again::<R>),
        case("a broker that hangs and is back is NotReady, and Running again", outages::a_broker_that_hangs_and_is_back_is_not_ready_and_running_again::<R>),
        case("a broker that appears late is noticed without a new start", outages::a_broker_that_appears_late_is_noticed_without_a_new_start::<R>),
        case("one broker away of three changes nothing", outages::one_broker_away_of_three_changes_nothing::<R>),
        case("missing leaders are a warning, then NotReady after the tolerance", outages::missing_leaders_are_a_warning_then_not_ready_after_the_tolerance::<R>),
        case("a shutdown ends in order whatever the bus does", outages::a_shutdown_ends_in_order_whatever_the_bus_does::<R>),

        case("a missing topic is a warning that goes when the topic comes", answers::a_missing_topic_is_a_warning_that_goes_when_the_topic_comes::<R>),
        case("a missing topic is NotReady when answers do not count as life", answers::a_missing_topic_is_not_ready_when_answers_do_not_count_as_life::<R>),
        case("asking by metadata needs no topic", answers::asking_by_metadata_needs_no_topic::<R>),
        case("too few replicas are definitive, and denied is an answer", answers::too_few_replicas_are_definitive_and_denied_is_an_answer::<R>),
    ]
}

fn case<F: Future<Output = ()> + 'static>(
    sentence: &'static str,
    prove: impl FnOnce() -> F + Send + 'static,
) -> Case {
    (sentence, Box::new(|| prove().boxed_local()))
}

/// How many cases run at a time, unless `--test-threads` says otherwise: nearly all that they do is wait.
const TEST_THREADS: usize = 4;

fn main() -> ExitCode {
    log::install();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TEST_THREADS);
    let mut trials = Vec::new();
    for &host in Host::TOKIO {
        trials.extend(trials_on(host, cases::<TokioRuntime>()));
    }
    for &host in Host::ASYNC_STD {
        trials.extend(trials_on(host, cases::<AsyncStdRuntime>()));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials_on(host: Host, cases: Vec<Case>) -> impl Iterator<Item = Trial> {
    cases.into_iter().map(move |(sentence, prove)| {
        Trial::test(format!("{host}: {sentence}"), move || {
            host.block_on(prove());
            Ok(())
        })
    })
}
