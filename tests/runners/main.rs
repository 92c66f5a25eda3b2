//! Runs the same cases on every runner: `cargo test -p livebus-tests --test runners [-- part of a name]`.
//!
//! Of these files only this one names a runtime, in its imports and at its end. To add a case, write `pub(crate) async fn name<R: FullRunner>()` in a
//! file beside this one, and a line with its sentence in [`cases`] or [`call_cases`].

use std::future::Future;
use std::process::ExitCode;

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::host::{FullRunner, Host};
use livebus_tests::{is_enabled, promtool};
use livebus_tokio::TokioRuntime;

mod attacks;
mod building;
mod call_faults;
mod calls;
mod discards;
mod embedded;
mod ending;
mod evidence;
mod following;
mod grpc;
mod handlers;
mod lease;
mod log;
mod metrics;
mod order;
mod outages;
mod own_clients;
mod panics;
mod probes;
mod recorded;
mod responses;
mod scripted_bus;
mod shown_calls;
mod statusz;
mod systemd;
mod timers;
mod turned_clock;
mod waiting;

/// A sentence that states what must be true, and the future that checks it, for one runner.
type Case = (
    &'static str,
    Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>,
);

#[rustfmt::skip]
fn call_cases<R: FullRunner>() -> Vec<Case> {
    vec![
        case("a call is replied", calls::call_is_replied::<R>),
        case("a service calls another from its handler", calls::service_calls_from_a_handler::<R>),
        case("errors of the application and panics reach the caller", calls::errors_of_the_application_and_panics_reach_the_caller::<R>),
        case("a function that takes too long is an error for its caller", calls::function_that_takes_too_long_is_an_error_for_its_caller::<R>),
        case("a refusal says never only after a commit", calls::refusal_says_never_only_after_a_commit::<R>),
        case("calls fail at once while the bus cannot be used", calls::calls_fail_at_once_while_the_bus_cannot_be_used::<R>),
        case("replies that cannot be read are a cause of their own", calls::replies_that_cannot_be_read_are_a_cause_of_their_own::<R>),
        case("each fault of a send has a true outcome", calls::each_send_fault_has_a_true_outcome::<R>),
        case("an idempotent call is sent again, and runs once", calls::idempotent_call_is_sent_again_and_runs_once::<R>),
        case("a dropped call is cancelled at the callee", calls::dropped_call_is_cancelled_at_the_callee::<R>),
        case("a request that is too old is refused with its age", calls::request_that_is_too_old_is_refused_with_its_age::<R>),
        case("with at_most_once a request runs after its commit", calls::at_most_once_runs_after_the_commit::<R>),
        case("calls over the limit are refused with a hint", calls::calls_over_the_limit_are_refused_with_a_hint::<R>),
        case("a shutdown ends every call within its bound", calls::shutdown_ends_every_call_within_its_bound::<R>),
        case("foreign and duplicate replies do no harm", calls::foreign_and_duplicate_replies_do_no_harm::<R>),
        case("a record that is no request is skipped", calls::record_that_is_no_request_is_skipped::<R>),
        case("callers that cannot be right are refused", calls::callers_that_cannot_be_right_are_refused::<R>),
        case("one-way calls leave nothing behind", call_faults::one_way_calls_leave_nothing_behind::<R>),
        case("a failed send ends its call at once", call_faults::failed_send_ends_its_call_at_once::<R>),
        case("a shutdown is no success", call_faults::shutdown_is_no_success::<R>),
        case("duplicate replies block nothing", call_faults::duplicate_replies_block_nothing::<R>),
        case("a reply to a call that is over is dropped", call_faults::reply_to_a_call_that_is_over_is_dropped::<R>),
        case("requests run within their concurrency", call_faults::requests_run_within_their_concurrency::<R>),
        case("a panic of a function ends one request", call_faults::panic_of_a_function_ends_one_request::<R>),
        case("requests with one key run in their order", call_faults::requests_with_one_key_run_in_their_order::<R>),
    ]
}

