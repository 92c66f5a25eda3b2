//! The answers of `/statusz`, and what `openapi.json` says about them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonschema::Validator;
use livebus_core::calls::{CalleeCounters, Counters as CallCounters};
use livebus_core::dispatch::Counters;
use livebus_core::{Cause, Failure, FailureClass, HandlerId, Report, Status};
use livebus_endpoints::Probes;
use livebus_readiness::{
    CalleeProgress, CallerProgress, Detail, Explain, Explanation, HandlerProgress, HandlerState,
    Heartbeat, HeldRecord, Registry, Reporter, ServiceLoop,
};
use serde_json::{Value, json};

/// Returns the document.
fn openapi() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).expect("it is JSON")
}

/// Returns what checks the answers of `/statusz`.
fn validator() -> Validator {
    let document = openapi();
    let content = &document["paths"]["/statusz"]["get"]["responses"]["200"]["content"];
    let answer = &content["application/json"]["schema"]["$ref"];
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": answer,
        "components": document["components"],
    });
    jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("it is a schema")
}

/// Returns the answer at `now`, which the document describes.
fn statusz(probes: &Probes, now: Instant) -> Value {
    let answer = probes.answer("/statusz", None, now);
    assert_eq!(
        (answer.status, answer.content_type),
        (200, "application/json")
    );
    let body: Value = serde_json::from_str(&answer.body).expect("it is JSON");
    let validator = validator();
    let errors: Vec<String> = validator
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
    body
}

/// A bus with everything that can be known.
struct KnownBus(Instant);

impl Explain for KnownBus {
    fn explain(&self, _: Failure) -> Explanation {
        Explanation {
            code_name: Some("_TRANSPORT".into()),
            reason: Some("kafka-1:9092: Connection refused".to_owned()),
            remedy: Some("check that a broker runs there".into()),
        }
    }

    fn details(&self) -> Vec<Detail> {
        let value = "2 of 3 answered".to_owned();
        vec![Detail {
            name: "leaders",
            value,
        }]
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let mut progress = HandlerProgress::default();
        progress.partitions = 3;
        progress.runs_in_flight = 1;
        progress.records_held = 7;
        progress.lag = Some(12);
        progress.lag_as_of = Some(self.0);
        progress.oldest_held = Some(HeldRecord {
            topic: Arc::from("orders"),
            partition: 2,
            offset: 41,
            since: self.0,
        });
        let mut counters = Counters::default();
        counters.done = 100;
        progress.counters = counters;
        let mut orders = HandlerState::unregistered("orders", true);
        orders.is_registered = true;
        orders.progress = Some(progress);
        let stalled = "orders [2] at offset 41: the record has waited for too long";
        orders.failure = Some((FailureClass::HandlerStalled.into(), stalled.to_owned()));
        orders.callee = Some(requests());
        let mut to_stock = HandlerState::unregistered("to-stock", true);
        to_stock.calls = Some(calls(self.0));
        let unread = "caller to-stock: the replies in replies cannot be read";
        to_stock.failure = Some((FailureClass::NoLeader.into(), unread.to_owned()));
        vec![HandlerState::unregistered("audit", false), to_stock, orders]
    }
}

fn requests() -> CalleeProgress {
    let mut counters = CalleeCounters::default();
    (counters.runs, counters.too_late) = (90, 2);
    counters.max_age = Duration::from_millis(11_500);
    let mut requests = CalleeProgress::default();
    requests.requests_held = 7;
    requests.unreadable_requests = 1;
    requests.counters = counters;
    requests
}

fn calls(since: Instant) -> CallerProgress {
    let mut counters = CallCounters::default();
    (counters.called, counters.replied, counters.expired) = (12, 5, 3);
    let mut calls = CallerProgress::default();
    calls.calls_in_flight = 4;
    calls.bytes_in_flight = 300;
    calls.oldest_call = Some(since);
    calls.unreadable_replies = 6;
    calls.counters = counters;
    calls
}

/// Two services, of which the second has no reporter.
fn services(now: Instant) -> (Probes, Reporter) {
    let names = Registry::builder().required("bus").optional("cache");
    let registry = names.build_at(now).expect("the names differ");
    let reporter = registry.reporter("bus").expect("it has none");
    (Probes::new(registry.readiness()), reporter)
}

fn running(now: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        evidence: Some(now),
        lease: Some(now + Duration::from_secs(9)),
        attempt: 1,
        ..Report::unreported(now)
    }
}

