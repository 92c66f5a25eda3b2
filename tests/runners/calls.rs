//! Calls between services, over a cluster in memory: how each one ends, on every runner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _};
use livebus_core::Settings;
use livebus_core::calls::{Execution, NotSent, Refusal, Settings as CallSettings, Unknown};
use livebus_core::dispatch::Settings as DispatchSettings;
use livebus_core::{Cause, FailureClass, Status};
use livebus_runner::calls::{
    ApplicationError, CallError, CallHandler, Caller, NotReplied, RunnableCallHandler,
};
use livebus_runner::{BuildError, Builder, Handle};
use livebus_tests::host::FullRunner;
use livebus_tests::memory_bus::{MemoryBus, MemoryCluster, SendFault};

use crate::waiting::{eventually, within};

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn cluster() -> MemoryCluster {
    let cluster = MemoryCluster::default();
    cluster.create_topic("stock", 3);
    cluster.create_topic("replies", 2);
    cluster
}

pub(crate) fn caller() -> Caller {
    let builder = Caller::builder("to-stock", "replies").default_deadline(DEADLINE);
    builder.build().expect("is valid")
}

pub(crate) fn handler() -> CallHandler {
    CallHandler::new("stock").topics(["stock"]).group("stock")
}

/// A handler that replies with the request, reversed.
pub(crate) fn reversing() -> RunnableCallHandler {
    handler()
        .run(|request, _cx| async move { Ok(request.payload().iter().rev().copied().collect()) })
}

fn builder<R: FullRunner>(cluster: &MemoryCluster) -> Builder<R, MemoryBus> {
    Builder::new(cluster.bus()).settings(Settings::fast())
}

pub(crate) async fn serve<R: FullRunner>(
    cluster: &MemoryCluster,
    handler: RunnableCallHandler,
) -> Handle<MemoryBus> {
    let started = builder::<R>(cluster)
        .service("stock")
        .call_handler(handler)
        .start();
    let handle = started.await.expect("is valid");
    within::<R, _>("the callee is ready", handle.ready())
        .await
        .expect("it runs");
    handle
}

pub(crate) async fn call_with<R: FullRunner>(
    cluster: &MemoryCluster,
    caller: &Caller,
) -> Handle<MemoryBus> {
    let started = builder::<R>(cluster)
        .service("orders")
        .caller(caller)
        .start();
    let handle = started.await.expect("is valid");
    within::<R, _>("the caller is ready", handle.ready())
        .await
        .expect("it runs");
    handle
}

pub(crate) async fn ends<R: FullRunner>(
    call: livebus_runner::calls::Call,
) -> Result<Vec<u8>, CallError> {
    let ended = within::<R, _>("the end of a call", call.into_future()).await;
    ended.map(|reply| reply.payload().to_vec())
}

pub(crate) async fn call_is_replied<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let _callee = serve::<R>(&cluster, reversing()).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    assert_eq!(
        ends::<R>(caller.call("stock", "7", "abc")).await,
        Ok(b"cba".to_vec())
    );
    assert_eq!(
        ends::<R>(caller.call("stock", "", "")).await,
        Ok(Vec::new())
    );
    let many = (0..200).map(|number| {
        let caller = caller.clone();
        async move {
            let text = format!("request {number}");
            let reply =
                ends::<R>(caller.call("stock", format!("key {number}"), text.clone())).await;
            assert_eq!(reply, Ok(text.bytes().rev().collect()));
        }
    });
    join_all(many).await;
}

pub(crate) async fn service_calls_from_a_handler<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    cluster.create_topic("orders", 1);
    let _callee = serve::<R>(&cluster, reversing()).await;
    let inner = caller.clone();
    let orders = CallHandler::new("orders")
        .topics(["orders"])
        .group("orders");
    let orders = orders.run(move |request, cx| {
        let left = cx.deadline().saturating_duration_since(Instant::now());
        let call = inner.call("stock", "7", request.payload()).deadline(left);
        async move {
            let reply = call.await.map_err(|error| ApplicationError {
                code: 9,
                reason: error.to_string(),
            })?;
            Ok(reply.payload().to_vec())
        }
    });
    let service = builder::<R>(&cluster)
        .service("orders")
        .caller(&caller)
        .call_handler(orders);
    let service = service.start().await.expect("is valid");
    within::<R, _>("ready", service.ready())
        .await
        .expect("it runs");
    let outer = Caller::builder("to-orders", "replies")
        .build()
        .expect("is valid");
    let _outer = call_with::<R>(&cluster, &outer).await;
    assert_eq!(
        ends::<R>(outer.call("orders", "1", "abc")).await,
        Ok(b"cba".to_vec())
    );
}

