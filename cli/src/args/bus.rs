//! The options of a Kafka.

use std::path::PathBuf;

use clap::ValueHint;
use clap::builder::BoolishValueParser;
use livebus_kafka::ClusterPolicy;

use super::{Ask, values};

/// Options of the bus, and of the clients that use it.
#[derive(Debug, clap::Args)]
pub(crate) struct BusArgs {
    /// The addresses of the bus: host:port, separated by commas. Without a port it is 9092.
    #[arg(
        short = 'b',
        long,
        env = "LIVEBUS_BOOTSTRAP_SERVERS",
        value_name = "SERVERS",
        value_hint = ValueHint::Other
    )]
    pub(crate) bootstrap_servers: Option<String>,

    // Not read from the environment by clap: on the command line a value may have several lines.
    #[arg(
        short = 'X',
        long = "property",
        value_name = "KEY=VALUE",
        value_hint = ValueHint::Other,
        help = "A property of every Kafka client; may be repeated [env: LIVEBUS_PROPERTY, one on each line]"
    )]
    pub(crate) properties: Vec<String>,

    /// A properties file for every Kafka client. -X overrides it.
    #[arg(long, env = "LIVEBUS_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// The kind of liveness message: a record to the topic's leaders, or a metadata request.
    #[arg(
        long,
        env = "LIVEBUS_ASK",
        value_name = "HOW",
        default_value = "produce"
    )]
    pub(crate) ask: Ask,

    /// The topic of liveness messages.
    #[arg(long, env = "LIVEBUS_TOPIC", default_value = livebus_kafka::LivenessBy::DEFAULT_TOPIC, value_hint = ValueHint::Other, value_parser = values::topic)]
    pub(crate) topic: String,

    /// Create the topic when it is missing: 3 partitions, the brokers' default replication, its records are kept for 10 minutes.
    ///
    /// It needs the replication factor and the min.insync.replicas of the service's own topics, or its answer means less.
    #[arg(long, env = "LIVEBUS_CREATE_TOPIC", value_parser = BoolishValueParser::new())]
    pub(crate) create_topic: bool,

    // Not read from the environment by clap: on the command line a value may have several lines.
    #[arg(
        long = "needs-topic",
        value_name = "NAME[:required][:read]",
        value_hint = ValueHint::Other,
        help = "A topic that the service needs: a warning while it cannot be written (with :read, read), NotReady with :required; may be repeated [env: LIVEBUS_NEEDS_TOPIC, one on each line]"
    )]
    pub(crate) needs_topic: Vec<String>,

    /// The cluster that the bus must be: `remember` for the first that works, `any`, or the id of one. Another is not ready.
    #[arg(long, env = "LIVEBUS_CLUSTER_ID", value_name = "ID", default_value = "remember", value_hint = ValueHint::Other, value_parser = values::cluster)]
    pub(crate) cluster_id: ClusterPolicy,
}
