//! Creates the liveness topic, if the configuration says so.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Either, Shared, select};
use livebus_core::{Config, Failure, FailureClass, OnSuspicion};
use livebus_runner::{Observations, Runtime};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::blocking::on_thread;
use crate::config::KafkaConfig;
use crate::deadlines::{left_until, max_message_time};
use crate::facts::Facts;
use crate::lock::lock;

/// One for each leader of a round.
const PARTITIONS: i32 = 3;

/// The topic keeps next to nothing: no reader needs its records. Kafka accepts no smaller segments since 4.1.
const TOPIC_CONFIG: [(&str, &str); 5] = [
    ("cleanup.policy", "delete"),
    ("retention.ms", "600000"),
    ("retention.bytes", "1048576"),
    ("segment.ms", "600000"),
    ("segment.bytes", "1048576"),
];

/// The creation of the liveness topic of one bus: one attempt at a time, in the background, at a pace of its own.
pub(crate) struct TopicCreation {
    state: Mutex<State>,
    /// The time for one attempt: as long as any liveness message may take.
    timeout: Duration,
    /// Whether a suspicion may announce a topic that was created late.
    announces: bool,
    observations: Arc<Observations>,
    facts: Arc<Facts>,
}

#[derive(Default)]
struct State {
    in_flight: Option<Shared<oneshot::Receiver<Result<(), Failure>>>>,
    pace: Pace,
    last: Option<Failure>,
    /// A liveness message has ended before the attempt in flight.
    is_late: bool,
}

/// Where something may be created: the id of the cluster, and the bootstrap servers that belong to it.
type Permit = Option<(String, String)>;

impl TopicCreation {
    pub(crate) fn new(observations: Arc<Observations>, facts: Arc<Facts>, config: &Config) -> Self {
        let settings = config.settings();
        Self {
            state: Mutex::default(),
            timeout: max_message_time(settings),
            announces: settings.on_suspicion != OnSuspicion::NotReady,
            observations,
            facts,
        }
    }

    /// Creates `topic` unless it exists, and waits for that until `until`. An attempt goes on after that; later calls wait for the
    /// same one.
    ///
    /// `permit` may block: it is called on a thread of its own.
    ///
    /// # Errors
    ///
    /// [`FailureClass::TopicMissing`], with the code of the broker that refused it if one did. The reason is explained.
    pub(crate) async fn ensure<R: Runtime>(
        self: &Arc<Self>,
        kafka: &KafkaConfig,
        topic: &str,
        permit: impl FnOnce() -> Permit + Send + 'static,
        until: Instant,
    ) -> Result<(), Failure> {
        let attempt = match self.attempt::<R>(kafka, topic, permit) {
            Ok(attempt) => attempt,
            Err(failure) => return Err(failure),
        };
        let left = left_until(until);
        match select(attempt, std::pin::pin!(R::sleep(left))).await {
            Either::Left((Ok(result), _)) => result,
            // The runtime is shutting down.
            Either::Left((Err(_), _)) => Err(FailureClass::TopicMissing.into()),
            Either::Right(_) => {
                lock(&self.state).is_late = true;
                let reason = format!("topic {topic} does not exist; it is being created");
                self.facts.set_reason(FailureClass::TopicMissing, &reason);
                Err(FailureClass::TopicMissing.into())
            }
        }
    }

    /// Returns the attempt in flight, or begins one if the pace allows it; else the failure of the last one.
    fn attempt<R: Runtime>(
        self: &Arc<Self>,
        kafka: &KafkaConfig,
        topic: &str,
        permit: impl FnOnce() -> Permit + Send + 'static,
    ) -> Result<Shared<oneshot::Receiver<Result<(), Failure>>>, Failure> {
        let mut state = lock(&self.state);
        if let Some(attempt) = &state.in_flight {
            return Ok(attempt.clone());
        }
        if !state.pace.allows(Instant::now()) {
            return Err(state.last.unwrap_or(FailureClass::TopicMissing.into()));
        }
        let (done, attempt) = oneshot::channel();
        let attempt = attempt.shared();
        state.in_flight = Some(attempt.clone());
        state.is_late = false;
        let (creation, kafka, topic) = (Arc::clone(self), kafka.clone(), topic.to_owned());
        let timeout = self.timeout;
        R::spawn(async move {
            let name = topic.clone();
            let work = move || create(kafka, &name, permit, timeout);
            let result = on_thread(work).await;
            let result = result.unwrap_or_else(|_| Err(Refusal::new("no thread for it")));
            // Nobody may wait for it.
            let _ = done.send(creation.ended(&topic, result));
        });
        Ok(attempt)
    }

