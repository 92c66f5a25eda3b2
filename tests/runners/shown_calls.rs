//! What a process shows of its callers and call handlers: in its metrics, in `/statusz`, and in its log.

use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use livebus_core::calls::{CallId, Correlation, Identity};
use livebus_core::{Settings, Status};
use livebus_runner::calls::{
    Call, CallError, CallHandler, Caller, HeaderWire, OutgoingRecord, ReplyAddress, RequestToWrite,
    RunnableCallHandler, Wire as _,
};
use livebus_runner::{Builder, Handle};
use livebus_tests::host::FullRunner;
use livebus_tests::memory_bus::{MemoryBus, MemoryCluster};
use livebus_tests::promtool;
use serde_json::Value;

use crate::log;
use crate::metrics::{scrape, until, value};
use crate::probes::{any_port, request};
use crate::statusz::statusz;
use crate::waiting::{eventually, start, within};

fn cluster() -> MemoryCluster {
    let cluster = MemoryCluster::default();
    cluster.create_topic("stock", 1);
    cluster.create_topic("replies", 1);
    cluster
}

fn caller() -> Caller {
    let caller = Caller::builder("to-stock", "replies").build();
    caller.expect("is valid")
}

/// A handler that replies to requests, but not to those that begin with `hang`.
fn handler() -> RunnableCallHandler {
    let handler = CallHandler::new("stock").topics(["stock"]).group("stock");
    handler.run(|request, _cx| async move {
        if request.payload().starts_with(b"hang") {
            futures::future::pending::<()>().await;
        }
        Ok(request.payload().to_vec())
    })
}

/// A service that calls itself.
fn builder<R: FullRunner>(
    cluster: &MemoryCluster,
    caller: &Caller,
    service: &str,
) -> Builder<R, MemoryBus> {
    Builder::new(cluster.bus())
        .settings(Settings::fast())
        .service(service)
        .caller(caller)
        .call_handler(handler())
        .http(any_port())
}

async fn ends<R: FullRunner>(call: Call) -> Result<Vec<u8>, CallError> {
    let ended = within::<R, _>("the end of a call", call.into_future()).await;
    ended.map(|reply| reply.payload().to_vec())
}

/// A request whose reply topic does not exist.
fn request_without_reply_topic() -> OutgoingRecord {
    let written = HeaderWire.write_request(RequestToWrite {
        correlation: Correlation {
            from: Identity {
                instance: 7,
                epoch: 7,
            },
            call: CallId(7),
        },
        attempt: 1,
        topic: "stock",
        reply_to: &ReplyAddress {
            topic: "gone".into(),
            partition: Some(0),
        },
        time: Duration::from_secs(10),
        timestamp: SystemTime::now(),
        idempotency_key: None,
        method: None,
        traceparent: None,
        payload: b"secret".to_vec(),
    });
    let written = written.expect("the wire carries it");
    OutgoingRecord {
        payload: written.payload,
        headers: written.headers,
        ..MemoryCluster::record("stock", Some(b"other"), b"")
    }
}

fn series(metrics: &str) -> Vec<&str> {
    let of_samples = metrics.lines().filter(|line| !line.starts_with('#'));
    of_samples
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect()
}

pub(crate) async fn promtool_accepts_the_metrics_of_calls<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let (handle, mut changes) = start(builder::<R>(&cluster, &caller, "message-bus")).await;
    let first = scrape::<R, _>(&handle, "*/*").await.body;
    promtool::check_metrics(&first).expect("promtool accepts the first answer");
    changes.until(Status::Running).await;
    ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect("it is replied");
    let replied = of_caller("calls_total", "outcome=\"replied\"");
    let metrics = until::<R, _>(&handle, |it| value(it, &replied) == "1").await;
    promtool::check_metrics(&metrics).expect("promtool accepts the metrics");
    assert!(metrics.contains("livebus_call_handler_requests_held"));
}

/// Returns a series of the caller.
fn of_caller(name: &str, label: &str) -> String {
    let comma = if label.is_empty() { "" } else { "," };
    format!(
        "livebus_caller_{name}{{livebus_service=\"message-bus\",caller=\"to-stock\"{comma}{label}}}"
    )
}