pub(crate) async fn errors_of_the_application_and_panics_reach_the_caller<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler()
        .methods(["fail", "panic", "refuse"])
        .run(move |request, _cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                match request.method() {
                    Some("fail") => Err(NotReplied::Failed(ApplicationError {
                        code: 7,
                        reason: "no stock".to_owned(),
                    })),
                    Some("refuse") => Err(Refusal::Overloaded.into()),
                    Some(_) | None => panic!("on purpose"),
                }
            }
        });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    let call = |method: &str| caller.call("stock", "7", "abc").method(method);
    let failed = ends::<R>(call("fail")).await.expect_err("it fails");
    assert_eq!(failed.execution(), Execution::Done);
    assert!(
        matches!(failed, CallError::Failed(error) if error.code == 7 && error.reason == "no stock")
    );
    let panicked = ends::<R>(call("panic")).await.expect_err("it fails");
    assert!(
        matches!(&panicked, CallError::Failed(error) if error.code == -1),
        "{panicked:?}"
    );
    assert_eq!(runs.load(Ordering::Relaxed), 2, "neither was repeated");
    // Whether an earlier owner of the partition began it is not known so soon after the start.
    let refused = ends::<R>(call("refuse")).await.expect_err("it is refused");
    let maybe = CallError::SentUnknown(Unknown::Refused(Refusal::Overloaded));
    assert!(
        refused == maybe || refused == CallError::Refused(Refusal::Overloaded),
        "{refused:?}"
    );
    let unsupported = ends::<R>(call("other"))
        .await
        .expect_err("there is no such method");
    assert!(
        unsupported.to_string().contains("no such method"),
        "{unsupported}"
    );
    assert_eq!(
        runs.load(Ordering::Relaxed),
        3,
        "an unknown method does not run"
    );
}

pub(crate) async fn function_that_takes_too_long_is_an_error_for_its_caller<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let settings = DispatchSettings {
        record_timeout: Some(Duration::from_millis(20)),
        ..DispatchSettings::default()
    };
    let handler = handler().settings(settings).run(|_, _| async {
        futures::future::pending::<()>().await;
        Ok(Vec::new())
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("it is pending");
    assert!(
        matches!(&error, CallError::Failed(error) if error.code == -2),
        "{error:?}"
    );
}

pub(crate) async fn refusal_says_never_only_after_a_commit<R: FullRunner>() {
    let cluster = cluster();
    cluster.create_topic("stock", 1);
    let caller = caller();
    // One request may have been begun before, and the next ones not.
    let mut settings = DispatchSettings::default();
    settings.limits.unacknowledged = 1;
    settings.limits.runs = 1;
    let handler = handler().settings(settings);
    let handler = handler.run(|_, _| async { Err(Refusal::Overloaded.into()) });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    let call = || ends::<R>(caller.call("stock", "7", "abc"));
    let maybe = CallError::SentUnknown(Unknown::Refused(Refusal::Overloaded));
    let first = call().await.expect_err("it is refused");
    assert_eq!(first, maybe, "an earlier owner may have run it");
    eventually::<R>("its commit", || {
        cluster.position("stock", "stock", 0) == Some(1)
    })
    .await;
    let second = call().await.expect_err("it is refused");
    assert_eq!(second, CallError::Refused(Refusal::Overloaded));
    assert_eq!(cluster.position("stock", "stock", 0), Some(2));
    cluster.set_may_commit(false);
    let third = call().await.expect_err("it is refused");
    assert_eq!(third, maybe, "a later owner may run it");
}

pub(crate) async fn calls_fail_at_once_while_the_bus_cannot_be_used<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("it is not started");
    assert_eq!(error, CallError::NotSent(NotSent::Bus(Cause::Unreported)));
    let service = call_with::<R>(&cluster, &caller).await;
    cluster.set_up(false);
    eventually::<R>("NotReady", || service.status() == Status::NotReady).await;
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("the bus is down");
    let NotSent::Bus(Cause::LivenessFailed(failure)) = not_sent(&error) else {
        panic!("{error:?}");
    };
    assert_eq!(failure.class, FailureClass::Unreachable);
    assert_eq!(error.execution(), Execution::Never);
    assert_eq!(cluster.records("stock").len(), 0, "nothing was sent");
    cluster.set_up(true);
    within::<R, _>("ready", service.ready())
        .await
        .expect("it runs");
    let _callee = serve::<R>(&cluster, reversing()).await;
    assert_eq!(
        ends::<R>(caller.call("stock", "7", "abc")).await,
        Ok(b"cba".to_vec())
    );
}

