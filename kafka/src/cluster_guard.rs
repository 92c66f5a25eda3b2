//! Keeps a bus to the right cluster, across its clients.

mod schedule;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{Shared, select};
use livebus_core::{Config, Failure, FailureClass};
use livebus_runner::{Observations, Runtime};
use rdkafka::client::{Client, ClientContext};
use rdkafka::metadata::MetadataBroker;

use crate::blocking::on_thread;
use crate::bootstrap_check::cluster_ids;
use crate::cluster_identity::{ClusterPolicy, Identity, WrongCluster, id_in_log_line};
use crate::config::KafkaConfig;
use crate::create_topic::TopicCreation;
use crate::deadlines::{left_until, max_message_time, share};
use crate::evidence_gate::{Distrust, EvidenceGate};
use crate::facts::Facts;
use crate::inquiry::Inquiry;
use crate::lock::lock;

use schedule::Schedule;

/// The maximum number of brokers that are asked whether they answer.
const MAX_BROKERS: usize = 6;

/// The guard of one bus: what its brokers say about their cluster, and what follows.
///
/// While the cluster is wrong, no evidence counts: what the wrong cluster acknowledges proves nothing.
pub(crate) struct ClusterGuard {
    state: Mutex<State>,
    servers: Vec<String>,
    /// For the clients that ask one server each.
    kafka: KafkaConfig,
    /// The time for one server to answer: as long as any liveness message may take.
    answer_timeout: Duration,
    observations: Arc<Observations>,
    facts: Arc<Facts>,
    gate: Arc<EvidenceGate>,
    creation: Arc<TopicCreation>,
}

struct State {
    identity: Identity,
    /// The number of the liveness client that is used.
    newest_client: u64,
    /// A connection of that client has ended, and there was no look-up since then.
    is_unconfirmed: bool,
    schedule: Schedule,
    /// The check of the bootstrap servers that is in flight.
    check: Option<Shared<oneshot::Receiver<()>>>,
    /// The ids and advertised addresses in the newest metadata.
    brokers: Vec<(i32, String)>,
    /// Asks single brokers, while what other servers say must be confirmed.
    inquiry: Option<(Arc<Inquiry>, Instant)>,
    /// What was reported last, so that a change is reported once.
    reported: Option<WrongCluster>,
}

impl ClusterGuard {
    /// Nothing is known and nothing is asked yet.
    pub(crate) fn new(
        kafka: &KafkaConfig,
        config: &Config,
        observations: Arc<Observations>,
        facts: Arc<Facts>,
        gate: Arc<EvidenceGate>,
    ) -> Self {
        let servers: Vec<String> = kafka.servers().each().collect();
        let policy = kafka.cluster_policy().clone();
        let settings = config.settings();
        // A single server is asked by the liveness client itself.
        let is_checked = servers.len() > 1 && policy != ClusterPolicy::Any;
        Self {
            state: Mutex::new(State {
                identity: Identity::new(policy, servers.clone()),
                newest_client: 0,
                is_unconfirmed: false,
                schedule: Schedule::new(is_checked),
                check: None,
                brokers: Vec::new(),
                inquiry: None,
                reported: None,
            }),
            servers,
            kafka: kafka.clone(),
            answer_timeout: max_message_time(settings),
            creation: Arc::new(TopicCreation::new(
                Arc::clone(&observations),
                Arc::clone(&facts),
                config,
            )),
            observations,
            facts,
            gate,
        }
    }

    /// Takes that the liveness client is a new one, and returns its number. What an older one still receives decides nothing.
    pub(crate) fn on_new_client(&self) -> u64 {
        let number = {
            let mut state = lock(&self.state);
            state.newest_client += 1;
            // It looks up the leaders before it sends anything.
            state.is_unconfirmed = false;
            // It may wait before it connects again; a new one does not.
            state.inquiry = None;
            state.newest_client
        };
        self.update(Identity::on_new_client);
        number
    }

    /// Takes that the liveness client received metadata, which has the id of the cluster.
    ///
    /// # Errors
    ///
    /// [`WrongCluster`](FailureClass::WrongCluster): nothing may be sent there.
    pub(crate) fn on_metadata<C: ClientContext>(
        &self,
        client: &Client<C>,
        number: u64,
    ) -> Result<(), Failure> {
        if self.is_newest(number) && !self.knows_id() {
            // Once for each client, because rdkafka leaks the answer. Later ids come by the log.
            if let Some(id) = client.fetch_cluster_id(Duration::ZERO) {
                self.facts.on_answer();
                self.update(|identity| identity.on_client_id(&id));
            }
        }
        self.check()
    }

