//! What one client reports, and when.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::FailureKind;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};

use crate::error_class::failure;
use crate::lock::lock;
use crate::spacing::Spacing;
use crate::symptom::Symptom;

use super::answers::Answers;
use super::shared::Shared;

/// The minimum time between two suspicions: librdkafka reports some errors again and again, and each failed delivery is one.
const SUSPICION_SPACING: Duration = Duration::from_millis(100);

/// The connection of one client to the bus.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    /// Before the client: an age of the client, counted from here, is an instant that is a little too early, and never too late.
    made: Instant,
    /// The user has asked for statistics.
    pub(super) forwards_statistics: bool,
    by_broker: AtomicU64,
    by_any: AtomicU64,
    noted: AtomicU64,
    newest: Mutex<Option<Answers>>,
    suspicions: Spacing,
    has_warned: AtomicBool,
}

/// When a broker last answered, as far as the client knows: the nanoseconds since it was made, and 0 for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) struct Answered(u64);

impl Link {
    /// To be made before the client.
    pub(crate) fn new(shared: Arc<Shared>, forwards_statistics: bool) -> Arc<Self> {
        Arc::new(Self {
            shared,
            made: Instant::now(),
            forwards_statistics,
            by_broker: AtomicU64::new(0),
            by_any: AtomicU64::new(0),
            noted: AtomicU64::new(0),
            newest: Mutex::new(None),
            suspicions: Spacing::new(SUSPICION_SPACING),
            has_warned: AtomicBool::new(false),
        })
    }

    /// Returns when a broker last answered.
    #[inline]
    pub(super) fn answered(&self) -> Answered {
        Answered(self.by_broker.load(Ordering::Acquire))
    }

    /// Reports evidence of the instant `answered`. Usually it is reported already, and this costs two loads.
    #[inline]
    pub(super) fn note(&self, answered: Answered) {
        if answered.0 > self.noted.load(Ordering::Relaxed) {
            self.report(answered);
        }
    }

    #[cold]
    fn report(&self, answered: Answered) {
        self.noted.fetch_max(answered.0, Ordering::Relaxed);
        let at = self.made + Duration::from_nanos(answered.0);
        self.shared.observations.evidence_at(at);
    }

    pub(crate) fn on_statistics(&self, statistics: &[u8]) {
        let Some(answers) = Answers::read(statistics) else {
            return;
        };
        let before = lock(&self.newest).replace(answers);
        let nanos = |age: Option<Duration>| {
            age.map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
        };
        let (by_broker, by_any) = (nanos(answers.by_broker), nanos(answers.by_any));
        self.by_broker.fetch_max(by_broker, Ordering::Release);
        self.by_any.fetch_max(by_any, Ordering::Release);
        let Some(before) = before else {
            return;
        };
        if answers.is_consumer && answers.fetches > before.fetches {
            self.note(Answered(by_broker));
        }
        let interval = answers.age.saturating_sub(before.age);
        let is_rare = self.shared.live_interval().is_some_and(|it| interval > it);
        if is_rare && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                ?interval,
                "the statistics of a client are rarer than live_interval, so its traffic hardly counts as evidence"
            );
        }
    }

    /// An error of the client.
    pub(crate) fn on_error(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if matches!(
            code,
            Some(
                RDKafkaErrorCode::NoError
                    | RDKafkaErrorCode::PartitionEOF
                    | RDKafkaErrorCode::AutoOffsetReset
            )
        ) {
            return;
        }
        let symptom = Symptom::of(failure(error), reason);
        // A broker that rejects something is alive.
        let is_rejection = symptom.failure.class.kind() == FailureKind::Rejected;
        if !is_rejection && self.suspicions.admits(Instant::now()) {
            self.shared.observations.suspicion(symptom.failure);
        }
    }

    /// A delivery of a producer with callbacks.
    pub(crate) fn on_delivery(&self, result: &DeliveryResult<'_>) {
        match result {
            Ok(message) => {
                self.on_acknowledged(message.offset(), self.answered());
                self.on_delivered(|| message.topic());
            }
            Err((error, message)) => self.on_failed(error, message.topic()),
        }
    }

    /// A delivery that has succeeded. Without an offset no broker has acknowledged it: that is `acks=0`.
    #[inline]
    pub(super) fn on_acknowledged(&self, offset: i64, answered: Answered) {
        if offset >= 0 {
            self.note(answered);
        }
    }

    /// Takes that deliveries to a topic succeed, which matters only while some failed.
    #[inline]
    pub(super) fn on_delivered<'a>(&self, topic: impl FnOnce() -> &'a str) {
        if self.has_failed_deliveries() {
            self.shared.deliveries.on_success(topic());
        }
    }

    #[inline]
    pub(super) fn has_failed_deliveries(&self) -> bool {
        self.shared.deliveries.any()
    }

    /// A delivery that has failed for good.
    pub(super) fn on_failed(&self, error: &KafkaError, topic: &str) {
        if self.shared.deliveries.on_error(topic, error) {
            self.on_error(error, "");
        }
    }

    /// A commit that the coordinator has acknowledged.
    pub(crate) fn on_commit(&self) {
        self.note(Answered(self.by_any.load(Ordering::Acquire)));
    }
}

#[cfg(test)]
impl Answered {
    pub(super) const NEVER: Self = Self(0);
}

#[cfg(test)]
impl Link {
    pub(super) fn answered_at(&self) -> Instant {
        self.made + Duration::from_nanos(self.answered().0)
    }
}
