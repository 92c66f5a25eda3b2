use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};

use futures::executor::block_on;
use livebus_core::Settings;

use super::*;
use crate::embedded::EmbeddedCluster;

#[test]
fn attempts_that_fail_are_repeated_ever_slower_up_to_a_minute() {
    let mut now = Instant::now();
    let mut pace = Pace::default();
    assert!(pace.allows(now));
    for seconds in [5, 10, 20, 40, 60, 60] {
        pace.ended(false, now);
        let nearly = Duration::from_millis(seconds * 1_000 - 1);
        assert!(!pace.allows(now + nearly));
        now += Duration::from_secs(seconds);
        assert!(pace.allows(now));
    }
    pace.ended(true, now);
    assert!(!pace.allows(now + Duration::from_secs(4)));
    assert!(pace.allows(now + Duration::from_secs(5)));
    pace.ended(false, now);
    assert!(pace.allows(now + Duration::from_secs(5)));
}

#[test]
fn a_refusal_is_a_missing_topic_with_its_code_and_its_reason() {
    let (creation, observations, facts) = creation();
    let refusal = Refusal {
        code: Some(44),
        reason: "Policy violation".to_owned(),
    };
    let failure = Failure::with_code(FailureClass::TopicMissing, 44);
    assert_eq!(creation.ended("health", Err(refusal)), Err(failure));
    assert_eq!(
        facts.reason(failure).as_deref(),
        Some("topic health does not exist, and creating it failed: Policy violation")
    );
    assert_eq!(observations.take().suspicion, None);
    assert_eq!(lock(&creation.state).last, Some(failure));
}

#[test]
fn a_creation_that_a_liveness_message_did_not_wait_for_causes_the_next_one() {
    let (creation, observations, _) = creation();
    assert_eq!(creation.ended("health", Ok(())), Ok(()));
    assert_eq!(observations.take().suspicion, None, "it was waited for");
    lock(&creation.state).is_late = true;
    assert_eq!(creation.ended("health", Ok(())), Ok(()));
    let announced = observations.take().suspicion;
    assert_eq!(announced, Some(FailureClass::TopicMissing.into()));
}

#[test]
fn nothing_is_created_without_a_permit() {
    let servers = "127.0.0.1:1".parse().expect("an address");
    let kafka = KafkaConfig::new(servers, crate::Properties::new()).expect("valid");
    let refusal = create(kafka, "health", || None, Duration::from_secs(1));
    let refusal = refusal.expect_err("there is no permit");
    assert_eq!(refusal.code, None);
    assert!(refusal.reason.contains("not known"), "{}", refusal.reason);
}

fn creation() -> (TopicCreation, Arc<Observations>, Arc<Facts>) {
    let observations = Arc::<Observations>::default();
    let facts = Arc::new(Facts::new(Vec::new(), Vec::new()));
    let config = Config::new(Settings::default()).expect("the preset is valid");
    let creation = TopicCreation::new(Arc::clone(&observations), Arc::clone(&facts), &config);
    (creation, observations, facts)
}

#[test]
fn an_attempt_that_was_refused_is_not_repeated_at_once() {
    let (creation, _, facts) = creation();
    let creation = Arc::new(creation);
    let servers = "127.0.0.1:1".parse().expect("an address");
    let kafka = KafkaConfig::new(servers, crate::Properties::new()).expect("valid");
    let permits = Arc::new(AtomicU8::new(0));
    for _ in 0..2 {
        let asked = Arc::clone(&permits);
        let permit = move || {
            asked.fetch_add(1, Ordering::Relaxed);
            None
        };
        let until = Instant::now() + Duration::from_secs(30);
        let ensured = creation.ensure::<Threads>(&kafka, "health", permit, until);
        let missing = Failure::from(FailureClass::TopicMissing);
        assert_eq!(block_on(ensured), Err(missing));
        let reason = facts.reason(missing).expect("is explained");
        assert!(reason.contains("not known"), "{reason}");
    }
    assert_eq!(permits.load(Ordering::Relaxed), 1);
    assert!(format!("{creation:?}").contains("failures: 1"));
}

#[test]
fn nothing_is_created_in_another_cluster() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let servers = cluster.bootstrap_servers().to_owned();
    let permit = || Some(("another".to_owned(), servers));
    let refusal = create(kafka, "health", permit, Duration::from_secs(30));
    let reason = refusal.expect_err("it is another").reason;
    assert!(reason.ends_with("not to the cluster another"), "{reason}");
}

#[test]
fn the_cluster_with_the_permitted_id_is_asked_to_create() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let mut config = kafka.inquiry_config();
    let servers = cluster.bootstrap_servers().to_owned();
    let client: AdminClient<DefaultClientContext> = config
        .set("bootstrap.servers", &servers)
        .create()
        .expect("a client");
    let timeout = Duration::from_secs(30);
    let id = client
        .inner()
        .fetch_cluster_id(timeout)
        .expect("it answers");
    let refusal = create(
        kafka,
        "health",
        || Some((id, servers)),
        Duration::from_secs(2),
    );
    let reason = refusal.expect_err("it cannot create topics").reason;
    assert!(!reason.contains("belong"), "{reason}");
}

/// A thread for each timer and task.
struct Threads;

impl Runtime for Threads {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        std::thread::spawn(|| block_on(task));
    }

    async fn sleep(duration: Duration) {
        // An error would be a thread without memory.
        let _ = on_thread(move || std::thread::sleep(duration)).await;
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        on_thread(work).await.ok()
    }
}