fn not_sent(error: &CallError) -> NotSent {
    match error {
        CallError::NotSent(reason) => *reason,
        CallError::Failed(_)
        | CallError::Refused(_)
        | CallError::SentUnknown(_)
        | CallError::Expired
        | CallError::ShuttingDown => panic!("{error:?} was sent"),
    }
}

pub(crate) async fn replies_that_cannot_be_read_are_a_cause_of_their_own<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let service = call_with::<R>(&cluster, &caller).await;
    cluster.set_replies_readable(false);
    eventually::<R>("NotReady", || service.status() == Status::NotReady).await;
    let report = service.report();
    let Cause::HandlerFailed(_, failure) = report.cause else {
        panic!("{report:?}");
    };
    assert_eq!(failure.class, FailureClass::NoLeader);
    let described = service.describe(&report);
    let reason = "caller to-stock: the replies in replies cannot be read";
    assert!(described.contains(reason), "{described}");
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("no reply could be read");
    assert_eq!(not_sent(&error), NotSent::Replies(failure));
    cluster.set_replies_readable(true);
    within::<R, _>("ready", service.ready())
        .await
        .expect("it runs");
}

pub(crate) async fn each_send_fault_has_a_true_outcome<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let _service = call_with::<R>(&cluster, &caller).await;
    let short = Duration::from_secs(1);
    let call = || caller.call("stock", "7", "abc").deadline(short);
    let cases = [
        (SendFault::NotSent, Execution::Never, 0),
        (SendFault::WrittenUnknown, Execution::Maybe, 1),
        (SendFault::LostUnknown, Execution::Maybe, 1),
        (SendFault::Hanging, Execution::Maybe, 1),
        // Nobody replies.
        (SendFault::None, Execution::Maybe, 2),
    ];
    for (fault, execution, written) in cases {
        cluster.set_request_fault(fault);
        let began = Instant::now();
        let error = ends::<R>(call()).await.expect_err("nobody replies");
        assert_eq!(error.execution(), execution, "{fault:?}: {error}");
        assert_eq!(cluster.records("stock").len(), written, "{fault:?}");
        if matches!(fault, SendFault::Hanging | SendFault::None) {
            assert_eq!(error, CallError::Expired, "{fault:?}");
            assert!(began.elapsed() >= short, "{fault:?}");
        }
    }
    let error = ends::<R>(caller.call("no-such-topic", "7", "abc"))
        .await
        .expect_err("no topic");
    assert_eq!(
        not_sent(&error),
        NotSent::Send(FailureClass::TopicMissing.into())
    );
}

