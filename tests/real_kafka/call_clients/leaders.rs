//! Leaders of reply partitions that are away.

use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::FailureClass;
use livebus_core::calls::Sent;
use livebus_kafka::REPLIES_UNREACHABLE_BOUND;
use livebus_runner::calls::{ReplyPartitions, ReplySubscription};
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, Replicas,
};

use super::support::{Caller, ReplyWriter, request, text};
use crate::context::{Context, START_LIMIT};

/// For a thread that is late on a busy machine.
const SLACK: Duration = Duration::from_secs(1);

pub(crate) fn dead_leader_of_replies_is_reported_within_the_bound(
    _: &Context,
) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 3,
            controllers: Controllers::Brokers,
            broker_session: BrokerSession::Short,
        },
        START_LIMIT,
    )?;
    let servers = cluster.bootstrap_servers();
    let alone = |partitions| Replicas {
        partitions,
        min_in_sync: 1,
    };
    // Partition 1 has one replica, so its leader cannot be replaced.
    cluster.create_topic("replies", alone(&[&[1], &[3]]))?;
    cluster.create_topic("requests", alone(&[&[1]]))?;
    let mut replies = ReplySubscription::new("leaders", 1, "replies");
    replies.partitions = ReplyPartitions::One(1);
    let mut caller = Caller::open(&servers, replies)?;
    caller.assign()?;
    let answering = ReplyWriter::new(&servers)?;
    answering.reply("replies", 1, "first")?;
    caller.fetch(1)?;
    for (number, way) in ["killed", "stopped", "terminated"].into_iter().enumerate() {
        let began = Instant::now();
        let leader = cluster.broker(3);
        match way {
            "killed" => leader.kill()?,
            "stopped" => leader.stop()?,
            _ => drop(leader.terminate(START_LIMIT)?),
        }
        let bound = REPLIES_UNREACHABLE_BOUND + began.elapsed() + SLACK;
        let failure = caller.unreachable(bound)?;
        println!("{way}: {failure} after {:?}", began.elapsed());
        // The broker that is asked for the reason may be the one that is stopped.
        let is_silent = way == "stopped" && failure.class == FailureClass::Timeout;
        let is_away = matches!(
            failure.class,
            FailureClass::BrokerUnreachable | FailureClass::NoLeader
        );
        ensure!(is_silent || is_away, "{way}: {failure}");
        // Another partition works.
        let call = caller.send(request("requests", b"meanwhile"));
        ensure!(caller.answer(call)?.0 == Sent::Acknowledged, "{way}");
        let leader = cluster.broker(3);
        match way {
            "killed" => leader.restart()?,
            "stopped" => leader.cont()?,
            _ => leader.start()?,
        }
        cluster
            .client()
            .wait_until_in_sync("replies", START_LIMIT)?;
        let back = Instant::now();
        caller.reachable()?;
        println!("{way}: reachable {:?} later", back.elapsed());
        let answering = ReplyWriter::new(&servers)?;
        let payload = format!("after {number}");
        answering.reply("replies", 1, &payload)?;
        let records = caller.fetch(1)?;
        ensure!(text(&records[0]) == payload, "{way}: {}", text(&records[0]));
        caller.forget();
    }
    Ok(())
}
