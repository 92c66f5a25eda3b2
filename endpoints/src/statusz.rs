//! Everything that is known about the services, as JSON. `openapi.json` of this crate describes it.
//!
//! No payload and no property of a client is in it: the memory has none.

mod calls;
mod times;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use livebus_core::dispatch::Counters;
use livebus_core::{Cause, Failure, Report, Status};
use livebus_readiness::{
    Explanation, HandlerProgress, HandlerState, HeldRecord, Readiness, Service, ServiceSnapshot,
    StatusChange,
};
use serde::Serialize;

use calls::{JsonCalls, JsonRequests};
use times::Times;

/// The maximum number of changes that are shown of each service.
const MAX_CHANGES: usize = 50;

#[derive(Debug, Serialize)]
struct JsonStatus<'a> {
    time: String,
    ready: bool,
    healthy: bool,
    started: bool,
    services: Vec<JsonService<'a>>,
}

#[derive(Debug, Serialize)]
struct JsonService<'a> {
    name: &'a str,
    required: bool,
    status: &'static str,
    since: String,
    cause: &'static str,
    /// The handler that the cause names.
    handler: Option<String>,
    /// The caller that the cause names.
    caller: Option<String>,
    failure: Option<JsonFailure>,
    warning: Option<JsonFailure>,
    /// The cause for people.
    text: String,
    attempt: u32,
    last_evidence: Option<String>,
    lease_until: Option<String>,
    next_check: Option<String>,
    details: BTreeMap<&'static str, String>,
    handlers: Vec<JsonHandler>,
    callers: Vec<JsonCaller>,
    changes: Vec<JsonChange>,
}

#[derive(Debug, Serialize)]
struct JsonFailure {
    class: &'static str,
    code: Option<i32>,
    code_name: Option<Cow<'static, str>>,
    reason: Option<String>,
    remedy: Option<Cow<'static, str>>,
}

#[derive(Debug, Serialize)]
struct JsonHandler {
    name: String,
    required: bool,
    registered: bool,
    failure: Option<JsonFailure>,
    progress: Option<JsonProgress>,
    requests: Option<JsonRequests>,
}

#[derive(Debug, Serialize)]
struct JsonCaller {
    name: String,
    required: bool,
    registered: bool,
    failure: Option<JsonFailure>,
    calls: JsonCalls,
}

#[derive(Debug, Serialize)]
struct JsonProgress {
    partitions: usize,
    runs_in_flight: usize,
    records_held: u32,
    oldest_record: Option<JsonRecord>,
    lag: Option<u64>,
    lag_as_of: Option<String>,
    counters: JsonCounters,
}

#[derive(Debug, Serialize)]
struct JsonRecord {
    topic: String,
    partition: i32,
    offset: i64,
    fetched: String,
}

#[derive(Debug, Serialize)]
struct JsonCounters {
    done: u64,
    failed: u64,
    timed_out: u64,
    skipped: u64,
    dead_letters: u64,
    removed: u64,
    done_before: u64,
    repeated: u64,
    duplicates: u64,
    late_verdicts: u64,
    commits: u64,
    failed_commits: u64,
}

#[derive(Debug, Serialize)]
struct JsonChange {
    at: String,
    from: &'static str,
    status: &'static str,
    cause: &'static str,
    class: Option<&'static str>,
    code: Option<i32>,
    code_name: Option<Cow<'static, str>>,
    warning: Option<&'static str>,
    attempt: u32,
}

/// Returns the body at `now`, which is `wall` by the wall clock.
pub(crate) fn body(readiness: &Readiness, now: Instant, wall: SystemTime) -> String {
    let times = Times { now, wall };
    let snapshot = readiness.snapshot_at(now);
    let services: Vec<ServiceSnapshot> = snapshot.services().collect();
    let status = JsonStatus {
        time: times.show(now),
        ready: snapshot.is_ready(),
        healthy: snapshot.is_healthy(),
        started: snapshot.is_started_without(&[]),
        services: services.iter().map(|it| of_service(it, times)).collect(),
    };
    let body = serde_json::to_string(&status);
    // Its keys are text, and nothing in it can fail to be written.
    body.unwrap_or_default()
}

