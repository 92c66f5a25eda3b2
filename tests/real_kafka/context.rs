//! The context of a scenario: its hosts, nodes and supervisions.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::anyhow;
use livebus_core::{Settings, Status};
use livebus_kafka::KafkaConfig;
use livebus_recording::Recorder;
use livebus_runner::handlers::RunnableHandler;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::{KafkaSupervision, Parts, fast};
use livebus_tests::label::Label;

/// The maximum time until a node answers: many times what it needs, for busy machines.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(90);

/// Gives a scenario its nodes and its supervisions.
#[derive(Default)]
pub(crate) struct Context {
    folder: &'static str,
    hosts: &'static [Host],
    shared: Arc<SharedNode>,
}

/// The node that all scenarios share that do not disturb it.
#[derive(Default)]
pub(crate) struct SharedNode(OnceLock<Result<KafkaNode, String>>);

impl Context {
    /// Creates the context of a scenario with this folder of recordings, on the hosts of one runtime; on none, if it needs none.
    pub(crate) fn new(
        folder: &'static str,
        hosts: &'static [Host],
        shared: Arc<SharedNode>,
    ) -> Self {
        Self {
            folder,
            hosts,
            shared,
        }
    }

    /// Returns all hosts, for a scenario that runs on each.
    pub(crate) const fn hosts(&self) -> &'static [Host] {
        self.hosts
    }

    /// Returns one host. Only for scenarios that run on a runtime.
    pub(crate) fn host(&self) -> Host {
        self.hosts[0]
    }

    /// Returns another host, if there is one.
    pub(crate) fn other_host(&self) -> Host {
        self.hosts[self.hosts.len() - 1]
    }

    /// Starts a supervision with a name that no other of this scenario has.
    pub(crate) fn supervise(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        settings: Settings,
    ) -> anyhow::Result<KafkaSupervision> {
        self.supervise_with(service, host, kafka, settings, Vec::new())
    }

    /// As [`supervise`](Self::supervise), with request handlers.
    pub(crate) fn supervise_with(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        settings: Settings,
        handlers: Vec<RunnableHandler>,
    ) -> anyhow::Result<KafkaSupervision> {
        let folder = self.folder;
        let label = Label {
            folder,
            service,
            host,
        };
        KafkaSupervision::start_with(label, kafka, settings, handlers)
    }

    /// Starts a supervision with request handlers that succeed, and waits until it is Running. One whose handler fails soon may never be:
    /// see [`begin_serving`](Self::begin_serving).
    pub(crate) fn serve(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        handlers: Vec<RunnableHandler>,
    ) -> anyhow::Result<KafkaSupervision> {
        let mut bus = self.begin_serving(service, host, kafka, handlers)?;
        // A busy machine may be slow at the start.
        while bus.next_change()?.report.status != Status::Running {}
        Ok(bus)
    }

    /// As [`serve`](Self::serve), with a recorder.
    pub(crate) fn serve_recorded(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        handlers: Vec<RunnableHandler>,
        recorder: Recorder,
    ) -> anyhow::Result<KafkaSupervision> {
        let folder = self.folder;
        let label = Label {
            folder,
            service,
            host,
        };
        let parts = Parts {
            handlers,
            recorder: Some(recorder),
            ..Parts::default()
        };
        let mut bus = KafkaSupervision::start_parts(label, kafka, fast(), parts)?;
        while bus.next_change()?.report.status != Status::Running {}
        Ok(bus)
    }

    /// Starts a supervision with request handlers, and waits for nothing.
    pub(crate) fn begin_serving(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        handlers: Vec<RunnableHandler>,
    ) -> anyhow::Result<KafkaSupervision> {
        self.supervise_with(service, host, kafka, fast(), handlers)
    }

    /// Starts a supervision with callers and handlers, and waits for nothing.
    pub(crate) fn begin_parts(
        &self,
        service: &str,
        host: Host,
        kafka: KafkaConfig,
        settings: Settings,
        parts: Parts,
    ) -> anyhow::Result<KafkaSupervision> {
        let folder = self.folder;
        let label = Label {
            folder,
            service,
            host,
        };
        KafkaSupervision::start_parts(label, kafka, settings, parts)
    }

    /// Returns the shared node, started with the default options, for scenarios that do not change its state.
    pub(crate) fn shared_node(&self) -> anyhow::Result<&KafkaNode> {
        let node = self.shared.0.get_or_init(|| {
            let node = self.own_node(&NodeOptions::default());
            node.map_err(|error| format!("{error:?}"))
        });
        node.as_ref()
            .map_err(|error| anyhow!("the shared node did not start: {error}"))
    }

    /// Starts a node of the scenario's own and waits until it answers.
    #[expect(
        clippy::unused_self,
        reason = "a scenario gets both kinds of node from its context"
    )]
    pub(crate) fn own_node(&self, options: &NodeOptions) -> anyhow::Result<KafkaNode> {
        let mut node = KafkaNode::new(options)?;
        node.start()?;
        node.wait_until_it_answers(START_LIMIT)?;
        Ok(node)
    }
}
