//! Reply topics: one that is missing, and one that callers share.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures::executor::block_on;
use livebus_core::calls::{Execution, NotSent};
use livebus_core::{Cause, FailureClass, Status};
use livebus_runner::calls::{CallError, Caller};

use super::support::{Place, Runs, calling, handler};
use super::traffic::{PATIENT, Rate, Traffic, check_replied};
use crate::context::Context;

pub(crate) fn missing_reply_topic_is_the_cause_until_it_exists(
    context: &Context,
) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let (topic, replies) = (format!("late-{host}"), format!("late-{host}-replies"));
    node.create_topic(&topic, 1)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let runs = Runs::default();
    let stock = place.echo("stock", host, handler(&topic), &runs)?;
    let caller = Caller::builder("late", &replies).build()?;
    let mut orders = place.begin("orders", host, calling(&caller))?;
    let report = loop {
        let report = orders.bus.next_change()?.report;
        if let Cause::HandlerFailed(_, failure) = report.cause
            && failure.class == FailureClass::TopicMissing
        {
            break report;
        }
    };
    ensure!(report.status == Status::NotReady, "{report:?}");
    let described = orders.bus.handle().describe(&report);
    ensure!(
        described.contains("caller late: ") && described.contains(&replies),
        "{described}"
    );
    let call = || {
        let call = caller.call(&*topic, "7", "7");
        block_on(call.deadline(Duration::from_secs(20)).into_future())
    };
    let error = call().err().context("nobody can reply")?;
    let CallError::NotSent(NotSent::Replies(_) | NotSent::Bus(_)) = error else {
        bail!("{error:?}");
    };
    ensure!(error.execution() == Execution::Never, "{error}");
    ensure!(runs.count() == 0, "it was not sent");
    node.create_topic(&replies, 1)?;
    orders.wait_for(Status::Running)?;
    call().context("after the creation")?;
    orders.shut_down()?;
    stock.shut_down()
}

pub(crate) fn callers_that_share_a_partition_get_their_own_replies(
    context: &Context,
) -> anyhow::Result<()> {
    const RATE: u32 = 300;

    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let replies = format!("shared-{host}-replies");
    node.create_topic(&replies, 1)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    // Both make calls with the same numbers, so a reply to the wrong one would be from a callee that did not run it.
    let mut services = Vec::new();
    for (name, factor) in [("first", 1_000), ("second", 2_000)] {
        let topic = format!("shared-{host}-{name}");
        node.create_topic(&topic, 2)?;
        let runs = Runs::default();
        let stock = place.echo(&topic, context.other_host(), handler(&topic), &runs)?;
        let caller = Caller::builder(name, &replies).instance(factor).build()?;
        let orders = place.call_with(host, &caller)?;
        services.push((topic, runs, caller, orders, stock));
    }
    let streams = services.iter().map(|(topic, _, caller, ..)| {
        let rate = Rate {
            per_second: RATE,
            deadlines: PATIENT,
        };
        Traffic::begin(host, caller, topic, rate)
    });
    let streams = streams.collect::<anyhow::Result<Vec<_>>>()?;
    for traffic in &streams {
        traffic.wait_for_replies(RATE)?;
    }
    for (traffic, (_, runs, _, orders, stock)) in streams.into_iter().zip(services) {
        let ended = traffic.finish()?;
        check_replied(&ended, &runs)?;
        orders.wait_until_idle()?;
        stock.wait_until_idle()?;
        orders.shut_down()?;
        stock.shut_down()?;
    }
    Ok(())
}
