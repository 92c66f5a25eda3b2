//! The topics that the service needs, asked about beside the liveness messages.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::select;
use livebus_core::{Config, Failure, FailureClass, FailureKind, OnSuspicion};
use livebus_runner::{Observations, Runtime};

use crate::blocking::on_thread;
use crate::config::{KafkaConfig, LivenessBy};
use crate::count::Acks;
use crate::deadlines::{from_now, left_until, max_message_time, share};
use crate::evidence_gate::{Distrust, EvidenceGate};
use crate::facts::Facts;
use crate::inquiry::{Inquiry, Reach};
use crate::lock::lock;
use crate::needed_topic::{NeededTopic, TopicState, Verdict};
use crate::topic_inquiry::TopicInquiry;

/// The time for which a topic's `min.insync.replicas` is not asked again.
const MIN_IN_SYNC_LIFETIME: Duration = Duration::from_mins(1);

/// The topics of one bus, and what is known about them.
///
/// They are asked about only while brokers answer liveness messages: else nothing new can be learnt, and nothing is connected.
pub(crate) struct NeededTopics {
    topics: Vec<NeededTopic>,
    kafka: KafkaConfig,
    paces: Paces,
    /// Whether a suspicion may announce an optional topic: it must not make the service NotReady.
    announces: bool,
    is_any_required: bool,
    state: Mutex<State>,
    observations: Arc<Observations>,
    facts: Arc<Facts>,
    gate: Arc<EvidenceGate>,
}

#[derive(Default)]
struct State {
    verdict: Verdict,
    /// When the verdict was made.
    known: Option<Instant>,
    /// A task asks.
    is_running: bool,
    /// The newest liveness message was answered: it makes sense to ask.
    is_answered: bool,
    /// The failure that the newest liveness message returned because of a topic.
    returned: Option<Failure>,
    /// Liveness messages that wait for the next answer.
    waiting: Vec<oneshot::Sender<()>>,
}

/// How often the topics are asked about.
#[derive(Debug, Clone, Copy)]
struct Paces {
    well: Duration,
    unwell: Duration,
    /// The time for one answer.
    timeout: Duration,
}

impl Paces {
    /// Returns for how long a verdict counts: until the next two answers must be there.
    fn lifetime(&self) -> Duration {
        2 * self.well + self.timeout
    }
}

impl NeededTopics {
    pub(crate) fn new(
        kafka: &KafkaConfig,
        config: &Config,
        observations: Arc<Observations>,
        facts: Arc<Facts>,
        gate: Arc<EvidenceGate>,
    ) -> Self {
        let settings = config.settings();
        let topics = kafka.needed_topics().to_vec();
        let is_any_required = topics.iter().any(NeededTopic::is_required);
        let announces = settings.on_suspicion != OnSuspicion::NotReady;
        let deliveries = &kafka.shared().deliveries;
        deliveries.begin(kafka.failed_delivery(), announces);
        gate.set(Distrust::RequiredTopic, is_any_required);
        Self {
            topics,
            kafka: kafka.clone(),
            paces: Paces {
                well: settings.live_interval,
                unwell: settings.not_live_interval.min(settings.live_interval),
                timeout: max_message_time(settings),
            },
            announces,
            is_any_required,
            state: Mutex::default(),
            observations,
            facts,
            gate,
        }
    }

    /// Judges the result of a liveness message: it fails if a needed topic cannot be used, or if the service's own deliveries fail.
    ///
    /// # Errors
    ///
    /// See [`judge_topics`](Self::judge_topics); for failed deliveries the same failures.
    pub(crate) async fn judge<R: Runtime>(
        self: &Arc<Self>,
        result: Result<(), Failure>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let judged = self.judge_topics::<R>(result, deadline).await;
        let deliveries = &self.kafka.shared().deliveries;
        deliveries
            .judge(judged, Instant::now())
            .map_err(|(failure, reason)| {
                if let Some(reason) = reason {
                    self.facts.set_reason(failure.class, &reason);
                }
                failure
            })
    }