#[test]
fn service_without_a_report_is_shown() {
    let now = Instant::now();
    let (probes, _reporter) = services(now);
    let body = statusz(&probes, now);
    assert_eq!(body["ready"], false);
    assert_eq!(body["healthy"], true);
    assert_eq!(body["started"], false);
    let bus = &body["services"][0];
    assert_eq!(bus["name"], "bus");
    assert_eq!(bus["status"], "Unknown");
    assert_eq!(bus["since"], body["time"]);
    for unknown in [
        "failure",
        "warning",
        "last_evidence",
        "lease_until",
        "next_check",
    ] {
        assert_eq!(bus[unknown], Value::Null, "{unknown}");
    }
    assert_eq!(bus["changes"], json!([]));
    assert_eq!(body["services"][1]["required"], false);
}

#[test]
fn everything_that_is_known_of_a_service_is_shown() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.set_explainer(Arc::new(KnownBus(now)));
    let heartbeat = Heartbeat::new(now);
    heartbeat.set_deadline(Some(now + Duration::from_secs(5)));
    bus.set_loops(vec![ServiceLoop::of_service(heartbeat)]);
    let failure = Failure::with_code(FailureClass::Unreachable, -195);
    bus.report(
        now,
        Report {
            warning: Some(failure),
            ..running(now)
        },
    );
    let body = statusz(&probes, now);
    assert_eq!(body["ready"], true);
    assert_eq!(body["started"], true);
    let shown = &body["services"][0];
    assert_eq!(shown["status"], "Running");
    assert_eq!(shown["text"], "the bus works");
    assert_eq!(shown["attempt"], 1);
    assert_eq!(shown["last_evidence"], body["time"]);
    assert!(shown["lease_until"].as_str() > body["time"].as_str());
    assert!(shown["next_check"].as_str() > body["time"].as_str());
    assert!(shown["next_check"].as_str() < shown["lease_until"].as_str());
    assert_eq!(shown["details"], json!({"leaders": "2 of 3 answered"}));
    assert_eq!(
        shown["warning"],
        json!({
            "class": "Unreachable",
            "code": -195,
            "code_name": "_TRANSPORT",
            "reason": "kafka-1:9092: Connection refused",
            "remedy": "check that a broker runs there",
        })
    );
    let [audit, orders] = &shown["handlers"].as_array().expect("a list")[..] else {
        panic!("{shown:#}");
    };
    assert_eq!(audit["registered"], false);
    assert_eq!(audit["progress"], Value::Null);
    assert_eq!(orders["failure"]["class"], "HandlerStalled");
    assert_eq!(
        orders["failure"]["reason"],
        "orders [2] at offset 41: the record has waited for too long"
    );
    let requests = &orders["requests"];
    assert_eq!(
        (&requests["held"], &requests["unreadable"]),
        (&json!(7), &json!(1))
    );
    assert_eq!(requests["counters"]["runs"], 90);
    assert_eq!(requests["counters"]["too_late"], 2);
    assert_eq!(requests["counters"]["max_age_seconds"], 11.5);
    assert_eq!(audit["requests"], Value::Null);
    let [to_stock] = &shown["callers"].as_array().expect("a list")[..] else {
        panic!("{shown:#}");
    };
    assert_eq!(to_stock["name"], "to-stock");
    assert_eq!(to_stock["required"], true);
    assert_eq!(to_stock["failure"]["class"], "NoLeader");
    let calls = &to_stock["calls"];
    assert_eq!(
        (&calls["in_flight"], &calls["bytes_in_flight"]),
        (&json!(4), &json!(300))
    );
    assert_eq!(calls["oldest_since"], body["time"]);
    assert_eq!(calls["unreadable_replies"], 6);
    assert_eq!(calls["counters"]["called"], 12);
    assert_eq!(calls["counters"]["expired"], 3);
    let progress = &orders["progress"];
    assert_eq!(progress["lag"], 12);
    assert_eq!(progress["counters"]["done"], 100);
    assert_eq!(
        progress["oldest_record"],
        json!({"topic": "orders", "partition": 2, "offset": 41, "fetched": body["time"]})
    );
}