pub(crate) async fn idempotent_call_is_sent_again_and_runs_once<R: FullRunner>() {
    let cluster = cluster();
    let settings = CallSettings {
        attempt_timeout: Duration::from_millis(100),
        attempts: 50,
        ..CallSettings::default()
    };
    let caller = Caller::builder("to-stock", "replies")
        .settings(settings)
        .build();
    let caller = caller.expect("is valid");
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler().run(move |request, _cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(request.payload().to_vec()) }
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    // The first reply is lost.
    cluster.set_reply_copies(0);
    let call = caller
        .call("stock", "7", "abc")
        .idempotent("order 1")
        .deadline(DEADLINE);
    let mut call = Box::pin(call.into_future());
    assert!(call.as_mut().now_or_never().is_none());
    eventually::<R>("another attempt", || cluster.records("stock").len() >= 2).await;
    cluster.set_reply_copies(1);
    let reply = within::<R, _>("the reply", call)
        .await
        .expect("it is replied");
    assert_eq!(reply.payload(), b"abc");
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    // The same key again is answered from the window of old replies.
    let again = caller.call("stock", "7", "xyz").idempotent("order 1");
    assert_eq!(ends::<R>(again).await, Ok(b"abc".to_vec()));
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

pub(crate) async fn dropped_call_is_cancelled_at_the_callee<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let (begun, mut begins) = futures::channel::mpsc::unbounded();
    let (dropped, mut drops) = futures::channel::mpsc::unbounded();
    let handler = handler().run(move |request, _cx| {
        let _ = begun.unbounded_send(request.payload().to_vec());
        let on_drop = OnDrop(dropped.clone());
        async move {
            let _on_drop = on_drop;
            futures::future::pending::<()>().await;
            Ok(Vec::new())
        }
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    let mut first = Box::pin(caller.call("stock", "7", "first").into_future());
    assert!(first.as_mut().now_or_never().is_none());
    let name = within::<R, _>("the run", begins.next()).await;
    assert_eq!(name.as_deref(), Some(&b"first"[..]));
    let mut second = Box::pin(caller.call("stock", "7", "second").into_future());
    assert!(second.as_mut().now_or_never().is_none());
    eventually::<R>("both requests", || cluster.records("stock").len() == 2).await;
    // The second waits behind the first, which has the same key. It never runs.
    drop(second);
    eventually::<R>("a cancel record", || cluster.records("stock").len() == 3).await;
    drop(first);
    within::<R, _>("the end of the run", drops.next())
        .await
        .expect("it is dropped");
    eventually::<R>("all positions", || {
        let positions = (0..3).filter_map(|it| cluster.position("stock", "stock", it));
        positions.sum::<i64>() == 4
    })
    .await;
    assert!(
        begins.next().now_or_never().is_none(),
        "the second must not run"
    );
}

struct OnDrop(futures::channel::mpsc::UnboundedSender<()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = self.0.unbounded_send(());
    }
}

pub(crate) async fn request_that_is_too_old_is_refused_with_its_age<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let _caller = call_with::<R>(&cluster, &caller).await;
    let short = Duration::from_millis(500);
    let error = ends::<R>(caller.call("stock", "7", "abc").deadline(short)).await;
    assert_eq!(error, Err(CallError::Expired));
    let handler = handler().tolerance(Duration::ZERO);
    let handler = handler.run(|_, _| async { panic!("it is too old") });
    let _callee = serve::<R>(&cluster, handler).await;
    eventually::<R>("a refusal", || !cluster.records("replies").is_empty()).await;
    let reply = cluster.records("replies").remove(0);
    let header = |name: &str| {
        let found = reply.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let all = format!(
        "{:?}",
        reply
            .headers
            .iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    );
    let age = header("livebus.age.ms").unwrap_or_else(|| panic!("no age in {all}"));
    assert!(age.parse::<u64>().is_ok_and(|age| age >= 50), "{age}");
}

pub(crate) async fn at_most_once_runs_after_the_commit<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler().at_most_once().run(move |request, _cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Ok(request.payload().to_vec()) }
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    assert_eq!(
        ends::<R>(caller.call("stock", "7", "abc")).await,
        Ok(b"abc".to_vec())
    );
    let many = (0..300).map(|number| {
        let call = caller.call("stock", format!("{}", number % 7), format!("{number}"));
        ends::<R>(call)
    });
    let replies = join_all(many).await;
    for (number, reply) in replies.into_iter().enumerate() {
        assert_eq!(reply, Ok(number.to_string().into_bytes()));
    }
    assert_eq!(runs.load(Ordering::Relaxed), 301);
    // Without a commit nothing runs.
    cluster.set_may_commit(false);
    let short = Duration::from_secs(1);
    let error = ends::<R>(caller.call("stock", "7", "abc").deadline(short)).await;
    assert_eq!(error, Err(CallError::Expired));
    assert_eq!(runs.load(Ordering::Relaxed), 301);
}

pub(crate) async fn calls_over_the_limit_are_refused_with_a_hint<R: FullRunner>() {
    let cluster = cluster();
    let mut settings = CallSettings::default();
    settings.limits.calls = 2;
    settings.limits.call_bytes = 100;
    let caller = Caller::builder("to-stock", "replies")
        .settings(settings)
        .build();
    let caller = caller.expect("is valid");
    let _caller = call_with::<R>(&cluster, &caller).await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        let mut call = Box::pin(caller.call("stock", "7", "abc").into_future());
        assert!(call.as_mut().now_or_never().is_none());
        calls.push(call);
    }
    eventually::<R>("both requests", || cluster.records("stock").len() == 2).await;
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("over the limit");
    assert!(
        error.retry_after().is_some_and(|it| !it.is_zero()),
        "{error:?}"
    );
    let large = vec![0; 101];
    let error = ends::<R>(caller.call("stock", "7", large))
        .await
        .expect_err("it is too large");
    assert_eq!(not_sent(&error), NotSent::TooLarge);
}