    /// Judges the result of a liveness message: an acknowledged one fails if a needed topic cannot be used. One that was rejected for
    /// a reason of its own, which leaves the service Running, fails if a required topic cannot be used.
    ///
    /// Waits for an answer about required topics where none is known, and where the last message has failed for the same reason: then
    /// the service is Running as soon as the topic can be used. Ends before `deadline`.
    ///
    /// # Errors
    ///
    /// The failure of `result`; else [`FailureClass::TopicUnusable`] or [`FailureClass::RequiredTopicUnusable`], or
    /// [`FailureClass::Timeout`] if nothing is known about a required topic.
    async fn judge_topics<R: Runtime>(
        self: &Arc<Self>,
        result: Result<(), Failure>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let is_rejected = |failure: Failure| failure.class.kind() == FailureKind::Rejected;
        if self.topics.is_empty() || result.is_err_and(|failure| !is_rejected(failure)) {
            lock(&self.state).is_answered = false;
            return result;
        }
        // A quota asks for silence: then what is known counts, however old it is.
        let is_throttled = result.is_err_and(|failure| failure.class == FailureClass::Throttled);
        let asks = {
            let mut state = lock(&self.state);
            let is_wanted = self.is_any_required && state.known.is_none();
            state.is_answered = !is_throttled || is_wanted;
            state.is_answered
        };
        if asks {
            self.begin::<R>();
        }
        let now = Instant::now();
        let until = from_now(share(left_until(deadline), 4, 5));
        loop {
            let changed = {
                let mut state = lock(&self.state);
                let is_known = state.known.is_some_and(|known| {
                    is_throttled || now.saturating_duration_since(known) <= self.paces.lifetime()
                });
                let failure = state.verdict.failure;
                let is_required =
                    failure.is_some_and(|it| it.class == FailureClass::RequiredTopicUnusable);
                let is_repeated = is_required && state.returned == failure && asks;
                let waits = (self.is_any_required && !is_known) || is_repeated;
                if !waits || Instant::now() >= until {
                    let judged = match failure {
                        Some(failure) if is_required => Err(failure),
                        _ if self.is_any_required && !is_known => Err(FailureClass::Timeout.into()),
                        Some(failure) if is_known => result.and(Err(failure)),
                        _ => result,
                    };
                    state.returned = judged.err();
                    return judged;
                }
                let (sender, changed) = oneshot::channel();
                state.waiting.retain(|waiting| !waiting.is_canceled());
                state.waiting.push(sender);
                changed
            };
            let left = left_until(until);
            select(changed, pin!(R::sleep(left))).await;
        }
    }

    /// Begins to ask, unless it does so already. Ends when a liveness message fails, or the bus is dropped.
    fn begin<R: Runtime>(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.is_running, true) {
            return;
        }
        drop(state);
        let topics = Arc::downgrade(self);
        R::spawn(async move {
            let mut asker = Asker::default();
            while let Some(topics) = topics.upgrade()
                && topics.goes_on()
            {
                let verdict = asker.ask::<R>(&topics).await;
                let pace = topics.take(verdict);
                drop(topics);
                R::sleep(pace).await;
            }
        });
    }

    /// Returns whether to ask again; if not, the next message that is answered begins again.
    pub(crate) fn goes_on(&self) -> bool {
        let mut state = lock(&self.state);
        state.is_running = state.is_answered;
        state.is_running
    }

    /// Ends the asking: the bus is stopped.
    pub(crate) fn stop(&self) {
        lock(&self.state).is_answered = false;
    }

    /// Takes a verdict; `None` when there was no answer. Returns the time until the next question.
    fn take(&self, verdict: Option<Verdict>) -> Duration {
        let mut state = lock(&self.state);
        let Some(verdict) = verdict else {
            return self.paces.unwell;
        };
        state.known = Some(Instant::now());
        for waiting in state.waiting.drain(..) {
            // It may have given up.
            let _ = waiting.send(());
        }
        let failure = verdict.failure;
        let is_required = failure.is_some_and(|it| it.class == FailureClass::RequiredTopicUnusable);
        self.gate.set(Distrust::RequiredTopic, is_required);
        if let Some(failure) = failure {
            self.facts.set_reason(failure.class, &verdict.reason);
        }
        if state.verdict != verdict {
            let (old, new) = (state.verdict.failure, failure);
            tracing::info!(reason = verdict.reason, "the needed topics have changed");
            state.verdict = verdict;
            if let Some(failure) = new.filter(|_| old != new && (is_required || self.announces)) {
                self.observations.suspicion(failure);
            }
        }
        if failure.is_some() {
            self.paces.unwell
        } else {
            self.paces.well
        }
    }

    fn liveness_topic(&self) -> Option<&str> {
        match self.kafka.liveness_message() {
            LivenessBy::Produce { topic, .. } => Some(topic),
            LivenessBy::Metadata => None,
        }
    }
}