/// Returns a series of the call handler.
fn of_handler(name: &str, label: &str) -> String {
    let comma = if label.is_empty() { "" } else { "," };
    format!(
        "livebus_call_handler_{name}{{livebus_service=\"message-bus\",handler=\"stock\"{comma}{label}}}"
    )
}

pub(crate) async fn metrics_follow_the_calls_and_stay_after_the_end<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    ends::<R>(caller.call("stock", "7", "too early"))
        .await
        .expect_err("no supervision has it");
    assert_eq!(caller.counters().not_sent, 1);
    let (handle, mut changes) = start(builder::<R>(&cluster, &caller, "message-bus")).await;
    let first = scrape::<R, _>(&handle, "*/*").await.body;
    for outcome in ["replied", "refused", "expired", "cancelled"] {
        let ended = of_caller("calls_total", &format!("outcome=\"{outcome}\""));
        assert_eq!(value(&first, &ended), "0", "{outcome}");
    }
    let not_sent = of_caller("calls_total", "outcome=\"not_sent\"");
    assert_eq!(value(&first, &not_sent), "1");
    changes.until(Status::Running).await;

    // One that is replied twice, one that is answered with its reply, one that is over its deadline, and one in flight.
    cluster.set_reply_copies(2);
    let keyed = || caller.call("stock", "7", "abc").idempotent("order 1");
    for _ in 0..2 {
        assert_eq!(ends::<R>(keyed()).await, Ok(b"abc".to_vec()));
    }
    let short = Duration::from_millis(500);
    let expired = ends::<R>(caller.call("stock", "8", "hang 1").deadline(short)).await;
    assert_eq!(expired, Err(CallError::Expired));
    let mut in_flight = Box::pin(caller.call("stock", "9", "hang 2").into_future());
    assert!(in_flight.as_mut().now_or_never().is_none());
    for topic in ["stock", "replies"] {
        let record = MemoryCluster::record(topic, Some(b"other"), b"secret");
        cluster.write(&record).expect("there is such a topic");
    }
    cluster
        .write(&request_without_reply_topic())
        .expect("there is such a topic");

    let dropped = |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        of_caller("replies_dropped_total", &label)
    };
    let requests = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        of_handler("requests_total", &label)
    };
    let expected = [
        (of_caller("registered", ""), "1"),
        (of_caller("calls_in_flight", ""), "1"),
        (of_caller("bytes_in_flight", ""), "7"),
        (of_caller("calls_total", "outcome=\"replied\""), "2"),
        (of_caller("calls_total", "outcome=\"expired\""), "1"),
        (of_caller("retries_total", ""), "0"),
        (dropped("duplicate"), "2"),
        (dropped("unreadable"), "1"),
        (dropped("foreign"), "0"),
        // Those that are replied, that hang, and whose reply is lost.
        (requests("run"), "4"),
        (requests("repeated"), "1"),
        (requests("unreadable"), "1"),
        (of_handler("replies_lost_total", ""), "1"),
    ];
    let age = of_caller("oldest_call_age_seconds", "");
    let metrics = until::<R, _>(&handle, |it| {
        let are_shown = expected.iter().all(|(of, count)| value(it, of) == *count);
        // The call that is over its deadline ends a second later at its callee: clocks may differ.
        let held = value(it, &of_handler("requests_held", ""));
        are_shown && held == "1" && value(it, &age) != "0.0"
    })
    .await;
    assert_eq!(series(&first), series(&metrics), "all are there from zero");
    assert!(!metrics.contains(
        "livebus_handler_registered{livebus_service=\"message-bus\",handler=\"to-stock\"}"
    ));

    let probes = handle.probes();
    handle.shutdown().await;
    let ended = within::<R, _>("the end of the call", in_flight).await;
    assert_eq!(ended.map(|_| ()), Err(CallError::ShuttingDown));
    ends::<R>(caller.call("stock", "7", "too late"))
        .await
        .expect_err("the caller has ended");
    eventually::<R>("the end of the loops", || {
        let metrics = probes.answer("/metrics", None, std::time::Instant::now());
        let metrics = metrics.body;
        [
            (of_caller("registered", ""), "0"),
            (of_caller("calls_in_flight", ""), "0"),
            (of_caller("calls_total", "outcome=\"shutting_down\""), "1"),
            (of_caller("calls_total", "outcome=\"replied\""), "2"),
            (not_sent.clone(), "2"),
            (requests("run"), "4"),
            (of_handler("replies_lost_total", ""), "1"),
        ]
        .iter()
        .all(|(of, count)| value(&metrics, of) == *count)
    })
    .await;
    let counters = caller.counters();
    assert_eq!(counters.called, counters.ended());
    assert_eq!(counters.called, 6);
}