fn of_service(observed: &ServiceSnapshot, times: Times) -> JsonService<'_> {
    let service = &observed.service;
    let report = at(observed.report, times.now);
    let Report {
        status,
        cause,
        warning,
        since,
        evidence,
        lease,
        attempt,
        ..
    } = report;
    let handlers = service.handlers();
    let named = cause.handler().and_then(|id| handlers.get(id.index()));
    let name_of = |is_caller| {
        let named = named.filter(|it| it.is_caller() == is_caller);
        named.map(|it| it.name.clone())
    };
    let failure = cause.failure();
    let explained = |failure| JsonFailure::new(failure, service.explain(failure));
    let details = service.details().into_iter();
    JsonService {
        name: service.name(),
        required: service.is_required(),
        status: status.name(),
        since: times.show(since),
        cause: cause.name(),
        handler: name_of(false),
        caller: name_of(true),
        text: service.describe_cause(cause),
        failure: failure.map(|failure| JsonFailure::new(failure, service.explain_cause(cause))),
        warning: warning.map(explained),
        attempt,
        last_evidence: evidence.map(|at| times.show(at)),
        lease_until: lease.map(|at| times.show(at)),
        next_check: service.next_check().map(|at| times.show(at)),
        details: details.map(|it| (it.name, it.value)).collect(),
        changes: changes(service, times),
        callers: handlers
            .iter()
            .filter_map(|it| of_caller(service, it, times))
            .collect(),
        handlers: handlers
            .into_iter()
            .filter(|it| !it.is_caller())
            .map(|it| of_handler(service, it, times))
            .collect(),
    }
}

/// Returns a report as it must be shown at `now`: without a lease that has run out.
fn at(report: Report, now: Instant) -> Report {
    match report.lease {
        Some(lease) if report.status == Status::Running && now > lease => Report {
            status: Status::NotReady,
            cause: Cause::Starved,
            since: lease,
            lease: None,
            ..report
        },
        _ => report,
    }
}

fn of_handler(service: &Service, handler: HandlerState, times: Times) -> JsonHandler {
    let HandlerState {
        name,
        is_required,
        is_registered,
        failure,
        progress,
        callee,
        ..
    } = handler;
    JsonHandler {
        name,
        required: is_required,
        registered: is_registered,
        failure: failure.map(|failure| own_failure(service, failure)),
        progress: progress.map(|it| of_progress(it, times)),
        requests: callee.map(JsonRequests::from),
    }
}

fn of_caller(service: &Service, caller: &HandlerState, times: Times) -> Option<JsonCaller> {
    let calls = caller.calls.as_ref()?;
    Some(JsonCaller {
        name: caller.name.clone(),
        required: caller.is_required,
        registered: caller.is_registered,
        failure: caller
            .failure
            .clone()
            .map(|failure| own_failure(service, failure)),
        calls: JsonCalls::new(calls, times),
    })
}

/// Returns the failure of a handler or a caller, with its own reason.
fn own_failure(service: &Service, (failure, reason): (Failure, String)) -> JsonFailure {
    let explanation = Explanation {
        reason: Some(reason),
        ..service.explain(failure)
    };
    JsonFailure::new(failure, explanation)
}

fn of_progress(progress: HandlerProgress, times: Times) -> JsonProgress {
    let HandlerProgress {
        partitions,
        runs_in_flight,
        records_held,
        oldest_held,
        lag,
        lag_as_of,
        counters,
        ..
    } = progress;
    JsonProgress {
        partitions,
        runs_in_flight,
        records_held,
        oldest_record: oldest_held.map(|record| {
            let HeldRecord {
                topic,
                partition,
                offset,
                since,
            } = record;
            JsonRecord {
                topic: (*topic).to_owned(),
                partition,
                offset,
                fetched: times.show(since),
            }
        }),
        lag,
        lag_as_of: lag_as_of.map(|at| times.show(at)),
        counters: counters.into(),
    }
}

/// Returns the newest changes, the oldest of them first.
fn changes(service: &Service, times: Times) -> Vec<JsonChange> {
    let shown = |change: StatusChange| {
        let Report {
            status,
            cause,
            warning,
            attempt,
            ..
        } = change.report;
        let failure = cause.failure();
        JsonChange {
            at: times.show(change.at),
            from: change.from.name(),
            status: status.name(),
            cause: cause.name(),
            class: failure.map(|it| it.class.name()),
            code: failure.and_then(|it| it.code),
            // The reason is not kept: it may be that of a later failure by now.
            code_name: failure.and_then(|it| service.explain(it).code_name),
            warning: warning.map(|it| it.class.name()),
            attempt,
        }
    };
    let newest = service.newest_changes(MAX_CHANGES);
    newest.into_iter().map(shown).collect()
}

impl JsonFailure {
    fn new(failure: Failure, explanation: Explanation) -> Self {
        let Explanation {
            code_name,
            reason,
            remedy,
        } = explanation;
        Self {
            class: failure.class.name(),
            code: failure.code,
            code_name,
            reason,
            remedy,
        }
    }
}

impl From<Counters> for JsonCounters {
    fn from(counters: Counters) -> Self {
        let Counters {
            done,
            failed,
            timed_out,
            skipped,
            dead_letters,
            removed,
            done_before,
            repeated,
            duplicates,
            late_verdicts,
            commits,
            failed_commits,
            ..
        } = counters;
        Self {
            done,
            failed,
            timed_out,
            skipped,
            dead_letters,
            removed,
            done_before,
            repeated,
            duplicates,
            late_verdicts,
            commits,
            failed_commits,
        }
    }
}
