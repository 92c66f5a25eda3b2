//! Calls on three brokers.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::executor::block_on;
use livebus_core::calls::{Execution, NotSent};
use livebus_core::{Cause, FailureClass, Status};
use livebus_kafka::REPLIES_UNREACHABLE_BOUND;
use livebus_runner::calls::{CallError, Caller, ReplyPartitions};
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, Replicas,
};

use super::outages::{Both, REPLIES, SEND_TIMEOUT, TOPIC, level_before};
use super::support::{Place, Runs, handler};
use super::traffic::{Rate, SHORT};
use crate::context::{Context, START_LIMIT};
use crate::handlers::wait_until;

/// How long a node is stopped, and how long calls are made at least after one has come back.
const BETWEEN: Duration = Duration::from_secs(1);

/// For threads that are late on a busy machine.
const SLACK: Duration = Duration::from_secs(2);

/// Calls in each second.
const RATE: u32 = 200;

fn cluster() -> anyhow::Result<KafkaCluster> {
    let options = ClusterOptions {
        brokers: 3,
        controllers: Controllers::Brokers,
        broker_session: BrokerSession::Short,
    };
    KafkaCluster::start(&options, START_LIMIT)
}

pub(crate) fn rolling_restart_leaves_true_outcomes(context: &Context) -> anyhow::Result<()> {
    let mut cluster = cluster()?;
    let partitions: &[&[i32]] = &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]];
    for topic in [TOPIC, REPLIES] {
        let min_in_sync = 2;
        let replicas = Replicas {
            partitions,
            min_in_sync,
        };
        cluster.create_topic(topic, replicas)?;
    }
    let servers = cluster.bootstrap_servers();
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let before = level_before(place, 3)?;
    let both = Both::start(place, 3, SEND_TIMEOUT)?;
    let traffic = both.traffic(Rate {
        per_second: RATE,
        deadlines: SHORT,
    })?;
    traffic.wait_for_replies(RATE)?;
    for id in 1..=3 {
        match id {
            1 => {
                cluster.broker(id).kill()?;
                cluster.broker(id).restart()?;
            }
            2 => {
                cluster.broker(id).stop()?;
                thread::sleep(BETWEEN);
                cluster.broker(id).cont()?;
            }
            _ => {
                cluster.broker(id).terminate(START_LIMIT)?;
                cluster.broker(id).start()?;
            }
        }
        for topic in [TOPIC, REPLIES] {
            cluster.client().wait_until_in_sync(topic, START_LIMIT)?;
        }
        traffic.wait_for_replies(RATE)?;
    }
    both.finish(traffic)?;
    before.wait_until_back()
}

pub(crate) fn dead_leader_of_replies_is_a_cause_of_its_own(
    context: &Context,
) -> anyhow::Result<()> {
    let mut cluster = cluster()?;
    let alone = |partitions| Replicas {
        partitions,
        min_in_sync: 1,
    };
    // Partition 1 has one replica, so its leader cannot be replaced.
    cluster.create_topic(REPLIES, alone(&[&[1], &[3]]))?;
    cluster.create_topic(TOPIC, alone(&[&[1]]))?;
    let servers = cluster.bootstrap_servers();
    let place = Place {
        context,
        servers: &servers,
        is_fast: false,
    };
    let (host, other) = (context.host(), context.other_host());
    let runs = Runs::default();
    let mut stock = place.echo("stock", other, handler(TOPIC), &runs)?;
    let caller = |name: &str, partition| {
        let builder = Caller::builder(name, REPLIES);
        let partitions = ReplyPartitions::One(partition);
        builder.reply_partitions(partitions).build()
    };
    let (cut_off, works) = (caller("cut-off", 1)?, caller("works", 0)?);
    let mut orders = place.call_with(host, &cut_off)?;
    let mut others = place.call_with(other, &works)?;
    let call = |caller: &Caller, request: &'static str| {
        let call = caller.call(TOPIC, request, request);
        block_on(call.deadline(Duration::from_secs(20)).into_future())
    };
    call(&cut_off, "1").context("before")?;
    for service in [&mut stock, &mut orders, &mut others] {
        service.stayed_running()?;
    }

    let began = Instant::now();
    cluster.broker(3).kill()?;
    let report = orders.next(Status::NotReady)?.report;
    let took = began.elapsed();
    println!("{} after {took:?}", report.cause);
    ensure!(took < REPLIES_UNREACHABLE_BOUND + SLACK, "{took:?}");
    let Cause::HandlerFailed(_, failure) = report.cause else {
        anyhow::bail!("{}", orders.bus.history_text());
    };
    ensure!(
        matches!(
            failure.class,
            FailureClass::BrokerUnreachable | FailureClass::NoLeader
        ),
        "{failure}"
    );
    let described = orders.bus.handle().describe(&report);
    let reason = format!("caller cut-off: the replies in {REPLIES} cannot be read");
    ensure!(described.contains(&reason), "{described}");
    let began = Instant::now();
    let error = call(&cut_off, "2").err().context("nobody can reply")?;
    // How the loop names the failure may have changed since the report.
    let is_named = matches!(&error, CallError::NotSent(NotSent::Replies(_)));
    ensure!(is_named, "{error}");
    ensure!(error.execution() == Execution::Never, "{error}");
    ensure!(began.elapsed() < SLACK, "it was not refused at once");
    // The others work.
    call(&works, "3").context("the reply partition of another service")?;
    for service in [&mut stock, &mut others] {
        service.wait_for(Status::Running)?;
    }

    cluster.broker(3).restart()?;
    orders.wait_for(Status::Running)?;
    call(&cut_off, "4").context("after the return")?;
    wait_until(|| runs.times().contains_key(&4))?;
    let times = runs.times();
    ensure!(!times.contains_key(&2), "it was not sent: {times:?}");
    let is_ready = |it: &livebus_readiness::StatusChange| it.report.status == Status::Running;
    for service in [&mut stock, &mut others] {
        let changes = service.bus.take_changes();
        ensure!(
            changes.iter().all(is_ready),
            "{}",
            service.bus.history_text()
        );
    }
    for service in [orders, others, stock] {
        service.shut_down()?;
    }
    Ok(())
}