pub(crate) async fn statusz_and_the_log_name_the_caller_and_the_handler<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let service = format!("calls-itself-{}", caller.identity().instance);
    let (handle, mut changes) = start(builder::<R>(&cluster, &caller, &service)).await;
    changes.until(Status::Running).await;
    ends::<R>(caller.call("stock", "7", "secret"))
        .await
        .expect("it is replied");
    for topic in ["stock", "replies"] {
        for _ in 0..100 {
            let record = MemoryCluster::record(topic, None, b"secret");
            cluster.write(&record).expect("there is such a topic");
        }
    }
    cluster
        .write(&request_without_reply_topic())
        .expect("there is such a topic");
    let body = statusz_until::<R>(&handle, |body| {
        let service = &body["services"][0];
        let [handler, caller] = [&service["handlers"][0], &service["callers"][0]];
        handler["requests"]["unreadable"] == 100
            && handler["requests"]["lost_replies"] == 1
            && handler["requests"]["held"] == 0
            && caller["calls"]["unreadable_replies"] == 100
            && caller["calls"]["counters"]["replied"] == 1
    })
    .await;
    let shown = &body["services"][0];
    assert_eq!(shown["handlers"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["callers"][0]["name"], "to-stock");
    assert_eq!(shown["callers"][0]["registered"], true);
    assert_eq!(shown["handlers"][0]["requests"]["counters"]["runs"], 2);
    assert!(!body.to_string().contains("secret"), "{body:#}");

    cluster.set_replies_readable(false);
    changes.until(Status::NotReady).await;
    let body = statusz_until::<R>(&handle, |body| body["services"][0]["caller"] != Value::Null);
    let shown = &body.await["services"][0];
    assert_eq!(shown["caller"], "to-stock");
    assert_eq!(shown["handler"], Value::Null);
    let text = "caller to-stock does not work: NoLeader: \
                caller to-stock: the replies in replies cannot be read";
    let is_in = |value: &Value| value.as_str().is_some_and(|it| it.contains(text));
    assert!(is_in(&shown["text"]), "{shown:#}");
    let readyz = request::<R, _>(&handle, "GET", "/readyz").await;
    assert_eq!(readyz.status, 503);
    assert!(readyz.body.contains(text), "{readyz:?}");
    handle.shutdown().await;

    let log = log::text();
    let service = format!("service=\"{service}\"");
    let lines = |what: &str| -> Vec<&str> {
        let lines = log.lines();
        lines
            .filter(|line| line.contains(&service) && line.contains(what))
            .collect()
    };
    for (what, parts) in [
        (
            "records are no requests",
            &[
                "handler=\"stock\"",
                "topic=\"stock\"",
                "partition=0",
                "offset=",
                "records=1 ",
            ][..],
        ),
        (
            "records of the reply topic are no replies",
            &[
                "caller=\"to-stock\"",
                "topic=\"replies\"",
                "offset=",
                "records=1 ",
            ],
        ),
        (
            "replies did not arrive",
            &["handler=\"stock\"", "replies=1 ", "TopicMissing"],
        ),
        (
            "the replies cannot be read",
            &["caller=\"to-stock\"", "reply_topic=\"replies\"", "NoLeader"],
        ),
    ] {
        let found = lines(what);
        let [line] = found[..] else {
            panic!("{what}: {found:#?}");
        };
        for part in parts {
            assert!(line.contains(part), "{line:?} has no {part:?}");
        }
    }
    assert_eq!(lines("a record failed"), Vec::<&str>::new());
    assert_eq!(lines("secret"), Vec::<&str>::new());
}

async fn statusz_until<R: FullRunner>(
    handle: &Handle<MemoryBus>,
    condition: impl Fn(&Value) -> bool,
) -> Value {
    let polled = async {
        loop {
            let body = statusz::<R, _>(handle).await;
            if condition(&body) {
                return body;
            }
            R::sleep(Duration::from_millis(20)).await;
        }
    };
    within::<R, _>("what statusz shows", polled).await
}