pub(crate) async fn shutdown_ends_every_call_within_its_bound<R: FullRunner>() {
    let cluster = cluster();
    let settings = CallSettings {
        drain: Duration::from_millis(200),
        ..CallSettings::default()
    };
    let caller = Caller::builder("to-stock", "replies")
        .settings(settings)
        .build();
    let caller = caller.expect("is valid");
    let service = call_with::<R>(&cluster, &caller).await;
    let mut call = Box::pin(
        caller
            .call("stock", "7", "abc")
            .deadline(DEADLINE)
            .into_future(),
    );
    assert!(call.as_mut().now_or_never().is_none());
    eventually::<R>("the request", || cluster.records("stock").len() == 1).await;
    within::<R, _>("the shutdown", service.shutdown()).await;
    let ended = call.now_or_never().expect("it has ended");
    assert_eq!(ended.err(), Some(CallError::ShuttingDown));
    let error = ends::<R>(caller.call("stock", "7", "abc"))
        .await
        .expect_err("it is shut down");
    assert_eq!(not_sent(&error), NotSent::ShuttingDown);
}

pub(crate) async fn foreign_and_duplicate_replies_do_no_harm<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    cluster.set_reply_copies(3);
    let _callee = serve::<R>(&cluster, reversing()).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    for partition in 0..2 {
        let garbage = MemoryCluster::record("replies", None, b"garbage");
        let garbage = livebus_runner::calls::OutgoingRecord {
            partition: Some(partition),
            ..garbage
        };
        assert_eq!(cluster.write(&garbage), Some(partition));
    }
    for number in 0..50 {
        let text = format!("{number}");
        let reply = ends::<R>(caller.call("stock", text.clone(), text.clone())).await;
        assert_eq!(reply, Ok(text.bytes().rev().collect()));
    }
}

pub(crate) async fn record_that_is_no_request_is_skipped<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let garbage = MemoryCluster::record("stock", Some(b"7"), b"garbage");
    assert!(cluster.write(&garbage).is_some());
    let _callee = serve::<R>(&cluster, reversing()).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    assert_eq!(
        ends::<R>(caller.call("stock", "7", "abc")).await,
        Ok(b"cba".to_vec())
    );
}

pub(crate) async fn callers_that_cannot_be_right_are_refused<R: FullRunner>() {
    let cluster = cluster();
    let refused = async |builder: Builder<R, MemoryBus>| match builder.start().await {
        Ok(_) => panic!("it was started"),
        Err(error) => error.to_string(),
    };
    let caller = caller();
    let _service = call_with::<R>(&cluster, &caller).await;
    let again = builder::<R>(&cluster).caller(&caller).start().await;
    assert!(
        matches!(again, Err(BuildError::Caller(_))),
        "a caller starts once"
    );
    let illegal = Caller::builder("orders", "a/b")
        .build()
        .expect("the bus knows");
    let text = refused(builder::<R>(&cluster).caller(&illegal)).await;
    assert!(text.contains("`orders`") && text.contains("a/b"), "{text}");
    let same = Caller::builder("stock", "replies")
        .build()
        .expect("is valid");
    let text = refused(
        builder::<R>(&cluster)
            .caller(&same)
            .call_handler(reversing()),
    )
    .await;
    assert!(text.contains("stock"), "{text}");
    let no_group = CallHandler::new("stock").topics(["stock"]);
    let no_group = no_group.run(|_, _| async { Ok(Vec::new()) });
    let text = refused(builder::<R>(&cluster).call_handler(no_group)).await;
    assert!(text.contains("group"), "{text}");
    let endless = handler()
        .tolerance(Duration::MAX)
        .run(|_, _| async { Ok(Vec::new()) });
    let text = refused(builder::<R>(&cluster).call_handler(endless)).await;
    assert!(text.contains("tolerance"), "{text}");
}