/// The clients with which the topics are asked about, and what they have learnt.
#[derive(Default)]
struct Asker {
    /// Away while it is used.
    inquiry: Option<TopicInquiry>,
    /// For each topic its `min.insync.replicas`, and when it was asked.
    min_in_sync: Vec<Option<(usize, Instant)>>,
}

/// Closes the clients on a thread of its own, because that joins their threads.
impl Drop for Asker {
    fn drop(&mut self) {
        let inquiry = self.inquiry.take();
        let close = thread::Builder::new().name("livebus-topics".to_owned());
        // Without a thread it is dropped here, with what was to run there.
        drop(close.spawn(move || drop(inquiry)));
    }
}

impl Asker {
    /// Returns the verdict; `None` without an answer.
    async fn ask<R: Runtime>(&mut self, needed: &Arc<NeededTopics>) -> Option<Verdict> {
        let deadline = Instant::now() + needed.paces.timeout;
        let (kept, shared) = (self.inquiry.take(), Arc::clone(needed));
        let asked = on_thread(move || {
            let timeout = shared.paces.timeout;
            let open = || TopicInquiry::open(shared.kafka.clone(), timeout).ok();
            let mut inquiry = kept.or_else(open)?;
            let answer = inquiry.ask(&shared.topics, shared.liveness_topic(), deadline);
            // Without an answer the next client is a new one.
            answer.ok().map(|states| (inquiry, states))
        });
        let (inquiry, mut states) = asked.await.ok()??;
        self.inquiry = Some(inquiry);
        let waits = needed.kafka.acks() == Acks::InSync;
        if waits {
            self.learn_min_in_sync::<R>(needed, &mut states, deadline)
                .await;
        }
        let problems = needed
            .topics
            .iter()
            .zip(&states)
            .map(|(topic, state)| (topic, state.problem(topic.access(), waits)));
        Some(Verdict::of(problems))
    }

    /// Asks for the number of replicas that must be in sync: once for each topic, and again where one lacks a replica.
    async fn learn_min_in_sync<R: Runtime>(
        &mut self,
        needed: &Arc<NeededTopics>,
        states: &mut [TopicState],
        deadline: Instant,
    ) {
        self.min_in_sync.resize(needed.topics.len(), None);
        let now = Instant::now();
        let due: Vec<usize> = (0..states.len())
            .filter(|&index| is_due(self.min_in_sync[index], &states[index], now))
            .collect();
        if !due.is_empty()
            && let Some(inquiry) = open_inquiry(needed.kafka.clone()).await
        {
            for index in due {
                let brokers = states[index].leaders();
                let topic = needed.topics[index].name();
                let found = inquiry.min_in_sync::<R>(&brokers, topic, deadline).await;
                if let Some(found) = found {
                    self.min_in_sync[index] = Some((found, Instant::now()));
                }
            }
        }
        for (state, known) in states.iter_mut().zip(&self.min_in_sync) {
            state.min_in_sync = known.map(|(min_in_sync, _)| min_in_sync);
        }
    }
}

/// Returns whether a topic's `min.insync.replicas` is asked again: what is `known`, and when it was asked.
fn is_due(known: Option<(usize, Instant)>, state: &TopicState, now: Instant) -> bool {
    match known {
        None => state.partitions.is_ok(),
        Some((_, asked)) => {
            state.lacks_replicas() && now.saturating_duration_since(asked) > MIN_IN_SYNC_LIFETIME
        }
    }
}

async fn open_inquiry(mut kafka: KafkaConfig) -> Option<Inquiry> {
    let open = move || {
        kafka.reload();
        Inquiry::open(&kafka, [], Reach::AsNeeded).ok()
    };
    on_thread(open).await.ok()?
}

#[cfg(test)]
mod tests;
