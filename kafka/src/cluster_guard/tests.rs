use std::future::Future;

use livebus_core::Settings;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};

use super::*;
use crate::embedded::EmbeddedCluster;
use crate::inquiry::Reach;
use crate::properties::Properties;

/// Much longer than an answer takes, also on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

fn guard(servers: &str) -> Arc<ClusterGuard> {
    let servers = servers.parse().expect("addresses");
    let kafka = KafkaConfig::new(servers, Properties::new()).expect("valid");
    let config = Config::new(Settings::default()).expect("the preset is valid");
    let observations = Arc::<Observations>::default();
    let facts = Arc::new(Facts::new(Vec::new(), Vec::new()));
    let gate = Arc::new(EvidenceGate::new(Arc::clone(&observations)));
    Arc::new(ClusterGuard::new(
        &kafka,
        &config,
        observations,
        facts,
        gate,
    ))
}

fn client(servers: &str) -> BaseProducer {
    let mut config = ClientConfig::new();
    let client = config.set("bootstrap.servers", servers).create();
    client.expect("a client")
}

#[test]
fn each_client_has_its_own_number() {
    let guard = guard("a:1");
    assert_eq!([(); 3].map(|()| guard.on_new_client()), [1, 2, 3]);
}

#[test]
fn the_log_of_the_newest_client_decides_about_its_cluster() {
    let guard = guard("a:1");
    let line = |id| format!("a:1/bootstrap: ClusterId update \"\" -> \"{id}\"");
    let (older, newer) = (guard.on_new_client(), guard.on_new_client());
    guard.on_log("CLUSTERID", &line("A"), older);
    guard.on_log("FAIL", &line("A"), newer);
    assert_eq!(guard.cluster_id(), None);
    guard.on_log("CLUSTERID", &line("A"), newer);
    assert_eq!(guard.cluster_id().as_deref(), Some("A"));
}

#[test]
fn the_metadata_of_the_newest_client_decides_about_its_cluster() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let servers = cluster.bootstrap_servers();
    let guard = guard(servers);
    let client = client(servers);
    let older = guard.on_new_client();
    let newer = guard.on_new_client();
    assert!(!guard.knows_client(client.client(), newer));
    let metadata = client.client().fetch_metadata(None, TIMEOUT);
    let metadata = metadata.expect("it answers");
    guard.on_brokers(metadata.brokers());
    assert_eq!(guard.brokers(), [(1, servers.to_owned())]);
    assert!(!guard.knows_client(client.client(), older));
    assert!(guard.knows_client(client.client(), newer));
    let id = guard.cluster_id();
    guard.update(|identity| identity.on_client_id("another"));
    assert!(guard.knows_client(client.client(), older));
    assert_ne!(guard.cluster_id(), id, "an older client is not asked");
}

#[test]
fn the_client_that_asks_is_kept_until_it_is_old() {
    let guard = guard("127.0.0.1:1");
    assert!(guard.inquiry().is_none());
    let inquiry = Inquiry::open(&guard.kafka, [], Reach::AsNeeded);
    guard.set_inquiry(Arc::new(inquiry.expect("opens")));
    guard.forget_inquiry(TIMEOUT);
    assert!(guard.inquiry().is_some());
    guard.forget_inquiry(Duration::ZERO);
    assert!(guard.inquiry().is_none());
}

#[test]
fn a_topic_may_be_created_where_all_servers_are_of_the_cluster_of_the_client() {
    let cluster = EmbeddedCluster::start(2).expect("starts");
    let servers = cluster.bootstrap_servers();
    let guard = guard(servers);
    let client = client(servers);
    let number = guard.on_new_client();
    let metadata = client.client().fetch_metadata(None, TIMEOUT);
    metadata.expect("it answers");
    assert!(guard.knows_client(client.client(), number));
    let id = guard.cluster_id().expect("it is known");
    let expected = Some((id, servers.to_owned()));
    assert_eq!(guard.creatable(), expected, "the servers are asked");
    assert_eq!(guard.creatable(), expected, "they were asked");
}

#[test]
fn only_the_first_message_and_one_to_a_wrong_cluster_wait_for_the_servers() {
    let guard = guard("a:1,b:2");
    let due = || {
        let (check, limit) = guard.due_check::<NoTasks>(Instant::now() + TIMEOUT);
        (check.is_some(), limit)
    };
    let (waits, limit) = due();
    assert!(waits && !limit.is_zero() && limit <= TIMEOUT / 2);
    lock(&guard.state).schedule.end(true);
    assert_eq!(due(), (false, Duration::ZERO));
    guard.update(|identity| {
        identity.on_server_id(0, Some("A"));
        identity.on_server_id(1, Some("B"));
    });
    let (waits, limit) = due();
    assert!(waits && limit > TIMEOUT / 2 && limit < TIMEOUT);
}

#[test]
fn debug_shows_what_is_known_of_the_cluster() {
    let guard = guard("a:1");
    guard.update(|identity| identity.on_client_id("the id"));
    assert!(format!("{guard:?}").contains("the id"));
}

/// Drops every task.
struct NoTasks;

impl Runtime for NoTasks {
    fn spawn(_task: impl Future<Output = ()> + Send + 'static) {}

    async fn sleep(_duration: Duration) {}

    async fn spawn_blocking<T: Send + 'static>(
        _work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        None
    }
}
