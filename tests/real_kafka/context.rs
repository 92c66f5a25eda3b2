//! What a scenario is given.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::anyhow;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};

/// How long a node may take until it answers: many times what it needs, for machines that are busy with other things.
pub(crate) const START: Duration = Duration::from_secs(90);

/// Where a scenario gets its nodes from.
#[derive(Default)]
pub(crate) struct Context {
    shared: OnceLock<Result<KafkaNode, String>>,
}

impl Context {
    /// A node that answers, with the default options, for all scenarios that leave it as it is.
    pub(crate) fn shared_node(&self) -> anyhow::Result<&KafkaNode> {
        let node = self.shared.get_or_init(|| {
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
