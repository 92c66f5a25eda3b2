//! How a handler ends: with a broker that hangs, and by a crash.

use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::dispatch::{Order, Settings};
use livebus_runner::handlers::RequestHandler;
use livebus_tests::apache_kafka::NodeOptions;

use super::support::{Handled, commit_of, committed, kafka, number, produce, wait_until};
use crate::context::Context;

const RECORDS: u32 = 300;

/// What a busy machine may add to a bound. A call that waits for a broker takes longer: the session's timeout, or forever.
const MARGIN: Duration = Duration::from_secs(10);

pub(crate) fn hung_or_killed_broker_does_not_hold_the_shutdown(
    context: &Context,
) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let mut buses = Vec::new();
    for name in ["hung", "killed"] {
        node.create_topic(name, 2)?;
        produce(&servers, name, 0..RECORDS)?;
        let seen = Handled::default();
        let handler = RequestHandler::new(name).topics([name]).group(name);
        let settings = Settings {
            drain: Duration::from_millis(500),
            commit_timeout: Duration::from_secs(1),
            ..handler.current_settings().clone()
        };
        let handler = handler
            .settings(settings)
            .run_blocking(seen.slow_function(Duration::from_millis(20)));
        let bus = context.serve(name, host, kafka(&servers)?, vec![handler])?;
        seen.wait_for(10)?;
        buses.push(bus);
    }
    let (killed, hung) = (buses.pop(), buses.pop());
    for (bus, is_killed) in [(hung, false), (killed, true)] {
        let bus = bus.expect("there are two");
        if is_killed {
            node.kill()?;
        } else {
            node.stop()?;
        }
        let (begin, within) = (Instant::now(), bus.handle().config().shutdown_bound());
        bus.shut_down()?;
        let took = begin.elapsed();
        ensure!(took < within + MARGIN, "the shutdown took {took:?}");
    }
    Ok(())
}

pub(crate) fn results_out_of_order_survive_a_crash(context: &Context) -> anyhow::Result<()> {
    let (node, host) = (context.shared_node()?, context.host());
    let (servers, topic) = (node.bootstrap_servers(), &format!("crashed-{host}"));
    node.create_topic(topic, 1)?;
    produce(&servers, topic, 0..RECORDS)?;
    let handler = || {
        RequestHandler::new("crashed")
            .topics([topic])
            .group(topic)
            .order(Order::Key)
            .property("session.timeout.ms", "6000")
    };
    let first = Handled::default();
    let noted = first.clone();
    let blocked = handler().run(move |record, _| {
        let noted = noted.clone();
        async move {
            if number(&record) == 7 {
                pending::<()>().await;
            }
            noted.note(&record);
            Ok(())
        }
    });
    let bus = context.serve(topic, host, kafka(&servers)?, vec![blocked])?;
    first.wait_for(RECORDS as usize - 1)?;
    // Each record above the position takes at least five bytes of the metadata, in base64.
    let all_done = (RECORDS as usize - 8) * 5 * 4 / 3;
    wait_until(|| {
        let commit = commit_of(&servers, topic, topic, 0);
        commit.is_ok_and(|(position, metadata)| position == 7 && metadata.len() > all_done)
    })?;
    drop(bus);

    let second = Handled::default();
    let bus = context.serve(
        topic,
        host,
        kafka(&servers)?,
        vec![handler().run(second.function())],
    )?;
    wait_until(|| committed(&servers, topic, topic, 1).is_ok_and(|it| it == i64::from(RECORDS)))?;
    bus.shut_down()?;
    ensure!(
        second.numbers() == [7],
        "{:?} were handled again",
        second.numbers()
    );
    Ok(())
}
