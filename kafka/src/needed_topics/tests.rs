use std::future::Future;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;
use livebus_core::Settings;
use rdkafka::error::RDKafkaErrorCode;

use super::*;
use crate::embedded::EmbeddedCluster;
use crate::needed_topic::{PartitionState, Right};
use crate::properties::Properties;

const MISSING: Failure = Failure::with_code(FailureClass::RequiredTopicUnusable, 3);

#[test]
fn a_required_topic_decides_over_acknowledgements_and_evidence() {
    let (needed, observations) = needed("orders:required");
    needed.take(Some(verdict(Some(MISSING))));
    let first = judge(&needed, Ok(()));
    assert_eq!(first, Err(MISSING));
    assert_eq!(observations.take().suspicion, Some(MISSING));
    observations.evidence_at(Instant::now());
    assert_eq!(observations.take().live, None);
    needed.take(Some(verdict(None)));
    assert_eq!(judge(&needed, Ok(())), Ok(()));
    observations.evidence_at(Instant::now());
    assert!(observations.take().live.is_some());
}

#[test]
fn an_optional_topic_is_reported_and_evidence_counts() {
    let (needed, observations) = needed("orders");
    assert_eq!(judge(&needed, Ok(())), Ok(()), "nobody waits for it");
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    needed.take(Some(verdict(Some(failure))));
    assert_eq!(judge(&needed, Ok(())), Err(failure));
    observations.evidence_at(Instant::now());
    let observed = observations.take();
    assert!(observed.live.is_some());
    assert_eq!(observed.suspicion, Some(failure));
    needed.take(Some(verdict(Some(failure))));
    assert_eq!(observations.take().suspicion, None, "it is not new");
}

#[test]
fn a_failure_of_the_bus_stays_what_it_is() {
    let (needed, _) = needed("orders:required");
    needed.take(Some(verdict(Some(MISSING))));
    let timeout = Err(FailureClass::Timeout.into());
    assert_eq!(judge(&needed, timeout), timeout);
    assert!(!needed.goes_on(), "nothing is asked while the bus is away");
}

#[test]
fn a_required_topic_decides_over_a_rejected_message_too() {
    let (needed, _) = needed("orders:required");
    for class in [
        FailureClass::TopicMissing,
        FailureClass::RecordRejected,
        FailureClass::Throttled,
    ] {
        let rejected = Err(class.into());
        needed.take(Some(verdict(Some(MISSING))));
        assert_eq!(judge(&needed, rejected), Err(MISSING), "{class}");
        needed.take(Some(verdict(None)));
        assert_eq!(judge(&needed, rejected), rejected, "the topic is usable");
        assert_eq!(needed.goes_on(), class != FailureClass::Throttled);
    }
}

#[test]
fn a_rejected_message_proves_nothing_before_a_required_topic_is_known() {
    for class in [FailureClass::TopicMissing, FailureClass::Throttled] {
        let (needed, _) = needed("orders:required");
        let unknown = Err(FailureClass::Timeout.into());
        assert_eq!(judge(&needed, Err(class.into())), unknown, "{class}");
        assert!(needed.goes_on(), "it is asked");
    }
}

#[test]
fn an_optional_topic_does_not_replace_the_rejection_of_a_message() {
    let (needed, _) = needed("orders");
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    needed.take(Some(verdict(Some(failure))));
    let rejected = Err(FailureClass::Authorization.into());
    assert_eq!(judge(&needed, rejected), rejected);
}

#[test]
fn without_an_answer_about_a_required_topic_nothing_is_proved() {
    let (needed, observations) = needed("orders:required");
    observations.evidence_at(Instant::now());
    assert_eq!(observations.take().live, None);
    assert_eq!(judge(&needed, Ok(())), Err(FailureClass::Timeout.into()));
}

