//! The topics to which the service's own deliveries fail.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::{Failure, FailureClass, FailureKind};
use livebus_runner::Observations;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::error_class::{code_name, failure};
use crate::evidence_gate::{Distrust, EvidenceGate};
use crate::lock::lock;
use crate::properties::BootstrapServers;

/// A topic to which nothing was sent for this time after a failed delivery is forgotten: a service that is NotReady may receive no
/// work, and would send nothing that could succeed.
const LIFETIME: Duration = Duration::from_mins(1);

/// The maximum number of topics that are known. Failures of further ones are not counted.
const MAX_TOPICS: usize = 100;

/// What a delivery of the service's own producers that fails means, while liveness messages succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnFailedDelivery {
    /// The service stays Running, with a warning that names the topic and the class of the failure.
    #[default]
    Warn,
    /// The service is NotReady.
    NotReady,
}

/// The topics whose newest delivery has failed.
#[derive(Debug)]
pub(crate) struct FailedDeliveries {
    /// The number of topics, so that a delivery that succeeds looks for its topic only when there is one.
    count: AtomicUsize,
    topics: Mutex<Vec<FailedTopic>>,
    /// Whether a suspicion may announce a failure that leaves the service Running.
    announces: AtomicBool,
    is_not_ready: AtomicBool,
    observations: Arc<Observations>,
    gate: Arc<EvidenceGate>,
    /// The bootstrap servers, for the log.
    address: String,
}

#[derive(Debug)]
struct FailedTopic {
    name: String,
    failure: Failure,
    newest: Instant,
}

impl FailedDeliveries {
    pub(super) fn new(
        servers: &BootstrapServers,
        observations: Arc<Observations>,
        gate: Arc<EvidenceGate>,
    ) -> Self {
        Self {
            count: AtomicUsize::new(0),
            topics: Mutex::default(),
            announces: AtomicBool::new(true),
            is_not_ready: AtomicBool::new(false),
            observations,
            gate,
            address: servers.to_string(),
        }
    }

    /// Sets what a failure means for the supervision that begins. `announces` is whether a suspicion of it may be reported while
    /// the service stays Running.
    pub(crate) fn begin(&self, on_failure: OnFailedDelivery, announces: bool) {
        let is_not_ready = on_failure == OnFailedDelivery::NotReady;
        self.is_not_ready.store(is_not_ready, Ordering::Relaxed);
        self.announces.store(announces, Ordering::Relaxed);
        self.forget(|_| true);
    }

    /// Returns whether any topic is known. Costs one load.
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Takes the error of a delivery to `topic`. Returns whether the delivery has failed for good: not so a record that the service
    /// has purged, also by closing its producer, and one that a full queue has refused.
    pub(super) fn on_error(&self, topic: &str, error: &KafkaError) -> bool {
        let is_final = !matches!(
            error.rdkafka_error_code(),
            Some(
                RDKafkaErrorCode::PurgeQueue
                    | RDKafkaErrorCode::PurgeInflight
                    | RDKafkaErrorCode::QueueFull
            )
        );
        if is_final {
            self.on_failure(topic, failure(error), Instant::now());
        }
        is_final
    }

    /// Takes that a delivery to `topic` has failed for good.
    fn on_failure(&self, topic: &str, failure: Failure, now: Instant) {
        let mut topics = lock(&self.topics);
        if let Some(known) = topics.iter_mut().find(|it| it.name == topic) {
            (known.failure, known.newest) = (failure, now);
            return;
        }
        if topics.len() == MAX_TOPICS {
            return;
        }
        let address = &*self.address;
        tracing::warn!(address, topic, class = %failure.class, code = failure.code, "deliveries fail");
        topics.push(FailedTopic {
            name: topic.to_owned(),
            failure,
            newest: now,
        });
        self.update(&topics);
        drop(topics);
        // Any other failure may be that of the bus: it is a suspicion of its own, and a liveness message shows whose it is.
        let is_answer = failure.class.kind() == FailureKind::Rejected;
        let is_not_ready = self.is_not_ready.load(Ordering::Relaxed);
        if is_answer && (is_not_ready || self.announces.load(Ordering::Relaxed)) {
            self.observations.suspicion(self.meaning(failure));
        }
    }

