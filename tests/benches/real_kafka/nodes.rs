//! The nodes of a group.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::anyhow;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};

use crate::supervisions::TOPIC;

/// The maximum time from the start of a node to its answer.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(90);

/// An address where nothing ever listens.
pub(crate) const NOWHERE: &str = "127.0.0.1:1";

/// Starts a node with the default options, and creates the topic.
pub(crate) fn start_one() -> anyhow::Result<KafkaNode> {
    start(&NodeOptions::default())
}

/// Starts a node with each of these options at the same time, and creates the topic on each.
pub(crate) fn start_all(options: &[NodeOptions]) -> anyhow::Result<Vec<KafkaNode>> {
    thread::scope(|scope| {
        let threads: Vec<_> = options
            .iter()
            .map(|options| scope.spawn(|| start(options)))
            .collect();
        let ended = threads.into_iter().map(ScopedJoinHandle::join);
        ended
            .map(|node| node.unwrap_or_else(|_| Err(anyhow!("a thread panicked"))))
            .collect()
    })
}

/// Returns a port on which nothing listens now.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn start(options: &NodeOptions) -> anyhow::Result<KafkaNode> {
    let mut node = KafkaNode::new(options)?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(TOPIC, 1)?;
    Ok(node)
}