#[test]
fn a_message_that_would_fail_again_waits_for_the_topic() {
    let (needed, _) = needed("orders:required");
    needed.take(Some(verdict(Some(MISSING))));
    assert_eq!(judge(&needed, Ok(())), Err(MISSING));
    let other = Arc::clone(&needed);
    thread::spawn(move || {
        while lock(&other.state).waiting.is_empty() {
            thread::yield_now();
        }
        other.take(Some(verdict(None)));
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    let result = block_on(needed.judge::<NoTasks>(Ok(()), deadline));
    assert_eq!(result, Ok(()));
    assert!(Instant::now() < deadline);
}

#[test]
fn the_topics_are_asked_about_sooner_while_one_is_unusable() {
    let (needed, _) = needed("orders");
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    let settings = Settings::default();
    assert_eq!(needed.take(Some(verdict(None))), settings.live_interval);
    let unwell = settings.not_live_interval;
    assert_eq!(needed.take(Some(verdict(Some(failure)))), unwell);
    assert_eq!(needed.take(None), unwell);
}

#[test]
fn a_failure_that_is_new_is_returned_at_once() {
    let (needed, _) = needed("orders:required");
    needed.take(Some(verdict(Some(MISSING))));
    let deadline = Instant::now() + Duration::from_secs(30);
    let first = block_on(needed.judge::<NoTasks>(Ok(()), deadline));
    assert_eq!(first, Err(MISSING));
    assert!(lock(&needed.state).waiting.is_empty());
}

#[test]
fn an_old_verdict_over_an_optional_topic_decides_nothing() {
    let (needed, _) = needed("orders");
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    needed.take(Some(verdict(Some(failure))));
    lock(&needed.state).known = None;
    assert_eq!(judge(&needed, Ok(())), Ok(()));
}

#[test]
fn a_verdict_counts_until_the_next_two_answers_must_be_there() {
    let paces = Paces {
        well: Duration::from_secs(7),
        unwell: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
    };
    assert_eq!(paces.lifetime(), Duration::from_secs(16));
}

#[test]
fn one_task_asks_from_the_first_acknowledged_message_until_the_stop() {
    let (needed, _) = needed("orders");
    assert!(!needed.goes_on());
    assert_eq!(judge(&needed, Ok(())), Ok(()));
    assert!(lock(&needed.state).is_running);
    assert!(needed.goes_on());
    needed.stop();
    assert!(!needed.goes_on());
    assert!(!lock(&needed.state).is_running);
}

#[test]
fn another_reason_of_the_same_failure_is_no_suspicion() {
    let (needed, observations) = needed("orders");
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    needed.take(Some(verdict(Some(failure))));
    assert_eq!(observations.take().suspicion, Some(failure));
    let other = Verdict {
        reason: "said again".to_owned(),
        ..verdict(Some(failure))
    };
    needed.take(Some(other));
    assert_eq!(observations.take().suspicion, None);
}

#[test]
fn where_a_suspicion_is_not_ready_an_optional_topic_is_none() {
    let settings = Settings {
        on_suspicion: OnSuspicion::NotReady,
        ..Settings::default()
    };
    let (optional, observations) = needed_with("orders", settings.clone());
    let failure = Failure::with_code(FailureClass::TopicUnusable, 3);
    optional.take(Some(verdict(Some(failure))));
    assert_eq!(observations.take().suspicion, None);
    let (required, observations) = needed_with("orders:required", settings);
    required.take(Some(verdict(Some(MISSING))));
    assert_eq!(observations.take().suspicion, Some(MISSING));
}

#[test]
fn only_messages_that_are_records_have_a_liveness_topic() {
    let (needed, _) = needed("orders");
    assert_eq!(needed.liveness_topic(), Some(LivenessBy::DEFAULT_TOPIC));
    let needed = Arc::into_inner(needed).expect("it is the only one");
    let by_metadata = NeededTopics {
        kafka: needed.kafka.liveness_by(LivenessBy::Metadata),
        ..needed
    };
    assert_eq!(by_metadata.liveness_topic(), None);
}

#[test]
fn the_verdict_is_that_of_the_brokers() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    cluster.create_topic("orders", 1).expect("creates");
    let kafka = |properties| {
        let servers = cluster.bootstrap_servers().parse().expect("an address");
        KafkaConfig::new(servers, properties).expect("valid")
    };
    let acks = Properties::parse(["acks=1"]).expect("a pair");
    let kafka = kafka(acks).liveness_by(LivenessBy::Metadata);
    let (needed, _) = needed_at(&kafka, "orders", Settings::default());
    let mut asker = Asker::default();
    let fine = block_on(asker.ask::<NoTasks>(&needed));
    assert_eq!(fine, Some(Verdict::default()));
    assert!(asker.min_in_sync.is_empty(), "no replica is waited for");
    let code = RDKafkaErrorCode::TopicAuthorizationFailed;
    cluster.refuse_topic("orders", code).expect("refuses");
    let refused = block_on(asker.ask::<NoTasks>(&needed)).expect("an answer");
    let failure = Failure::with_code(FailureClass::TopicUnusable, code as i32);
    assert_eq!(refused.failure, Some(failure));
}

#[test]
fn the_minimum_of_a_topic_is_asked_for_where_replicas_are_waited_for() {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    cluster.create_topic("orders", 1).expect("creates");
    let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
    let kafka = kafka.liveness_by(LivenessBy::Metadata);
    let (needed, _) = needed_at(&kafka, "orders", Settings::fast());
    let mut asker = Asker::default();
    let fine = block_on(asker.ask::<NoTasks>(&needed));
    assert_eq!(
        fine,
        Some(Verdict::default()),
        "the cluster does not know it"
    );
    assert_eq!(asker.min_in_sync, [None]);
}

#[test]
fn a_minimum_is_asked_for_again_when_it_is_old_and_a_replica_is_missing() {
    let asked = Instant::now();
    let end = asked + MIN_IN_SYNC_LIFETIME;
    let after = end + Duration::from_nanos(1);
    let state = |in_sync| TopicState {
        partitions: Ok(vec![PartitionState {
            id: 0,
            leader: Some(1),
            in_sync,
            replicas: 3,
        }]),
        min_in_sync: None,
        right: Right::Unknown,
    };
    let missing = TopicState {
        partitions: Err(RDKafkaErrorCode::UnknownTopicOrPartition),
        ..state(3)
    };
    assert!(is_due(None, &state(3), asked));
    assert!(!is_due(None, &missing, asked));
    let known = Some((2, asked));
    assert!(is_due(known, &state(2), after));
    assert!(!is_due(known, &state(2), end));
    assert!(!is_due(known, &state(3), after));
}

#[test]
fn all_messages_that_wait_for_a_topic_are_answered() {
    let (needed, _) = needed("orders:required");
    needed.take(Some(verdict(Some(MISSING))));
    assert_eq!(judge(&needed, Ok(())), Err(MISSING));
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = [(); 2].map(|()| Box::pin(needed.judge::<NoTasks>(Ok(()), deadline)));
    for message in &mut waiting {
        assert_eq!(message.as_mut().poll(&mut context), Poll::Pending);
    }
    assert_eq!(lock(&needed.state).waiting.len(), 2);
    needed.take(Some(verdict(None)));
    for message in waiting {
        assert_eq!(block_on(message), Ok(()));
    }
}

fn needed(topic: &str) -> (Arc<NeededTopics>, Arc<Observations>) {
    needed_with(topic, Settings::default())
}

fn needed_with(topic: &str, settings: Settings) -> (Arc<NeededTopics>, Arc<Observations>) {
    let servers = "127.0.0.1:1".parse().expect("an address");
    let kafka = KafkaConfig::new(servers, Properties::new()).expect("valid");
    needed_at(&kafka, topic, settings)
}

fn needed_at(
    kafka: &KafkaConfig,
    topic: &str,
    settings: Settings,
) -> (Arc<NeededTopics>, Arc<Observations>) {
    let kafka = kafka.clone().needs_topic(topic.parse().expect("a topic"));
    let config = Config::new(settings).expect("valid settings");
    let observations = Arc::<Observations>::default();
    let facts = Arc::new(Facts::new(Vec::new(), Vec::new()));
    let gate = Arc::new(EvidenceGate::new(Arc::clone(&observations)));
    let needed = NeededTopics::new(&kafka, &config, Arc::clone(&observations), facts, gate);
    (Arc::new(needed), observations)
}

fn verdict(failure: Option<Failure>) -> Verdict {
    Verdict {
        failure,
        reason: "said".to_owned(),
    }
}

/// Judges with little time, for what does not wait.
fn judge(needed: &Arc<NeededTopics>, result: Result<(), Failure>) -> Result<(), Failure> {
    block_on(needed.judge::<NoTasks>(result, Instant::now() + Duration::from_millis(50)))
}

/// Drops the task that asks: the tests give the answers.
struct NoTasks;

impl Runtime for NoTasks {
    fn spawn(_task: impl Future<Output = ()> + Send + 'static) {}

    async fn sleep(duration: Duration) {
        // An error would be a thread without memory.
        let _ = on_thread(move || thread::sleep(duration)).await;
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        on_thread(work).await.ok()
    }
}