#[test]
fn failed_handler_is_named_and_the_last_changes_are_shown() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.set_explainer(Arc::new(KnownBus(now)));
    let handler = HandlerId::from_index(2).expect("a small number");
    let failure = Failure::with_code(FailureClass::TopicMissing, 3);
    for _ in 0..40 {
        bus.report(now, running(now));
        bus.report(
            now,
            Report {
                status: Status::NotReady,
                cause: Cause::HandlerFailed(handler, failure),
                lease: None,
                ..running(now)
            },
        );
    }
    let body = statusz(&probes, now + Duration::from_secs(1));
    let shown = &body["services"][0];
    assert_eq!(shown["handler"], "orders");
    assert_eq!(shown["caller"], Value::Null);
    assert_eq!(shown["failure"]["class"], "TopicMissing");
    assert_eq!(shown["lease_until"], Value::Null);
    let changes = shown["changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 50);
    let newest = changes.last().expect("there are some");
    assert_eq!(
        newest,
        &json!({
            "at": shown["since"],
            "from": "Running",
            "status": "NotReady",
            "cause": "HandlerFailed",
            "class": "TopicMissing",
            "code": 3,
            "code_name": "_TRANSPORT",
            "warning": null,
            "attempt": 1,
        })
    );
    assert!(newest["at"].as_str() < body["time"].as_str());
}

#[test]
fn failed_caller_is_named_as_a_caller() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.set_explainer(Arc::new(KnownBus(now)));
    let caller = HandlerId::from_index(1).expect("a small number");
    let failure = Failure::from(FailureClass::NoLeader);
    bus.report(
        now,
        Report {
            status: Status::NotReady,
            cause: Cause::HandlerFailed(caller, failure),
            lease: None,
            ..running(now)
        },
    );
    let body = statusz(&probes, now);
    let shown = &body["services"][0];
    assert_eq!(shown["caller"], "to-stock");
    assert_eq!(shown["handler"], Value::Null);
    let reason = "caller to-stock: the replies in replies cannot be read";
    assert_eq!(shown["failure"]["reason"], reason);
    let text = format!(
        "caller to-stock does not work: NoLeader: {reason}; check that a broker runs there"
    );
    assert_eq!(shown["text"], text);
    let readyz = probes.answer("/readyz", None, now);
    let line = format!("[-]bus failed: NotReady for 0.0 s: {text}\n");
    assert!(readyz.body.contains(&line), "{}", readyz.body);
}

#[test]
fn lease_that_ran_out_is_shown_without_a_report() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.report(now, running(now));
    let body = statusz(&probes, now + Duration::from_secs(10));
    assert_eq!(body["ready"], false);
    assert_eq!(body["started"], true);
    let shown = &body["services"][0];
    assert_eq!(shown["status"], "NotReady");
    assert_eq!(shown["cause"], "Starved");
    assert_eq!(shown["lease_until"], Value::Null);
    assert!(shown["since"].as_str() > shown["last_evidence"].as_str());
}

#[test]
fn document_has_each_status_and_class() {
    let schemas = &openapi()["components"]["schemas"];
    let statuses: Vec<&str> = Status::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(schemas["Status"]["enum"], json!(statuses));
    let classes: Vec<&str> = FailureClass::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(schemas["FailureClass"]["enum"], json!(classes));
}

/// Checks the check.
#[test]
fn document_refuses_what_it_does_not_describe() {
    let now = Instant::now();
    let (probes, _reporter) = services(now);
    let body = statusz(&probes, now);
    let validator = validator();
    let refuses = |change: fn(&mut Value)| {
        let mut changed = body.clone();
        change(&mut changed);
        assert_ne!(changed, body);
        !validator.is_valid(&changed)
    };
    assert!(refuses(|it| it["services"][0]["secret"] = json!("x")));
    assert!(refuses(|it| it["services"][0]["status"] = json!("running")));
    assert!(refuses(|it| it["time"] = json!("yesterday")));
    assert!(refuses(|it| {
        it.as_object_mut().expect("an object").remove("ready");
    }));
}

/// Each path of the document is answered with a status that it names.
#[test]
fn document_has_the_paths_that_are_answered() {
    let now = Instant::now();
    let (probes, bus) = services(now);
    bus.report(now, running(now));
    let document = openapi();
    let paths = document["paths"].as_object().expect("an object");
    for (path, item) in paths {
        let path = match &**path {
            "/livez/{check}" => "/livez/ping".to_owned(),
            other => other.replace("{check}", "bus"),
        };
        let responses = item["get"]["responses"].as_object().expect("an object");
        for (at, status) in [(now, 200), (now + Duration::from_secs(10), 503)] {
            let answer = probes.answer(&path, None, at);
            let response = responses.get(&answer.status.to_string());
            let response = response.unwrap_or_else(|| panic!("{path}: {answer:?}"));
            assert!(response["content"].get(answer.content_type).is_some());
            if path.starts_with("/readyz") {
                assert_eq!(answer.status, status, "{path}");
            }
        }
    }
    assert_eq!(paths.len(), 8);
}
