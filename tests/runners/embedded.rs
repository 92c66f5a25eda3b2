//! The embedded cluster, which the cases break on purpose, and its supervision.

use std::time::Duration;

use livebus_core::Settings;
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig, LivenessBy};
use livebus_runner::Builder;
use livebus_tests::host::FullRunner;

pub(crate) const TOPIC: &str = LivenessBy::DEFAULT_TOPIC;

/// Starts a cluster without the topic.
pub(crate) fn cluster(brokers: u8) -> EmbeddedCluster {
    EmbeddedCluster::start(brokers).expect("librdkafka has a mock cluster")
}

/// Starts a cluster of one broker, with the topic.
pub(crate) fn small() -> EmbeddedCluster {
    let cluster = cluster(1);
    cluster
        .create_topic(TOPIC, 1)
        .expect("the topic can be created");
    cluster
}

pub(crate) fn fast() -> Settings {
    Settings {
        drain: Duration::ZERO,
        ..Settings::fast()
    }
}

pub(crate) fn supervise<R: FullRunner>(cluster: &EmbeddedCluster) -> Builder<R, KafkaBus<R>> {
    Builder::new(config(cluster)).settings(fast())
}

pub(crate) fn config(cluster: &EmbeddedCluster) -> KafkaConfig {
    KafkaConfig::embedded(cluster).expect("its address is valid")
}
