//! An inquiry: a client of its own that asks single brokers whether they are alive.

use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use livebus_core::Failure;
use livebus_runner::Runtime;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::config::KafkaConfig;
use crate::deadlines::{from_now, left_until, share};
use crate::error_class::failure;

/// The configuration of a topic that says how many replicas must be in sync for an acknowledgement with `acks=all`.
const MIN_IN_SYNC: &str = "min.insync.replicas";

/// librdkafka's maximum for the timeout of a request.
const MAX_REQUEST_TIMEOUT: Duration = Duration::from_hours(1);

/// A client that asks single brokers, by their ids, for the configuration of a topic.
///
/// Not the liveness client: a broker serves one request per connection at a time, so a record that waits for its replicas holds up
/// every question behind it. Open only while there is doubt, because it has threads and connections of its own.
pub(crate) struct Inquiry {
    /// Always there until the drop.
    admin: Option<AdminClient<DefaultClientContext>>,
}

/// To which brokers an [`Inquiry`] connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To all at once, so that none that is dead or hangs delays the others. For a cluster of a few brokers.
    EveryBroker,
    /// To one of the addresses, whichever answers, and from there to those that are asked.
    AsNeeded,
}

/// What a broker answered. That it answered proves that it is alive, whatever it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The topic's `min.insync.replicas`; `None` if the broker does not tell this user.
    pub(crate) min_in_sync: Option<usize>,
}

impl Inquiry {
    /// Makes the client; `addresses` are those of brokers that are known besides the bootstrap servers (`host:port`).
    ///
    /// Takes some milliseconds, on a thread that may block. Does not wait for a broker.
    pub(crate) fn open<'a>(
        kafka: &KafkaConfig,
        addresses: impl IntoIterator<Item = &'a str>,
        reach: Reach,
    ) -> Result<Self, Failure> {
        if !kafka.admits_admin_clients() {
            let code = RDKafkaErrorCode::UnsupportedFeature;
            return Err(failure(&KafkaError::AdminOp(code)));
        }
        let servers = extended(kafka.servers().to_string(), addresses);
        let mut config = configured(kafka, reach);
        config.set("bootstrap.servers", servers);
        let admin = config.create().map_err(|error| failure(&error))?;
        Ok(Self { admin: Some(admin) })
    }

    /// Asks one broker; `None` without an answer until `deadline`.
    pub(crate) async fn ask<R: Runtime>(
        &self,
        broker: i32,
        topic: &str,
        deadline: Instant,
    ) -> Option<Answer> {
        let left = left_until(deadline);
        let options = AdminOptions::new()
            .broker_id(broker)
            .request_timeout(Some(left.min(MAX_REQUEST_TIMEOUT)));
        let question = [ResourceSpecifier::Topic(topic)];
        let answer = self.admin()?.describe_configs(&question, &options);
        // librdkafka looks at the deadlines of requests once a second.
        match select(pin!(answer), pin!(R::sleep(left))).await {
            Either::Left((result, _)) => answer_in(result),
            Either::Right(_) => None,
        }
    }

    /// Returns whether the broker answers until `deadline`.
    pub(crate) async fn answers<R: Runtime>(
        &self,
        broker: i32,
        topic: &str,
        deadline: Instant,
    ) -> bool {
        self.ask::<R>(broker, topic, deadline).await.is_some()
    }

    /// Returns the topic's `min.insync.replicas`, as the first of `brokers` knows it that says so until `deadline`. They are asked
    /// one after the other, each for its share of the time that is left.
    pub(crate) async fn min_in_sync<R: Runtime>(
        &self,
        brokers: &[i32],
        topic: &str,
        deadline: Instant,
    ) -> Option<usize> {
        for (broker, not_asked) in brokers.iter().zip((1..=brokers.len()).rev()) {
            let parts = u32::try_from(not_asked).unwrap_or(u32::MAX);
            let until = from_now(share(left_until(deadline), 1, parts));
            let answer = self.ask::<R>(*broker, topic, until).await;
            if let Some(min_in_sync) = answer.and_then(|answer| answer.min_in_sync) {
                return Some(min_in_sync);
            }
        }
        None
    }

    /// Returns the client for metadata requests, which block their thread. They go to a broker that is connected.
    pub(crate) fn client(&self) -> Option<&Client<DefaultClientContext>> {
        self.admin.as_ref().map(AdminClient::inner)
    }

    fn admin(&self) -> Option<&AdminClient<DefaultClientContext>> {
        self.admin.as_ref()
    }
}

