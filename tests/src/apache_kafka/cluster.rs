//! Several nodes that are one cluster.

use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};

use super::client::{IndependentClient, Replicas};
use super::node::{BrokerSession, KafkaNode, NodeOptions, Place, Role};
use super::ports::PortClaim;
use super::process::POLL_INTERVAL;

/// How long a request to create a topic is repeated on a cluster that works.
const ADMIN_LIMIT: Duration = Duration::from_secs(20);

/// The timeout of one request for metadata.
const METADATA_TIMEOUT: Duration = Duration::from_millis(200);

/// The options of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The number of brokers.
    pub brokers: usize,
    /// Which nodes are controllers.
    pub controllers: Controllers,
    /// How long the controller waits for a silent broker.
    pub broker_session: BrokerSession,
}

/// Which nodes of a cluster are controllers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controllers {
    /// Every broker: when a majority of them is gone, the replicas that are in sync are frozen.
    Brokers,
    /// One node that is no broker.
    Apart,
}

/// A real Apache Kafka of several nodes, on loopback. Everything that disturbs it needs `&mut self`.
#[derive(Debug)]
pub struct KafkaCluster {
    brokers: Vec<KafkaNode>,
    controller: Option<KafkaNode>,
}

impl KafkaCluster {
    /// Starts the nodes, and waits until each broker is registered.
    ///
    /// # Errors
    ///
    /// When a node cannot be prepared or started, or not all brokers are there `within` that time.
    pub fn start(options: &ClusterOptions, within: Duration) -> anyhow::Result<Self> {
        let deadline = Instant::now() + within;
        // Groups outlive a broker, as those of a cluster in production do.
        let copies = options.brokers.min(3).to_string();
        let node_options = NodeOptions {
            broker_session: options.broker_session,
            properties: vec![("offsets.topic.replication.factor".to_owned(), copies)],
            ..NodeOptions::default()
        };
        let places = places(options)?;
        // Formatting takes a second, most of it the start of Java.
        let nodes: Vec<anyhow::Result<KafkaNode>> = thread::scope(|scope| {
            let threads: Vec<_> = places
                .into_iter()
                .map(|place| scope.spawn(|| KafkaNode::at(place, &node_options)))
                .collect();
            let ended = threads.into_iter().map(ScopedJoinHandle::join);
            ended
                .map(|node| node.unwrap_or_else(|_| Err(anyhow!("a thread panicked"))))
                .collect()
        });
        let mut brokers = nodes.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        brokers.iter_mut().try_for_each(KafkaNode::start)?;
        let controller = match options.controllers {
            Controllers::Brokers => None,
            Controllers::Apart => brokers.pop(),
        };
        let cluster = Self {
            brokers,
            controller,
        };
        cluster.wait_until_registered(deadline)?;
        Ok(cluster)
    }

    /// Returns the addresses of all brokers, running or not.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self
            .brokers
            .iter()
            .map(KafkaNode::bootstrap_servers)
            .collect();
        addresses.join(",")
    }

    /// Returns a client that is independent of the code under test.
    #[must_use]
    pub fn client(&self) -> IndependentClient {
        IndependentClient::new(self.bootstrap_servers())
    }

    /// Returns the broker with this id, from 1.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn broker(&mut self, id: usize) -> &mut KafkaNode {
        &mut self.brokers[id - 1]
    }

    /// Returns the node that is a controller and no broker.
    ///
    /// # Errors
    ///
    /// When the brokers are the controllers.
    pub fn controller(&mut self) -> anyhow::Result<&mut KafkaNode> {
        let controller = self.controller.as_mut();
        controller.context("every broker of this cluster is a controller")
    }

    /// Returns the id of the broker that is the active controller, by what the nodes have logged.
    ///
    /// # Errors
    ///
    /// When no broker of this cluster has become it.
    pub fn active_controller(&self) -> anyhow::Result<usize> {
        let mut newest = None;
        for (id, broker) in (1..).zip(&self.brokers) {
            let log = broker.log()?;
            let became = log
                .lines()
                .filter(|line| line.contains("Becoming the active controller"));
            // A line begins with the time of the day.
            newest = newest.max(became.max().map(|line| (line.to_owned(), id)));
        }
        let (_, id) = newest.context("no broker has become the active controller")?;
        Ok(id)
    }

    /// Creates a topic with these replicas, and waits until all are in sync and a message is acknowledged: see
    /// [`IndependentClient::create_replicated_topic`].
    ///
    /// # Errors
    ///
    /// When the cluster does not do it within 20 s.
    pub fn create_topic(&self, name: &str, replicas: Replicas<'_>) -> anyhow::Result<()> {
        let client = self.client();
        client.create_replicated_topic(name, replicas, ADMIN_LIMIT)?;
        client.wait_until_in_sync(name, ADMIN_LIMIT)?;
        client.produce(name, ADMIN_LIMIT)?;
        Ok(())
    }

    fn wait_until_registered(&self, deadline: Instant) -> anyhow::Result<()> {
        let client: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap_servers())
            .set("reconnect.backoff.ms", "10")
            .set("reconnect.backoff.max.ms", "50")
            .create()?;
        loop {
            let metadata = client.client().fetch_metadata(None, METADATA_TIMEOUT);
            let registered = metadata.map(|metadata| metadata.brokers().len());
            if registered == Ok(self.brokers.len()) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("the cluster is not complete: brokers registered: {registered:?}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Returns the places of all nodes: brokers from 1, then the controller if it is apart.
fn places(options: &ClusterOptions) -> anyhow::Result<Vec<Place>> {
    let apart = options.controllers == Controllers::Apart;
    let ids = 1..=options.brokers + usize::from(apart);
    let role = |id| match options.controllers {
        Controllers::Brokers => Role::Both,
        Controllers::Apart if id > options.brokers => Role::Controller,
        Controllers::Apart => Role::Broker,
    };
    let controllers = ids
        .clone()
        .map(|_| PortClaim::new())
        .collect::<anyhow::Result<Vec<_>>>()?;
    let voters: Vec<_> = ids
        .clone()
        .zip(&controllers)
        .filter(|(id, _)| role(*id) != Role::Broker)
        .map(|(id, controller)| Place::voter(id, controller))
        .collect();
    let voters = voters.join(",");
    ids.zip(controllers)
        .map(|(id, controller)| {
            Ok(Place {
                id,
                role: role(id),
                broker: PortClaim::new()?,
                controller,
                voters: voters.clone(),
            })
        })
        .collect()
}
