//! Two services, one of which calls the other: their readiness, and how each ends.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures::executor::block_on;
use futures::future::join_all;
use livebus_core::calls::{Execution, NotSent};
use livebus_core::{Cause, Status};
use livebus_runner::calls::{CallError, Caller};
use livebus_tests::kafka_supervision::{KafkaSupervision, Parts};

use super::support::{Place, Runs, Service, calling, handler, number};
use crate::context::Context;
use crate::handlers::wait_until;

/// Much longer than any call takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// How long a slow request runs: longer than a shutdown takes to begin.
const SLOW: Duration = Duration::from_millis(700);

pub(crate) fn services_call_each_other_and_each_is_ready_for_itself(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let (topic, replies) = (&*format!("calls-{host}"), format!("calls-{host}-replies"));
    node.create_topic(topic, 3)?;
    node.create_topic(&replies, 2)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let caller = Caller::builder("orders", &replies)
        .default_deadline(DEADLINE)
        .build()?;
    let call = |request: &'static str| caller.call(topic, request, request);

    let error = block_on(call("1").into_future()).err();
    ensure!(
        error == Some(CallError::NotSent(NotSent::Bus(Cause::Unreported))),
        "{error:?}"
    );
    // The caller is ready without anyone who replies.
    let mut orders = place.begin("orders", host, calling(&caller))?;
    let change = orders.bus.next_change()?;
    ensure!(
        change.report.status == Status::Running || change.report.status == Status::NotReady,
        "{}",
        orders.bus.history_text()
    );
    orders.wait_for(Status::Running)?;
    let short = call("2").deadline(Duration::from_millis(300));
    let error = block_on(short.into_future()).err();
    ensure!(error == Some(CallError::Expired), "{error:?}");

    let runs = Runs::default();
    let noted = runs.clone();
    let handler = handler(topic).run(move |request, _cx| {
        let number = noted.note(&request);
        async move {
            if number == 7 || number == 8 {
                wait(SLOW).await;
            }
            Ok(number.to_string().into_bytes())
        }
    });
    let parts = Parts {
        call_handlers: vec![handler],
        ..Parts::default()
    };
    let stock = place.start("stock", context.other_host(), parts)?;
    let numbers = 100..300_u32;
    let all = numbers.clone().map(|it| {
        caller
            .call(topic, it.to_string(), it.to_string())
            .into_future()
    });
    let ended = block_on(join_all(all));
    for (it, reply) in numbers.zip(ended) {
        let reply = reply.with_context(|| format!("the call {it}"))?;
        ensure!(number(reply.payload()) == Some(it), "{it}: {reply:?}");
    }
    orders.stayed_running()?;

    // The callee replies to what runs before it ends. The caller stays ready.
    let slow = begun(&runs, call("7"))?;
    stock.shut_down()?;
    let reply = slow.join().expect("it does not panic")?;
    ensure!(reply == Some(7), "{reply:?}");
    orders.stayed_running()?;
    let short = call("9").deadline(Duration::from_millis(300));
    let error = block_on(short.into_future()).err();
    ensure!(error == Some(CallError::Expired), "{error:?}");

    // The caller waits for the replies to what has left, and takes nothing more.
    let handler = super::support::handler(topic);
    let runs = Runs::default();
    let noted = runs.clone();
    let handler = handler.run(move |request, _cx| {
        let number = noted.note(&request);
        async move {
            wait(SLOW).await;
            Ok(number.to_string().into_bytes())
        }
    });
    let parts = Parts {
        call_handlers: vec![handler],
        ..Parts::default()
    };
    let stock = place.start("stock again", host, parts)?;
    let slow = begun(&runs, call("8"))?;
    let Service { bus } = orders;
    shut_down_with(bus, &caller, topic)?;
    let reply = slow.join().expect("it does not panic")?;
    ensure!(reply == Some(8), "{reply:?}");
    let counters = caller.counters();
    ensure!(counters.called == counters.ended(), "{counters:?}");
    stock.wait_until_idle()?;
    stock.shut_down()
}

/// Shuts a caller down. While it waits for replies, it refuses other calls.
fn shut_down_with(bus: KafkaSupervision, caller: &Caller, topic: &str) -> anyhow::Result<()> {
    bus.handle().begin_shutdown();
    let mut refused = None;
    wait_until(|| {
        let short = Duration::from_secs(1);
        let call = caller.call(topic, "10", "10").deadline(short);
        refused = block_on(call.into_future()).err();
        refused == Some(CallError::NotSent(NotSent::ShuttingDown))
    })
    .with_context(|| format!("{refused:?}"))?;
    ensure!(
        refused.map(|it| it.execution()) == Some(Execution::Never),
        "it was not sent"
    );
    bus.shut_down()?;
    Ok(())
}

type Slow = std::thread::JoinHandle<anyhow::Result<Option<u32>>>;

/// Makes a call in a thread, and waits until its request runs.
fn begun(runs: &Runs, call: livebus_runner::calls::Call) -> anyhow::Result<Slow> {
    let before = runs.count();
    let slow = std::thread::spawn(move || {
        let reply = block_on(call.into_future())?;
        Ok(number(reply.payload()))
    });
    wait_until(|| runs.count() > before)?;
    Ok(slow)
}

/// Waits without a runtime, which the function of a handler does not know.
async fn wait(time: Duration) {
    let (done, is_done) = futures::channel::oneshot::channel::<()>();
    std::thread::spawn(move || {
        std::thread::sleep(time);
        drop(done);
    });
    let _ = is_done.await;
}
