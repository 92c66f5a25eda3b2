//! Creates the liveness topic, if the configuration says so.

use std::time::Duration;

use livebus_core::{Failure, FailureClass};
use livebus_runner::Runtime;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaConfig;
use crate::error_class::{classify, failure};

/// One for each leader of a round.
const PARTITIONS: i32 = 3;

/// Creates `topic`, unless it exists.
///
/// On the blocking pool, because an admin client joins a thread of its own when it is dropped.
pub(crate) async fn create_topic<R: Runtime>(
    kafka: &KafkaConfig,
    topic: &str,
    timeout: Duration,
) -> Result<(), Failure> {
    let config = kafka.client_config();
    let name = topic.to_owned();
    let created = R::spawn_blocking(move || {
        let admin: AdminClient<DefaultClientContext> = config.create()?;
        // The broker's own default for the replication.
        let topic = NewTopic::new(&name, PARTITIONS, TopicReplication::Fixed(-1));
        let options = AdminOptions::new().request_timeout(Some(timeout));
        futures::executor::block_on(admin.create_topics([&topic], &options))
    });
    let results = created.await.ok_or(Failure::from(FailureClass::Other))?;
    let rejected = match results {
        Err(error) => return Err(failure(&error)),
        Ok(topics) => topics.into_iter().find_map(Result::err),
    };
    match rejected {
        None => {
            tracing::info!(topic, "created the liveness topic");
            Ok(())
        }
        Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Some((_, code)) => {
            tracing::warn!(topic, error = %KafkaError::AdminOp(code), "creating the liveness topic failed");
            Err(Failure::with_code(classify(code), code as i32))
        }
    }
}