/// Closes the client on a thread of its own, because that joins the client's threads.
impl Drop for Inquiry {
    fn drop(&mut self) {
        let admin = self.admin.take();
        let close = thread::Builder::new().name("livebus-inquiry".to_owned());
        // Without a thread it is dropped here, with what was to run there.
        drop(close.spawn(move || drop(admin)));
    }
}

impl std::fmt::Debug for Inquiry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inquiry").finish_non_exhaustive()
    }
}

fn configured(kafka: &KafkaConfig, reach: Reach) -> ClientConfig {
    let mut config = kafka.inquiry_config();
    if reach == Reach::EveryBroker {
        config.set("enable.sparse.connections", "false");
    }
    config
}

/// Returns `servers` with the addresses that are not among them.
fn extended<'a>(mut servers: String, addresses: impl IntoIterator<Item = &'a str>) -> String {
    for address in addresses {
        if !servers.split(',').any(|server| server == address) {
            servers.push(',');
            servers.push_str(address);
        }
    }
    servers
}

fn answer_in(
    result: Result<Vec<Result<ConfigResource, RDKafkaErrorCode>>, KafkaError>,
) -> Option<Answer> {
    match result {
        Ok(resources) => Some(Answer {
            min_in_sync: resources.iter().flatten().find_map(min_in_sync_of),
        }),
        Err(KafkaError::AdminOp(code)) if is_from_the_broker(code) => {
            Some(Answer { min_in_sync: None })
        }
        Err(_) => None,
    }
}

/// Returns whether only a broker that is connected can have led to this code: its own codes are positive, and librdkafka knows
/// what a broker supports once that has answered the first request on its connection.
fn is_from_the_broker(code: RDKafkaErrorCode) -> bool {
    (code as i32).is_positive() || code == RDKafkaErrorCode::UnsupportedFeature
}

