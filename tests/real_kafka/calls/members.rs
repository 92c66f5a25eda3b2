//! Callees that share the requests of a topic, and come and go.

use anyhow::ensure;
use livebus_core::Status;
use livebus_runner::calls::{CallHandler, Caller};
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::Parts;

use super::support::{Place, Runs, Service, handler, wait_until_drained};
use super::traffic::{Rate, SHORT, Traffic, check};
use crate::context::Context;
use crate::handlers::wait_until;

const PARTITIONS: i32 = 4;

/// Calls in each second, of each topic.
const RATE: u32 = 150;

/// A member of both groups.
struct Member {
    service: Service,
}

impl Member {
    fn join(
        place: Place<'_>,
        name: &str,
        host: Host,
        [repeating, once]: [CallHandler; 2],
        runs: &[Runs; 2],
    ) -> anyhow::Result<Self> {
        let handlers = [
            (repeating, runs[0].clone()),
            (once.at_most_once(), runs[1].clone()),
        ];
        let handlers = handlers.map(|(handler, runs)| {
            let handler = handler.property("session.timeout.ms", "6000");
            handler.run(move |request, _cx| {
                let number = runs.note(&request);
                async move { Ok(number.to_string().into_bytes()) }
            })
        });
        let parts = Parts {
            call_handlers: handlers.into(),
            ..Parts::default()
        };
        let service = place.start(name, host, parts)?;
        Ok(Self { service })
    }

    /// Waits until it has run requests of both topics.
    fn wait_for_runs(&self) -> anyhow::Result<()> {
        wait_until(|| {
            let callees = self.service.callees();
            callees.len() == 2 && callees.iter().all(|it| it.counters.runs > 20)
        })
    }
}

pub(crate) fn members_of_a_group_come_and_go(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let (servers, host) = (node.bootstrap_servers(), context.host());
    let topics = ["repeating", "once"].map(|kind| format!("members-{kind}-{host}"));
    let replies = format!("members-{host}-replies");
    for topic in &topics {
        node.create_topic(topic, PARTITIONS)?;
    }
    node.create_topic(&replies, 2)?;
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let runs = [Runs::default(), Runs::default()];
    let join = |name: &str, host| {
        let handlers = [handler(&topics[0]), handler(&topics[1])];
        Member::join(place, name, host, handlers, &runs)
    };
    let caller = Caller::builder("members", &replies).build()?;
    let first = join("first", host)?;
    let second = join("second", context.other_host())?;
    let mut orders = place.call_with(host, &caller)?;
    let rate = Rate {
        per_second: RATE,
        deadlines: SHORT,
    };
    let streams = [
        Traffic::begin(host, &caller, &topics[0], rate)?,
        Traffic::begin(host, &caller, &topics[1], rate)?,
    ];
    let wait_for_replies = || {
        let mut streams = streams.iter();
        streams.try_for_each(|traffic| traffic.wait_for_replies(RATE))
    };
    for member in [&first, &second] {
        member.wait_for_runs()?;
    }
    // It is killed: it says nothing to its group.
    drop(first);
    wait_for_replies()?;
    let third = join("third", host)?;
    third.wait_for_runs()?;
    wait_for_replies()?;
    second.service.shut_down()?;
    wait_for_replies()?;
    orders.stayed_running()?;

    let ended = streams.map(Traffic::finish);
    orders.wait_for(Status::Running)?;
    orders.wait_until_idle()?;
    orders.shut_down()?;
    for topic in &topics {
        wait_until_drained(&servers, topic, PARTITIONS)?;
    }
    third.service.wait_until_idle()?;
    third.service.shut_down()?;
    for ((ended, runs), kind) in ended.into_iter().zip(&runs).zip(&topics) {
        let tally = check(&ended?, runs)?;
        println!("{kind}: {tally:?}");
        ensure!(
            tally.again == 0 || kind == &topics[0],
            "{kind}: some ran twice"
        );
    }
    Ok(())
}
