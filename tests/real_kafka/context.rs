//! What a scenario is given.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::anyhow;
use livebus_core::Settings;
use livebus_kafka::KafkaConfig;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::host::Host;
use livebus_tests::watched::{Label, Watched};

/// How long a node may take until it answers: many times what it needs, for machines that are busy with other things.
pub(crate) const START: Duration = Duration::from_secs(90);

/// Where a scenario gets its nodes and its supervisions from.
#[derive(Default)]
pub(crate) struct Context {
    sentence: &'static str,
    hosts: &'static [Host],
    shared: Arc<SharedNode>,
}

/// The node of all scenarios that are gentle.
#[derive(Default)]
pub(crate) struct SharedNode(OnceLock<Result<KafkaNode, String>>);

impl Context {
    /// For the scenario of that sentence, on the hosts of one runtime; on none, if it needs none.
    pub(crate) fn new(
        sentence: &'static str,
        hosts: &'static [Host],
        shared: Arc<SharedNode>,
    ) -> Self {
        Self {
            sentence,
            hosts,
            shared,
        }
    }

    /// Where the scenario runs: all of them, for one that is worth it.
    pub(crate) const fn hosts(&self) -> &'static [Host] {
        self.hosts
    }

    /// One of them. Only for scenarios that run on a runtime.
    pub(crate) fn host(&self) -> Host {
        self.hosts[0]
    }

    /// Another, if there is one.
    pub(crate) fn other_host(&self) -> Host {
        self.hosts[self.hosts.len() - 1]
    }

    /// Starts a supervision with a name that no other of this scenario has.
    pub(crate) fn watch(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        settings: Settings,
    ) -> anyhow::Result<Watched> {
        let scenario = self.sentence;
        let label = Label {
            scenario,
            service,
            host,
        };
        Watched::start(label, kafka, settings)
    }

    /// A node that answers, with the default options, for all scenarios that leave it as it is.
    pub(crate) fn shared_node(&self) -> anyhow::Result<&KafkaNode> {
        let node = self.shared.0.get_or_init(|| {
            let node = self.own_node(&NodeOptions::default());
            node.map_err(|error| format!("{error:?}"))
        });
        node.as_ref()
            .map_err(|error| anyhow!("the shared node did not start: {error}"))
    }

    /// A node of the scenario's own that answers, to do anything with.
    #[expect(
        clippy::unused_self,
        reason = "a scenario gets its nodes from its context, whichever kind"
    )]
    pub(crate) fn own_node(&self, options: &NodeOptions) -> anyhow::Result<KafkaNode> {
        let mut node = KafkaNode::new(options)?;
        node.start()?;
        node.wait_until_it_answers(START)?;
        Ok(node)
    }
}