fn min_in_sync_of(resource: &ConfigResource) -> Option<usize> {
    resource.get(MIN_IN_SYNC)?.value.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures::executor::block_on;
    use futures::future::join_all;
    use rdkafka::admin::{ConfigEntry, ConfigSource, OwnedResourceSpecifier};

    use super::*;
    use crate::embedded::EmbeddedCluster;

    /// Much longer than an answer takes, also on a busy machine.
    const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
    /// Much longer than an answer takes on a connection that works.
    const SILENCE: Duration = Duration::from_millis(500);
    const TOPIC: &str = "asked";

    #[test]
    fn a_broker_that_answers_is_alive_and_a_hung_or_dead_one_is_not() {
        let cluster = EmbeddedCluster::start(3).expect("starts");
        cluster.create_topic(TOPIC, 3).expect("creates");
        cluster.hang_broker(2).expect("hangs");
        cluster.kill_broker(3).expect("kills");
        let kafka = KafkaConfig::embedded(&cluster).expect("its addresses are valid");
        for reach in [Reach::EveryBroker, Reach::AsNeeded] {
            let inquiry = Inquiry::open(&kafka, [], reach).expect("opens");
            let ask =
                |broker, within| inquiry.ask::<Threads>(broker, TOPIC, Instant::now() + within);
            // The embedded cluster does not know the request, which it says when it is connected.
            let answer = Some(Answer { min_in_sync: None });
            assert_eq!(block_on(ask(1, ANSWER_TIMEOUT)), answer);
            let silent = [2, 3].map(|broker| ask(broker, SILENCE));
            assert_eq!(block_on(join_all(silent)), [None, None]);
            let answers =
                |broker, within| inquiry.answers::<Threads>(broker, TOPIC, Instant::now() + within);
            assert!(block_on(answers(1, ANSWER_TIMEOUT)));
            assert!(!block_on(answers(2, SILENCE)));
            let minimum = inquiry.min_in_sync::<Threads>(&[1], TOPIC, deadline());
            assert_eq!(block_on(minimum), None, "it does not know it");
        }
    }

    #[test]
    fn a_broker_is_found_through_an_address_that_is_no_bootstrap_server() {
        let cluster = EmbeddedCluster::start(1).expect("starts");
        cluster.create_topic(TOPIC, 1).expect("creates");
        let nobody = "127.0.0.1:1".parse().expect("an address");
        let kafka = KafkaConfig::new(nobody, crate::Properties::new()).expect("valid");
        let inquiry = Inquiry::open(&kafka, [cluster.bootstrap_servers()], Reach::AsNeeded);
        let inquiry = inquiry.expect("opens");
        let answer = inquiry.ask::<Threads>(1, TOPIC, Instant::now() + ANSWER_TIMEOUT);
        assert_eq!(block_on(answer), Some(Answer { min_in_sync: None }));
    }

    #[test]
    fn every_code_of_a_broker_proves_that_it_is_alive_and_no_code_of_the_client_does() {
        for code in [
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::UnknownTopicOrPartition,
            RDKafkaErrorCode::UnsupportedFeature,
        ] {
            let answer = answer_in(Err(KafkaError::AdminOp(code)));
            assert_eq!(answer, Some(Answer { min_in_sync: None }), "{code}");
        }
        for code in [
            RDKafkaErrorCode::OperationTimedOut,
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::AllBrokersDown,
        ] {
            assert_eq!(answer_in(Err(KafkaError::AdminOp(code))), None, "{code}");
        }
        let refused = Ok(vec![Err(RDKafkaErrorCode::TopicAuthorizationFailed)]);
        assert_eq!(answer_in(refused), Some(Answer { min_in_sync: None }));
    }

    /// A thread for each timer.
    struct Threads;

    impl Runtime for Threads {
        fn spawn(task: impl Future<Output = ()> + Send + 'static) {
            thread::spawn(|| block_on(task));
        }

        async fn sleep(duration: Duration) {
            let slept = Self::spawn_blocking(move || thread::sleep(duration));
            slept.await;
        }

        async fn spawn_blocking<T: Send + 'static>(
            work: impl FnOnce() -> T + Send + 'static,
        ) -> Option<T> {
            let (sender, receiver) = futures::channel::oneshot::channel();
            thread::spawn(move || sender.send(work()));
            receiver.await.ok()
        }
    }

    #[test]
    fn an_address_is_added_unless_it_is_a_server() {
        let servers = "a:1,b:2".to_owned();
        assert_eq!(extended(servers.clone(), ["b:2", "a:1"]), servers);
        assert_eq!(extended(servers, ["c:3", "b:2", "c:3"]), "a:1,b:2,c:3");
    }

    #[test]
    fn the_minimum_is_read_from_the_configuration_of_the_topic() {
        let entry = |name: &str, value: Option<&str>| ConfigEntry {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            source: ConfigSource::Default,
            is_read_only: false,
            is_default: true,
            is_sensitive: false,
        };
        let minimum = |entries| {
            let resource = ConfigResource {
                specifier: OwnedResourceSpecifier::Topic(TOPIC.to_owned()),
                entries,
            };
            answer_in(Ok(vec![Ok(resource)]))
                .expect("an answer")
                .min_in_sync
        };
        let other = || entry("max.message.bytes", Some("7"));
        let known = vec![other(), entry(MIN_IN_SYNC, Some("2"))];
        assert_eq!(minimum(known), Some(2));
        assert_eq!(minimum(vec![other()]), None);
        assert_eq!(minimum(vec![entry(MIN_IN_SYNC, None)]), None);
    }

    #[test]
    fn every_broker_is_reached_by_connections_that_are_not_needed_yet() {
        let servers = "127.0.0.1:1".parse().expect("an address");
        let kafka = KafkaConfig::new(servers, crate::Properties::new()).expect("valid");
        let sparse = |reach| {
            let config = configured(&kafka, reach);
            config.get("enable.sparse.connections") != Some("false")
        };
        assert!(!sparse(Reach::EveryBroker));
        assert!(sparse(Reach::AsNeeded));
        let inquiry = Inquiry::open(&kafka, [], Reach::AsNeeded).expect("opens");
        assert_eq!(format!("{inquiry:?}"), "Inquiry { .. }");
        assert!(inquiry.client().is_some());
    }

    fn deadline() -> Instant {
        Instant::now() + ANSWER_TIMEOUT
    }
}