    /// Takes that a delivery to `topic` was acknowledged.
    pub(super) fn on_success(&self, topic: &str) {
        if self.any() && self.forget(|it| it.name == topic) {
            tracing::info!(address = self.address, topic, "deliveries succeed again");
        }
    }

    /// Judges the result of a liveness message: one that the bus has answered fails while deliveries to a topic fail. Returns the
    /// reason too.
    ///
    /// While the bus does not answer, the failures of deliveries follow from that, and are forgotten.
    pub(crate) fn judge(
        &self,
        result: Result<(), Failure>,
        now: Instant,
    ) -> Result<(), (Failure, Option<String>)> {
        if result.is_err_and(|failure| failure.class.kind() != FailureKind::Rejected) {
            self.forget(|_| true);
        } else {
            self.forget(|it| now.saturating_duration_since(it.newest) >= LIFETIME);
        }
        let is_decisive = result.is_ok() || self.is_not_ready.load(Ordering::Relaxed);
        let topics = lock(&self.topics);
        match topics.last() {
            Some(newest) if is_decisive => {
                let reason = reason(newest, topics.len());
                Err((self.meaning(newest.failure), Some(reason)))
            }
            _ => result.map_err(|failure| (failure, None)),
        }
    }

    fn meaning(&self, failure: Failure) -> Failure {
        let class = if self.is_not_ready.load(Ordering::Relaxed) {
            FailureClass::RequiredTopicUnusable
        } else {
            FailureClass::TopicUnusable
        };
        match failure.code {
            Some(code) => Failure::with_code(class, code),
            None => class.into(),
        }
    }

    /// Returns whether there was one.
    fn forget(&self, is_over: impl Fn(&FailedTopic) -> bool) -> bool {
        let mut topics = lock(&self.topics);
        let before = topics.len();
        topics.retain(|it| !is_over(it));
        self.update(&topics);
        topics.len() < before
    }

    /// Evidence of other topics does not refute that deliveries to one fail, so it does not count: liveness messages are sent.
    fn update(&self, topics: &[FailedTopic]) {
        self.count.store(topics.len(), Ordering::Relaxed);
        self.gate.set(Distrust::FailedDelivery, !topics.is_empty());
    }
}

