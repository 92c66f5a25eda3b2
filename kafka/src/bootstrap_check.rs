//! Asks each bootstrap server alone which cluster it belongs to.

use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, DeliveryResult, Producer as _, ProducerContext};

use crate::cluster_identity::id_in_log_line;
use crate::config::KafkaConfig;
use crate::lock::lock;
use crate::oauth::Tokens;

/// The maximum number of servers that are asked at the same time. Each needs a client with three threads.
const MAX_AT_ONCE: usize = 4;

/// The time between two looks at a client's log queue.
const POLL: Duration = Duration::from_millis(10);

/// Returns the cluster id of each of `servers`, in their order; `None` for one that does not answer within `timeout`.
///
/// Blocks for up to `timeout` for each four servers. A client's connection is its own, and is closed after the answer: one
/// connection and one login for each server.
pub(crate) fn cluster_ids(
    servers: &[String],
    kafka: &KafkaConfig,
    timeout: Duration,
) -> Vec<Option<String>> {
    servers
        .chunks(MAX_AT_ONCE)
        .flat_map(|some| at_once(some, kafka, timeout))
        .collect()
}

fn at_once(servers: &[String], kafka: &KafkaConfig, timeout: Duration) -> Vec<Option<String>> {
    let deadline = Instant::now() + timeout;
    let clients: Vec<Option<BaseProducer<IdContext>>> =
        servers.iter().map(|server| client(server, kafka)).collect();
    loop {
        let is_known = |client: &Option<BaseProducer<IdContext>>| {
            client.as_ref().is_none_or(|client| {
                client.poll(Duration::ZERO);
                client.context().is_done()
            })
        };
        // All of them, so that each log queue is read.
        let missing = clients.iter().filter(|client| !is_known(client)).count();
        if missing == 0 || Instant::now() >= deadline {
            return clients
                .iter()
                .map(|client| client.as_ref()?.context().id())
                .collect();
        }
        std::thread::sleep(POLL);
    }
}

fn client(server: &str, kafka: &KafkaConfig) -> Option<BaseProducer<IdContext>> {
    let mut config = kafka.inquiry_config();
    config
        .set("bootstrap.servers", server)
        // The id is read from the log: rdkafka's `fetch_cluster_id` leaks its answer.
        .set("debug", "generic")
        .set_log_level(RDKafkaLogLevel::Debug);
    let created = config.create_with_context(IdContext::new(kafka.tokens().clone()));
    created
        .inspect_err(
            |error| tracing::debug!(server, %error, "creating a client for one server failed"),
        )
        .ok()
}

/// Keeps the first cluster id that a client received. Later ones may come from brokers at other addresses.
#[derive(Debug)]
struct IdContext {
    id: Mutex<Option<String>>,
    has_failed: AtomicBool,
    tokens: Tokens,
}

impl IdContext {
    fn new(tokens: Tokens) -> Self {
        Self {
            id: Mutex::default(),
            has_failed: AtomicBool::new(false),
            tokens,
        }
    }

    fn id(&self) -> Option<String> {
        lock(&self.id).clone()
    }

    /// Returns whether there is nothing to wait for.
    fn is_done(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || lock(&self.id).is_some()
    }
}

impl ClientContext for IdContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.make(config)
    }

    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility != "CLUSTERID" {
            return;
        }
        if let Some(found) = id_in_log_line(message) {
            lock(&self.id).get_or_insert_with(|| found.to_owned());
        }
    }

    /// A server that refuses the connection or the login has no id.
    fn error(&self, _error: KafkaError, _reason: &str) {
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

impl ProducerContext for IdContext {
    type DeliveryOpaque = ();

    /// It sends no record.
    fn delivery(&self, _result: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::EmbeddedCluster;

    #[test]
    fn each_server_reports_the_id_of_its_own_cluster() {
        let clusters = [1, 2].map(|brokers| EmbeddedCluster::start(brokers).expect("starts"));
        let mut servers: Vec<String> = clusters
            .iter()
            .flat_map(|cluster| {
                let servers = cluster.bootstrap_servers();
                servers.split(',').map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(servers.len(), 3);
        // A port on which nothing listens.
        servers.push("127.0.0.1:1".to_owned());
        let kafka = KafkaConfig::embedded(&clusters[0]).expect("its address is valid");
        let ids = cluster_ids(&servers[..3], &kafka, Duration::from_secs(30));
        assert!(ids.iter().all(Option::is_some), "{ids:?}");
        assert_ne!(ids[0], ids[1]);
        assert_eq!(ids[1], ids[2]);
        let began = Instant::now();
        let ids = cluster_ids(&servers[3..], &kafka, Duration::from_secs(30));
        assert_eq!(ids, [None]);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "a refused connection is waited for"
        );
    }
}
