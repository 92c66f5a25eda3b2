//! The faults of the original library of VOLTHA, and that calls do not have them, on every runner. `docs/voltha-wire.md` names them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::join_all;
use livebus_core::calls::{Execution, NotSent, Settings as CallSettings};
use livebus_core::dispatch::Settings as DispatchSettings;
use livebus_runner::calls::{CallError, Caller};
use livebus_tests::host::FullRunner;
use livebus_tests::memory_bus::SendFault;

use crate::calls::{call_with, caller, cluster, ends, handler, reversing, serve};
use crate::waiting::{eventually, within};

/// There a one-way call leaves an entry behind that nothing removes.
pub(crate) async fn one_way_calls_leave_nothing_behind<R: FullRunner>() {
    let cluster = cluster();
    let mut settings = CallSettings::default();
    settings.limits.calls = 3;
    let caller = Caller::builder("to-stock", "replies")
        .settings(settings)
        .build();
    let caller = caller.expect("is valid");
    let _callee = serve::<R>(&cluster, reversing()).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    for _ in 0..200 {
        let mut call = Box::pin(caller.call("stock", "7", "nobody waits").into_future());
        assert!(call.as_mut().now_or_never().is_none());
        drop(call);
        // One that is over the limit would be refused.
        let reply = ends::<R>(caller.call("stock", "8", "abc")).await;
        assert_eq!(reply, Ok(b"cba".to_vec()));
    }
}

/// There a request that could not be sent waits for its timeout.
pub(crate) async fn failed_send_ends_its_call_at_once<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let _caller = call_with::<R>(&cluster, &caller).await;
    cluster.set_request_fault(SendFault::NotSent);
    let call = caller
        .call("stock", "7", "abc")
        .deadline(Duration::from_hours(1));
    let error = ends::<R>(call).await.expect_err("it was not sent");
    assert!(
        matches!(error, CallError::NotSent(NotSent::Send(_))),
        "{error:?}"
    );
}

/// There a shutdown gives waiting callers an empty success.
pub(crate) async fn shutdown_is_no_success<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let settings = DispatchSettings {
        drain: Duration::from_millis(50),
        ..DispatchSettings::default()
    };
    let handler = handler().settings(settings).run(|_, _| async {
        futures::future::pending::<()>().await;
        Ok(Vec::new())
    });
    let stock = serve::<R>(&cluster, handler).await;
    let service = call_with::<R>(&cluster, &caller).await;
    let mut call = Box::pin(caller.call("stock", "7", "abc").into_future());
    assert!(call.as_mut().now_or_never().is_none());
    eventually::<R>("the request", || cluster.records("stock").len() == 1).await;
    within::<R, _>("the shutdown of the callee", stock.shutdown()).await;
    assert!(
        call.as_mut().now_or_never().is_none(),
        "the callee has said nothing"
    );
    within::<R, _>("the shutdown of the caller", service.shutdown()).await;
    let error = call
        .now_or_never()
        .expect("it has ended")
        .expect_err("nobody replied");
    assert_eq!(error.execution(), Execution::Maybe);
}

/// There a second reply to a call blocks the reader of all replies.
pub(crate) async fn duplicate_replies_block_nothing<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    cluster.set_reply_copies(50);
    let _callee = serve::<R>(&cluster, reversing()).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    for _ in 0..20 {
        assert_eq!(
            ends::<R>(caller.call("stock", "7", "abc")).await,
            Ok(b"cba".to_vec())
        );
    }
}

/// There a reply to a call that is over is sent on a closed channel, which panics.
pub(crate) async fn reply_to_a_call_that_is_over_is_dropped<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let _caller = call_with::<R>(&cluster, &caller).await;
    let short = caller
        .call("stock", "7", "abc")
        .deadline(Duration::from_millis(500));
    assert_eq!(ends::<R>(short).await, Err(CallError::Expired));
    // Its deadline is over by less than the tolerance, so it runs; on a very slow machine it is refused.
    let _callee = serve::<R>(&cluster, reversing()).await;
    eventually::<R>("the late reply", || !cluster.records("replies").is_empty()).await;
    assert_eq!(
        ends::<R>(caller.call("stock", "7", "abc")).await,
        Ok(b"cba".to_vec())
    );
}

/// There each request is a task of its own, however many there are.
pub(crate) async fn requests_run_within_their_concurrency<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let running = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let (counted, seen) = (Arc::clone(&running), Arc::clone(&most));
    let handler = handler().concurrency(3).run(move |_, _| {
        let (running, most) = (Arc::clone(&counted), Arc::clone(&seen));
        async move {
            let now = running.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(now, Ordering::Relaxed);
            R::sleep(Duration::from_millis(1)).await;
            running.fetch_sub(1, Ordering::Relaxed);
            Ok(Vec::new())
        }
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    let many = (0..100).map(|key| ends::<R>(caller.call("stock", format!("{key}"), "abc")));
    let all = join_all(many).await;
    assert!(all.iter().all(Result::is_ok));
    let most = most.load(Ordering::Relaxed);
    assert!((2..=3).contains(&most), "{most} at once");
}

/// There a panic of a handler ends the process.
pub(crate) async fn panic_of_a_function_ends_one_request<R: FullRunner>() {
    let (cluster, caller) = (cluster(), caller());
    let handler = handler().run(|request, _| {
        assert!(request.payload() != b"panic", "on purpose");
        async move {
            assert!(request.payload() != b"panic later", "on purpose");
            Ok(b"fine".to_vec())
        }
    });
    let _callee = serve::<R>(&cluster, handler).await;
    let _caller = call_with::<R>(&cluster, &caller).await;
    for payload in ["panic", "panic later"] {
        let error = ends::<R>(caller.call("stock", "7", payload)).await;
        assert!(matches!(error, Err(CallError::Failed(_))), "{error:?}");
        assert_eq!(
            ends::<R>(caller.call("stock", "7", "abc")).await,
            Ok(b"fine".to_vec())
        );
    }
}

/// There requests with one key run in any order.
pub(crate) async fn requests_with_one_key_run_in_their_order<R: FullRunner>() {
    let cases = [handler(), handler().at_most_once()];
    for case in cases {
        let (cluster, caller) = (cluster(), caller());
        let runs: Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>> = Arc::default();
        let noted = Arc::clone(&runs);
        let handler = case.run(move |request, _| {
            let runs = Arc::clone(&noted);
            async move {
                let (key, number) = (request.key().unwrap_or_default(), request.payload()[0]);
                // The later ones are faster.
                R::sleep(Duration::from_millis(u64::from(40 - number))).await;
                runs.lock()
                    .expect("no panic")
                    .entry(key.to_vec())
                    .or_default()
                    .push(number);
                Ok(Vec::new())
            }
        });
        let _callee = serve::<R>(&cluster, handler).await;
        let _caller = call_with::<R>(&cluster, &caller).await;
        let numbers: Vec<u8> = (0..20).collect();
        let many = numbers.iter().flat_map(|number| {
            let call = |key: &str| caller.call("stock", key, vec![*number]);
            [call("a"), call("b"), call("c")].map(ends::<R>)
        });
        let all = join_all(many).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        let runs = runs.lock().expect("no panic");
        for key in [b"a", b"b", b"c"] {
            assert_eq!(runs.get(&key[..]), Some(&numbers));
        }
    }
}