fn reason(topic: &FailedTopic, count: usize) -> String {
    let FailedTopic { name, failure, .. } = topic;
    let code = failure.code.and_then(code_name);
    let code = code.map_or_else(String::new, |code| format!(" ({code})"));
    let others = match count {
        1 => String::new(),
        count => format!(", and to {} more topics", count - 1),
    };
    let class = failure.class;
    format!("deliveries to {name} fail: {class}{code}{others}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENIED: Failure = Failure::with_code(FailureClass::Authorization, 29);

    fn deliveries(on_failure: OnFailedDelivery) -> (FailedDeliveries, Arc<Observations>) {
        let observations = Arc::<Observations>::default();
        let gate = Arc::new(EvidenceGate::new(Arc::clone(&observations)));
        let servers = "kafka:9092".parse().expect("is valid");
        let deliveries = FailedDeliveries::new(&servers, Arc::clone(&observations), gate);
        deliveries.begin(on_failure, true);
        (deliveries, observations)
    }

    fn counts(observations: &Observations) -> bool {
        observations.evidence_at(Instant::now());
        observations.take().live.is_some()
    }

    #[test]
    fn a_failed_delivery_is_a_warning_until_the_topic_works() {
        let (deliveries, observations) = deliveries(OnFailedDelivery::Warn);
        let now = Instant::now();
        deliveries.on_failure("orders", DENIED, now);
        let warning = Failure::with_code(FailureClass::TopicUnusable, 29);
        assert_eq!(observations.take().suspicion, Some(warning));
        assert!(!counts(&observations), "other topics do not refute it");
        let reason = "deliveries to orders fail: Authorization (TOPIC_AUTHORIZATION_FAILED)";
        let judged = Err((warning, Some(reason.to_owned())));
        assert_eq!(deliveries.judge(Ok(()), now), judged);
        deliveries.on_success("audit");
        assert_eq!(deliveries.judge(Ok(()), now), judged);
        deliveries.on_failure("orders", DENIED, now);
        assert_eq!(observations.take().suspicion, None, "it is not new");
        deliveries.on_success("orders");
        assert_eq!(deliveries.judge(Ok(()), now), Ok(()));
        assert!(counts(&observations));
    }

    #[test]
    fn a_failed_delivery_is_not_ready_by_a_setting() {
        let (deliveries, observations) = deliveries(OnFailedDelivery::NotReady);
        let now = Instant::now();
        deliveries.on_failure("orders", DENIED, now);
        let failure = Failure::with_code(FailureClass::RequiredTopicUnusable, 29);
        assert_eq!(observations.take().suspicion, Some(failure));
        for answered in [Ok(()), Err(FailureClass::TopicMissing.into())] {
            let judged = deliveries.judge(answered, now).map_err(|(it, _)| it);
            assert_eq!(judged, Err(failure));
        }
    }

    #[test]
    fn a_warning_does_not_replace_the_rejection_of_a_message() {
        let (deliveries, _) = deliveries(OnFailedDelivery::Warn);
        deliveries.on_failure("orders", DENIED, Instant::now());
        let missing = FailureClass::TopicMissing.into();
        let judged = deliveries.judge(Err(missing), Instant::now());
        assert_eq!(judged, Err((missing, None)));
    }

    #[test]
    fn while_the_bus_is_away_failed_deliveries_follow_from_that() {
        let (deliveries, observations) = deliveries(OnFailedDelivery::NotReady);
        let now = Instant::now();
        deliveries.on_failure("orders", FailureClass::Timeout.into(), now);
        let timeout = FailureClass::Timeout.into();
        assert_eq!(
            observations.take().suspicion,
            None,
            "it may be that of the bus"
        );
        assert_eq!(deliveries.judge(Err(timeout), now), Err((timeout, None)));
        assert_eq!(deliveries.judge(Ok(()), now), Ok(()));
    }

    #[test]
    fn a_topic_to_which_nothing_is_sent_is_forgotten() {
        let (deliveries, observations) = deliveries(OnFailedDelivery::NotReady);
        let start = Instant::now();
        deliveries.on_failure("orders", DENIED, start);
        deliveries.on_failure("orders", DENIED, start + LIFETIME / 2);
        assert!(deliveries.judge(Ok(()), start + LIFETIME).is_err());
        let end = start + LIFETIME * 3 / 2;
        assert_eq!(deliveries.judge(Ok(()), end), Ok(()));
        assert!(counts(&observations));
    }

    #[test]
    fn the_number_of_topics_is_bounded() {
        let (deliveries, _) = deliveries(OnFailedDelivery::Warn);
        let now = Instant::now();
        for number in 0..2 * MAX_TOPICS {
            deliveries.on_failure(&format!("t{number}"), DENIED, now);
        }
        assert_eq!(lock(&deliveries.topics).len(), MAX_TOPICS);
        let (_, reason) = deliveries.judge(Ok(()), now).expect_err("they fail");
        assert!(
            reason
                .expect("is given")
                .ends_with(", and to 99 more topics")
        );
        deliveries.on_success("t1");
        assert_eq!(deliveries.count.load(Ordering::Relaxed), MAX_TOPICS - 1);
    }
}