#[rustfmt::skip]
fn cases<R: FullRunner>() -> Vec<Case> {
    vec![
        case("a live bus makes the service Running", following::live_bus_makes_the_service_running::<R>),
        case("a silent bus makes the service NotReady, and an answer makes it Running", following::silent_bus_makes_the_service_not_ready_until_it_answers::<R>),
        case("a failed start is retried", following::failed_start_is_retried::<R>),
        case("a lost client is discarded and replaced", following::lost_client_is_discarded_and_replaced::<R>),
        case("hanging operations do not accumulate", following::hanging_operations_do_not_accumulate::<R>),
        case("readiness needs both buses", following::readiness_needs_both_buses::<R>),

        case("ordinary traffic makes a NotReady service Running", evidence::traffic_makes_a_not_ready_service_running::<R>),
        case("evidence from the future counts as of now", evidence::evidence_from_the_future_counts_as_of_now::<R>),
        case("ordinary traffic suppresses liveness messages", evidence::traffic_suppresses_liveness_messages::<R>),
        case("a suspicion sends a liveness message at once, and success refutes it", evidence::suspicion_sends_a_message_at_once_and_success_refutes_it::<R>),

        case("Running needs every required handler", handlers::running_needs_every_required_handler::<R>),
        case("a failed handler is the cause, and is retried", handlers::failed_handler_is_the_cause_and_is_retried::<R>),

        case("request handlers that cannot be right are refused", handlers::request_handlers_that_cannot_be_right_are_refused::<R>),
        case("a request handler reads the embedded cluster across its faults", handlers::request_handler_reads_across_faults::<R>),
        case("a request handler sees headers unless they are left out", handlers::request_handler_sees_headers_unless_they_are_left_out::<R>),

        case("a hanging registration keeps its client", discards::hanging_registration_keeps_its_client::<R>),
        case("a hanging registration does not fail the service", discards::hanging_registration_does_not_fail_the_service::<R>),
        case("a timed-out registration is dropped alone", discards::timed_out_registration_is_dropped_alone::<R>),
        case("a shutdown drops registrations before the drain ends", discards::shutdown_drops_registrations_before_the_drain_ends::<R>),
        case("a lost client drops its registrations", discards::lost_client_drops_its_registrations::<R>),

        case("a panic in an operation is a failure, and the supervision continues", panics::panic_in_an_operation_is_a_failure::<R>),
        case("a panic in a handler is a failure, and the supervision continues", panics::panic_in_a_handler_is_a_failure::<R>),
        case("a panic in the loop publishes Stopped", panics::panic_in_the_loop_publishes_stopped::<R>),
        case("a panic in one loop does not affect others", panics::panic_in_one_loop_does_not_affect_others::<R>),

        case("a recording is complete on disk after the end, and replays the same", recorded::recording_is_complete_on_disk_after_the_end::<R>),
        case("a file that is not a recording is not overwritten", recorded::file_that_is_not_a_recording_is_not_overwritten::<R>),

        case("a shutdown makes the service NotReady first, and then stops the bus", ending::shutdown_makes_the_service_not_ready_and_then_stops_the_bus::<R>),
        case("a shutdown ends although the bus does not stop", ending::shutdown_ends_although_the_bus_does_not_stop::<R>),
        case("a second shutdown before the first evidence changes nothing", ending::second_shutdown_before_the_first_evidence_changes_nothing::<R>),
        case("a service can be supervised again after the end", ending::service_can_be_supervised_again_after_the_end::<R>),
        case("a dropped handle ends the supervision", ending::dropped_handle_ends_the_supervision::<R>),
        case("waiting for ready ends with the supervision", ending::waiting_for_ready_ends_with_the_supervision::<R>),

        case("an invalid builder returns the reason", building::invalid_builder_returns_the_reason::<R>),

        case("each change is one log event with its cause, and messages are not logged", log::each_change_is_one_log_event_with_its_cause::<R>),

        case("readyz follows the bus and livez does not", probes::readyz_follows_the_bus_and_livez_does_not::<R>),
        case("the loops of all buses of a process are in livez", statusz::loops_of_all_buses_are_in_livez::<R>),
        case("statusz shows what a handler has done and what waits, as its document says", statusz::statusz_shows_what_a_handler_has_done_and_what_waits::<R>),
        case("the paths of VOLTHA are served only when they are asked for", statusz::paths_of_voltha_are_served_only_when_asked_for::<R>),
        case("metrics follow the calls of a caller, and stay after its end", shown_calls::metrics_follow_the_calls_and_stay_after_the_end::<R>),
        case("statusz and the log name the caller and the call handler", shown_calls::statusz_and_the_log_name_the_caller_and_the_handler::<R>),
        case("the format of the metrics is the one that the client accepts", metrics::format_is_the_one_that_the_client_accepts::<R>),
        case("each service of a process has its own series", metrics::each_service_of_a_process_has_its_own_series::<R>),
        case("HEAD has no body, and only GET and HEAD are allowed", probes::head_has_no_body_and_only_get_and_head_are_allowed::<R>),
        case("a silent client is disconnected", probes::silent_client_is_disconnected::<R>),
        case("a dropped handle closes the server and its connections", probes::dropped_handle_closes_the_server_and_its_connections::<R>),
        case("probes are answered until the shutdown is complete", probes::probes_are_answered_until_the_shutdown_is_complete::<R>),
        case("stream, probe and reader agree at the end of the lease and at its renewal", lease::stream_probe_and_reader_agree_at_the_end_of_the_lease::<R>),
        case("a timer accepts any instant, and can be set again", timers::timer_accepts_any_instant_and_can_be_set_again::<R>),
        case("a stream can be polled outside of the runtime", timers::stream_can_be_polled_outside_of_the_runtime::<R>),
        case("systemd gets ready once, and the status at each change", systemd::ready_is_sent_once_and_the_status_at_each_change::<R>),
        case("the watchdog of systemd is notified while no loop is stuck", systemd::watchdog_is_notified_while_no_loop_is_stuck::<R>),
        case("a missing socket of systemd holds nothing up", systemd::missing_socket_holds_nothing_up::<R>),
        case("a full socket of systemd holds nothing up", systemd::full_socket_holds_nothing_up::<R>),
        case("an unusable socket of systemd holds no shutdown up", systemd::unusable_socket_holds_no_shutdown_up::<R>),
        case("a dropped handle is no stop of the process for systemd", systemd::dropped_handle_is_no_stop_of_the_process::<R>),
        case("a gate refuses every call while not ready, and ends none that was admitted", grpc::gate_refuses_calls_while_not_ready_and_ends_none::<R>),
        case("a health watch follows the bus and ends with it", grpc::health_watch_follows_the_bus_and_ends_with_it::<R>),
        case("readers close in one order, and differ by one step at most", order::readers_close_in_one_order_and_differ_by_one_step::<R>),
        case("a port in use is reported", probes::port_in_use_is_reported::<R>),

        case("probes are answered during every attack", attacks::probes_are_answered_during_every_attack::<R>),
        case("at the limit the oldest connections are closed to admit a probe", attacks::oldest_connections_are_closed_to_admit_a_probe::<R>),
        case("a head that is too long gets 431 and a close", attacks::head_that_is_too_long_gets_431_and_a_close::<R>),
        case("a client that never reads is disconnected", attacks::client_that_never_reads_is_disconnected::<R>),

        case("a killed broker makes the service NotReady until it is back", outages::killed_broker_makes_the_service_not_ready_until_it_is_back::<R>),
        case("a hung broker makes the service NotReady until it is back", outages::hung_broker_makes_the_service_not_ready_until_it_is_back::<R>),
        case("a late broker is noticed without a new start", outages::late_broker_is_noticed_without_a_new_start::<R>),
        case("one dead broker of three changes nothing", outages::one_dead_broker_of_three_changes_nothing::<R>),
        case("missing leaders are a warning, and make the service NotReady after the tolerance", outages::missing_leaders_are_a_warning_then_not_ready_after_the_tolerance::<R>),
        case("a shutdown completes in order with a live, dead or hung broker", outages::shutdown_completes_in_order_with_a_live_dead_or_hung_broker::<R>),

        case("a slow consumer does not hide a stopped broker", own_clients::slow_consumer_does_not_hide_a_stopped_broker::<R>),
        case("traffic of the service's own clients replaces liveness messages", own_clients::traffic_of_own_clients_replaces_liveness_messages::<R>),
        case("deliveries that fail are a warning, or NotReady by a setting", own_clients::failed_deliveries_are_a_warning_or_not_ready::<R>),

        case("a missing topic is a warning until it is created", responses::missing_topic_is_a_warning_until_it_is_created::<R>),
        case("a missing topic makes the service NotReady with strict rejection", responses::missing_topic_makes_the_service_not_ready_with_strict_rejection::<R>),
        case("checks by metadata need no topic", responses::checks_by_metadata_need_no_topic::<R>),
        case("too few replicas are a definitive failure, and a denied request is a rejection", responses::too_few_replicas_are_definitive_and_denied_is_a_rejection::<R>),
    ]
}