    /// Returns whether the liveness client has received the id of its cluster, with whatever metadata it has received.
    pub(crate) fn knows_client<C: ClientContext>(&self, client: &Client<C>, number: u64) -> bool {
        // That it may be the wrong cluster decides nothing here.
        let _ = self.on_metadata(client, number);
        self.knows_id()
    }

    fn knows_id(&self) -> bool {
        lock(&self.state).identity.client_id().is_some()
    }

    fn is_newest(&self, number: u64) -> bool {
        lock(&self.state).newest_client == number
    }

    /// Takes the brokers in metadata: their ids and their advertised addresses.
    pub(crate) fn on_brokers(&self, brokers: &[MetadataBroker]) {
        // librdkafka has removed all that it knew; no broker says that there is none.
        if !brokers.is_empty() {
            let addresses = brokers.iter();
            let addresses = addresses.map(|it| format!("{}:{}", it.host(), it.port()));
            self.facts.set_brokers(addresses);
        }
        let named = brokers.iter().take(MAX_BROKERS);
        lock(&self.state).brokers = named
            .map(|broker| (broker.id(), format!("{}:{}", broker.host(), broker.port())))
            .collect();
    }

    /// Returns the ids and the advertised addresses of the brokers in the newest metadata: at most six.
    pub(crate) fn brokers(&self) -> Vec<(i32, String)> {
        lock(&self.state).brokers.clone()
    }

    /// Returns the client that asks single brokers, if there is one.
    pub(crate) fn inquiry(&self) -> Option<Arc<Inquiry>> {
        let state = lock(&self.state);
        state
            .inquiry
            .as_ref()
            .map(|(inquiry, _)| Arc::clone(inquiry))
    }

    /// Keeps the client that asks single brokers.
    pub(crate) fn set_inquiry(&self, inquiry: Arc<Inquiry>) {
        lock(&self.state).inquiry = Some((inquiry, Instant::now()));
    }

    /// Takes that a login of the liveness client was rejected. The client that asks single brokers would repeat its own.
    pub(crate) fn on_rejected_login(&self) {
        let inquiry = lock(&self.state).inquiry.take();
        drop(inquiry);
    }

    /// Drops the client that asks single brokers, if it is as old as that.
    pub(crate) fn forget_inquiry(&self, age: Duration) {
        let mut state = lock(&self.state);
        drop(state.inquiry.take_if(|(_, opened)| opened.elapsed() >= age));
    }

    /// Returns the creation of the liveness topic.
    pub(crate) fn creation(&self) -> Arc<TopicCreation> {
        Arc::clone(&self.creation)
    }

    /// Takes a log line of the liveness client. One about its cluster id is the only sign that the id is another; it comes with
    /// metadata, and so not with a connection that is made again.
    pub(crate) fn on_log(&self, facility: &str, message: &str, number: u64) {
        if facility == "FAIL" && message.contains("in state UP") && self.is_newest(number) {
            lock(&self.state).is_unconfirmed = true;
        }
        if facility == "CLUSTERID"
            && self.is_newest(number)
            && let Some(id) = id_in_log_line(message)
        {
            self.facts.on_answer();
            self.update(|identity| identity.on_client_id(id));
            lock(&self.state).schedule.request();
            if let Err(failure) = self.check() {
                self.observations.suspicion(failure);
            }
        }
    }

