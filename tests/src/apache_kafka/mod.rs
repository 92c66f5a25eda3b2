//! A real Apache Kafka for tests, without Docker: Java runs it, Maven fetches it.
//!
//! [`KafkaNode`] is one broker that is its own controller (KRaft), on a loopback address of its own that stays the same
//! however often the node is killed and started again. Each node has its own folder and process; both are gone when
//! the value is dropped, also by a panic. When the test process itself is killed, the kernel kills the node (Linux with
//! `setpriv`, which is part of util-linux), and the next node that is created removes the folder.
//!
//! A [`KafkaCluster`] is several of them, with replicas.
//!
//! An [`IndependentClient`] decides whether the node works, never the node's own output.
//!
//! ```no_run
//! use std::time::Duration;
//! use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
//!
//! # fn main() -> anyhow::Result<()> {
//! let mut node = KafkaNode::new(&NodeOptions::default())?;
//! node.start()?;
//! node.wait_until_it_answers(Duration::from_secs(60))?;
//! node.kill()?; // SIGKILL
//! node.restart()?;
//! let recovered_at = node.wait_until_it_answers(Duration::from_secs(60))?;
//! # let _ = recovered_at;
//! # Ok(())
//! # }
//! ```

mod acl;
mod class_archive;
mod client;
mod cluster;
mod folder;
mod install;
mod node;
mod ports;
mod process;

pub use acl::{TopicOperation, authorizer_properties};
pub use class_archive::archive_classes;
pub use client::{IndependentClient, Replicas};
pub use cluster::{ClusterOptions, Controllers, KafkaCluster};
pub use folder::sweep;
pub use install::{KafkaVersion, availability, install, target_folder};
pub use node::{BrokerSession, CLUSTER_ID, KafkaNode, NodeOptions, Outside};
pub use process::is_running;