fn promtool_cases<R: FullRunner>() -> Vec<Case> {
    vec![
        case(
            "promtool accepts the metrics",
            metrics::promtool_accepts_the_metrics::<R>,
        ),
        case(
            "promtool accepts the metrics of calls",
            shown_calls::promtool_accepts_the_metrics_of_calls::<R>,
        ),
    ]
}

fn case<F: Future<Output = ()> + 'static>(
    sentence: &'static str,
    check: impl FnOnce() -> F + Send + 'static,
) -> Case {
    (sentence, Box::new(|| check().boxed_local()))
}

/// The number of cases that run at the same time, unless `--test-threads` sets it. The cases spend most of their time waiting.
const TEST_THREADS: usize = 4;

fn main() -> ExitCode {
    log::install();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(TEST_THREADS);
    let mut trials = Vec::new();
    for &host in Host::TOKIO {
        trials.extend(trials_on(host, cases::<TokioRuntime>()));
        trials.extend(trials_on(host, call_cases::<TokioRuntime>()));
        let of_promtool = promtool_cases::<TokioRuntime>().into_iter();
        trials.extend(of_promtool.map(|case| promtool_trial(host, case)));
    }
    for &host in Host::ASYNC_STD {
        trials.extend(trials_on(host, cases::<AsyncStdRuntime>()));
        trials.extend(trials_on(host, call_cases::<AsyncStdRuntime>()));
        let of_promtool = promtool_cases::<AsyncStdRuntime>().into_iter();
        trials.extend(of_promtool.map(|case| promtool_trial(host, case)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials_on(host: Host, cases: Vec<Case>) -> impl Iterator<Item = Trial> {
    cases.into_iter().map(move |(sentence, check)| {
        Trial::test(format!("{host}: {sentence}"), move || {
            host.block_on(check());
            Ok(())
        })
    })
}

/// Where promtool is missing, the case is reported as ignored, with the reason; with `LIVEBUS_REQUIRE_PROMTOOL=1` in the environment as
/// failed.
fn promtool_trial(host: Host, (sentence, check): Case) -> Trial {
    Trial::ignorable_test(
        format!("{host}: {sentence}"),
        move || match promtool::availability() {
            Ok(()) => {
                host.block_on(check());
                Ok(Completion::Completed)
            }
            Err(reason) if is_enabled("LIVEBUS_REQUIRE_PROMTOOL") => Err(Failed::from(reason)),
            Err(reason) => Ok(Completion::ignored_with(reason)),
        },
    )
}