    /// Returns whether a connection has ended since the last look-up: another cluster may answer on the next one, and what it
    /// acknowledges proves nothing before a look-up.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        lock(&self.state).is_unconfirmed
    }

    /// Takes that a look-up of the liveness client was answered, by whatever cluster.
    pub(crate) fn on_look_up(&self) {
        lock(&self.state).is_unconfirmed = false;
    }

    /// Checks before a liveness message that the cluster is not known to be wrong. Asks the bootstrap servers where that is due: in
    /// the background, unless the answer decides.
    ///
    /// # Errors
    ///
    /// [`WrongCluster`](FailureClass::WrongCluster): nothing may be sent there.
    pub(crate) async fn admit<R: Runtime>(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let (check, limit) = self.due_check::<R>(deadline);
        if let Some(check) = check {
            select(check, std::pin::pin!(R::sleep(limit))).await;
        }
        // What the liveness client received may be out of date: it looks up the leaders again before it sends anything.
        if lock(&self.state).identity.is_wrong_by_a_server() {
            return self.check();
        }
        Ok(())
    }

    /// Returns the id of the cluster that the liveness client received last.
    pub(crate) fn cluster_id(&self) -> Option<String> {
        lock(&self.state).identity.client_id().map(str::to_owned)
    }

    /// Judges the result of a liveness message: whatever a wrong cluster did, it is the wrong one.
    ///
    /// # Errors
    ///
    /// The failure of `result`, or [`WrongCluster`](FailureClass::WrongCluster).
    pub(crate) fn judge(&self, result: Result<(), Failure>) -> Result<(), Failure> {
        if result.is_ok() {
            self.update(Identity::on_acknowledgement);
        }
        self.check().and(result)
    }

    /// Returns the id of the cluster in which something may be created, and the bootstrap servers that belong to it; `None` if it is
    /// not known to be the right one. Blocks while it asks the bootstrap servers, if they were not asked.
    pub(crate) fn creatable(&self) -> Option<(String, String)> {
        let known = || {
            let state = lock(&self.state);
            let (id, servers) = state.identity.creatable()?;
            Some((id.to_owned(), servers.join(",")))
        };
        known().or_else(|| {
            if !lock(&self.state).schedule.begin(Instant::now()) {
                return None;
            }
            self.ask_servers();
            known()
        })
    }

    /// Checks that no broker that answered belongs to a wrong cluster.
    ///
    /// # Errors
    ///
    /// [`WrongCluster`](FailureClass::WrongCluster).
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let state = lock(&self.state);
        match state.identity.check() {
            Ok(()) => Ok(()),
            Err(_) => Err(FailureClass::WrongCluster.into()),
        }
    }

    /// Starts the check of the bootstrap servers, if it is due. Returns it where it must be waited for, and for how long.
    fn due_check<R: Runtime>(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> (Option<Shared<oneshot::Receiver<()>>>, Duration) {
        let left = left_until(deadline);
        let mut state = lock(&self.state);
        let is_first = !state.schedule.was_done();
        if state.identity.check().is_err() {
            state.schedule.request();
        }
        if state.schedule.begin(Instant::now()) {
            let (done, check) = oneshot::channel();
            state.check = Some(check.shared());
            let guard = Arc::clone(self);
            R::spawn(async move {
                // What it learns is in the guard.
                let _ = on_thread(move || guard.ask_servers()).await;
                // Nobody may wait for it.
                let _ = done.send(());
            });
        }
        let check = state.check.clone();
        if state.identity.is_wrong_by_a_server() {
            (check, share(left, 3, 4))
        } else if is_first {
            // Worth a short wait: the first liveness message of a healthy bus waits for as long as its servers take to answer, and one
            // of a bus with a server that does not answer has half of its time left.
            (check, share(left, 1, 2))
        } else {
            (None, Duration::ZERO)
        }
    }

    /// Blocks until each bootstrap server has answered, or not.
    fn ask_servers(&self) {
        let mut kafka = self.kafka.clone();
        kafka.reload();
        let ids = cluster_ids(&self.servers, &kafka, self.answer_timeout);
        self.update(|identity| {
            for (index, id) in ids.iter().enumerate() {
                identity.on_server_id(index, id.as_deref());
            }
        });
        let any_answered = ids.iter().any(Option::is_some);
        lock(&self.state).schedule.end(any_answered);
        if let Err(failure) = self.check() {
            self.observations.suspicion(failure);
        }
    }

    /// Changes what is known, and what follows: whether evidence counts.
    fn update(&self, change: impl FnOnce(&mut Identity)) {
        let mut state = lock(&self.state);
        change(&mut state.identity);
        let wrong = state.identity.check().err();
        self.gate.set(Distrust::WrongCluster, wrong.is_some());
        if state.reported != wrong {
            if let Some(wrong) = &wrong {
                tracing::error!(%wrong, "wrong cluster");
                self.facts
                    .set_reason(FailureClass::WrongCluster, &wrong.to_string());
            } else {
                tracing::info!("the right cluster again");
            }
            state.reported = wrong;
        }
    }
}

impl std::fmt::Debug for ClusterGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state: MutexGuard<'_, State> = lock(&self.state);
        f.debug_struct("ClusterGuard")
            .field("identity", &state.identity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