    fn ended(&self, topic: &str, result: Result<(), Refusal>) -> Result<(), Failure> {
        let reason = match &result {
            Ok(()) => format!("topic {topic} was created, and the broker does not know it yet"),
            Err(refusal) => format!(
                "topic {topic} does not exist, and creating it failed: {}",
                refusal.reason
            ),
        };
        self.facts
            .set_foreign_reason(FailureClass::TopicMissing, &reason);
        match &result {
            Ok(()) => tracing::info!(topic, "created the liveness topic, or it exists"),
            Err(refusal) => {
                tracing::warn!(
                    topic,
                    reason = refusal.reason,
                    "creating the liveness topic failed"
                );
            }
        }
        let result = result.map_err(|refusal| {
            let class = FailureClass::TopicMissing;
            let coded = refusal.code.map(|code| Failure::with_code(class, code));
            coded.unwrap_or(class.into())
        });
        let mut state = lock(&self.state);
        state.in_flight = None;
        state.last = result.err();
        state.pace.ended(result.is_ok(), Instant::now());
        if result.is_ok() && state.is_late && self.announces {
            // The warning that the topic is missing goes with the next liveness message: send it now.
            self.observations
                .suspicion(FailureClass::TopicMissing.into());
        }
        result
    }
}

/// Why a topic was not created.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: Option<i32>,
    reason: String,
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            code: None,
            reason: reason.into(),
        }
    }
}

impl From<KafkaError> for Refusal {
    fn from(error: KafkaError) -> Self {
        Self {
            code: error.rdkafka_error_code().map(|code| code as i32),
            reason: error.to_string(),
        }
    }
}

/// Creates the topic through brokers of the right cluster only, at their advertised addresses.
fn create(
    mut kafka: KafkaConfig,
    topic: &str,
    permit: impl FnOnce() -> Permit,
    timeout: Duration,
) -> Result<(), Refusal> {
    if !kafka.admits_admin_clients() {
        return Err(Refusal::new(
            "with OAUTHBEARER livebus cannot create topics: create it yourself",
        ));
    }
    let (id, servers) =
        permit().ok_or_else(|| Refusal::new("the cluster is not known yet to be the right one"))?;
    kafka.reload();
    let mut config = kafka.inquiry_config();
    config.set("bootstrap.servers", servers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    match admin.inner().fetch_cluster_id(timeout) {
        Some(found) if found == id => {}
        Some(found) => {
            return Err(Refusal::new(format!(
                "the brokers belong to the cluster {found}, not to the cluster {id}"
            )));
        }
        None => return Err(Refusal::new("no broker answers")),
    }
    // The broker's own default for the replication.
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(-1));
    let new = TOPIC_CONFIG
        .into_iter()
        .fold(new, |new, (key, value)| new.set(key, value));
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let created = futures::executor::block_on(admin.create_topics([&new], &options))?;
    match created.into_iter().find_map(Result::err) {
        None | Some((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(()),
        Some((_, code)) => Err(Refusal {
            code: Some(code as i32),
            reason: code.to_string(),
        }),
    }
}

/// When the next attempt may begin: 5 s after the last one, twice as long after each that failed, up to a minute.
#[derive(Debug, Default)]
struct Pace {
    failures: u32,
    not_before: Option<Instant>,
}

impl Pace {
    const FIRST: Duration = Duration::from_secs(5);
    const MAX: Duration = Duration::from_mins(1);

    fn allows(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|instant| now >= instant)
    }

    fn ended(&mut self, succeeded: bool, now: Instant) {
        let doubled = 2_u32.saturating_pow(self.failures);
        let pause = Self::FIRST.saturating_mul(doubled).min(Self::MAX);
        self.failures = if succeeded {
            0
        } else {
            self.failures.saturating_add(1)
        };
        self.not_before = Some(now + if succeeded { Self::FIRST } else { pause });
    }
}

impl std::fmt::Debug for TopicCreation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicCreation")
            .field("pace", &lock(&self.state).pace)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
