//! The thread of a connection: it makes the producer, polls it, and closes it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use livebus_core::{ClientId, Config, Failure, FailureClass};
use livebus_runner::Observations;

use super::connect_attempts::ConnectAttempts;
use super::lifecycle::{Attempts, Lifecycle, Next};
use super::open_client::OpenClient;
use crate::address::Address;
use crate::cluster_guard::ClusterGuard;
use crate::config::KafkaConfig;
use crate::context::LivenessContext;
use crate::facts::Facts;
use crate::liveness_client::LivenessClient;
use crate::poll::PollEnd;
use crate::signals::Signals;
use crate::spacing::Spacing;

/// What is needed to make a producer.
pub(super) struct Factory {
    pub(super) id: ClientId,
    pub(super) kafka: KafkaConfig,
    pub(super) config: Config,
    pub(super) observations: Arc<Observations>,
    pub(super) signals: Arc<Signals>,
    pub(super) facts: Arc<Facts>,
    pub(super) cluster: Arc<ClusterGuard>,
    pub(super) open: Arc<OpenClient>,
}

impl Factory {
    /// Makes a producer with the files and secrets as they are now.
    fn make_again(&mut self) -> Result<Arc<LivenessClient>, Failure> {
        self.kafka.reload();
        self.facts.add_secrets(self.kafka.secrets());
        self.make()
    }

    /// Makes a producer.
    fn make(&self) -> Result<Arc<LivenessClient>, Failure> {
        if self.kafka.lacks_tokens() {
            let failure = FailureClass::ClientFatal.into();
            let reason =
                "OAUTHBEARER needs tokens, and there is no provider: KafkaConfig::oauth_tokens";
            self.facts.set(failure, None, reason);
            tracing::error!("{reason}");
            return Err(failure);
        }
        let number = self.cluster.on_new_client();
        let config = self.kafka.liveness_client_config(&self.config);
        let context = LivenessContext {
            client: self.id,
            observations: Arc::clone(&self.observations),
            facts: Arc::clone(&self.facts),
            signals: Arc::clone(&self.signals),
            cluster: Arc::clone(&self.cluster),
            number,
            poll_end: PollEnd::default(),
            tokens: self.kafka.tokens().clone(),
            partial: Spacing::new(self.config.settings().live_interval),
        };
        LivenessClient::create(config, context).map(Arc::new)
    }
}

/// Makes the first producer, and starts the thread.
pub(super) fn spawn(factory: Factory) -> Result<(), Failure> {
    let client = factory.make()?;
    factory.open.set(Some(Arc::clone(&client)));
    let spawned = thread::Builder::new()
        .name("livebus-liveness".to_owned())
        .spawn(move || run(factory, client));
    spawned.map(drop).map_err(|error| {
        tracing::error!(%error, "starting the thread of the liveness client failed");
        FailureClass::Other.into()
    })
}

fn run(mut factory: Factory, first: Arc<LivenessClient>) {
    let signals = &Arc::clone(&factory.signals);
    let mut lifecycle = Lifecycle::new(factory.config.settings());
    let mut addresses = Addresses::new(&factory.kafka);
    let mut open = Some(first);
    let mut closing = Closing::default();
    let mut attempts: Option<ConnectAttempts> = None;
    while let Some(seen) = signals.take() {
        closing.drop_unused();
        let now = Instant::now();
        if open.as_ref().is_some_and(|client| client.is_connected()) {
            lifecycle.on_connected();
        }
        lifecycle.on_seen(seen, now);
        let next = lifecycle.next(now);
        attempts = match lifecycle.attempts(now) {
            Attempts::Off => None,
            Attempts::Once => {
                attempts.or_else(|| Some(addresses.attempt(false, &lifecycle, &factory)))
            }
            Attempts::Paced => attempts
                .filter(|attempts| attempts.is_paced)
                .or_else(|| Some(addresses.attempt(true, &lifecycle, &factory))),
        };
        match next {
            Next::Open => match factory.make_again() {
                Ok(client) => {
                    factory.open.set(Some(Arc::clone(&client)));
                    open = Some(client);
                }
                Err(_) => lifecycle.on_open_failed(Instant::now()),
            },
            Next::Close => {
                factory.open.set(None);
                if let Some(client) = open.take() {
                    addresses.remember(&client);
                    closing.add(client);
                }
            }
            Next::Poll(time) => {
                if let Some(client) = &open {
                    client.poll(time);
                }
            }
            Next::Wait(limit) => signals.wait(closing.limit(limit)),
        }
    }
    closing.used.extend(open);
    closing.end();
}

/// Producers that were closed: those that are still used by a round or a look-up that ends soon, and those that end now.
///
/// The end of a producer takes some 100 ms. No thread of a runtime may drop the last reference, and the next producer does not wait
/// for it.
#[derive(Default)]
struct Closing {
    used: Vec<Arc<LivenessClient>>,
    ending: Vec<JoinHandle<()>>,
}

impl Closing {
    const PACE: Duration = Duration::from_millis(20);

    fn add(&mut self, client: Arc<LivenessClient>) {
        self.used.push(client);
        self.drop_unused();
    }

    fn drop_unused(&mut self) {
        self.ending.retain(|thread| !thread.is_finished());
        for client in &self.used {
            client.forget_look_up();
        }
        let is_unused = |client: &mut Arc<LivenessClient>| {
            Arc::strong_count(client) == 1 && Arc::strong_count(&client.producer) == 1
        };
        let unused: Vec<_> = self.used.extract_if(.., is_unused).collect();
        if !unused.is_empty() {
            let thread = thread::Builder::new().name("livebus-closing".to_owned());
            // Without a thread they are dropped here, with what was to run there.
            self.ending.extend(thread.spawn(move || drop(unused)).ok());
        }
    }

    fn limit(&self, limit: Duration) -> Duration {
        if self.used.is_empty() {
            limit
        } else {
            limit.min(Self::PACE)
        }
    }

    /// Ends all. What uses them has a limit of its own.
    fn end(mut self) {
        self.drop_unused();
        while !self.used.is_empty() {
            thread::sleep(Self::PACE);
            self.drop_unused();
        }
        for thread in self.ending {
            // A panic of it was printed.
            let _ = thread.join();
        }
    }
}

/// The addresses at which a broker may come back: the bootstrap servers, and the brokers that were known last.
struct Addresses {
    bootstrap: Vec<Address>,
    brokers: Vec<Address>,
}

impl Addresses {
    fn new(kafka: &KafkaConfig) -> Self {
        Self {
            bootstrap: kafka.servers().addresses(),
            brokers: Vec::new(),
        }
    }

    fn remember(&mut self, client: &LivenessClient) {
        let brokers = client.brokers();
        if !brokers.is_empty() {
            self.brokers = brokers;
        }
    }

    fn all(&self) -> Vec<Address> {
        let mut all = self.bootstrap.clone();
        for broker in &self.brokers {
            if !all.contains(broker) && all.len() < MAX_ADDRESSES {
                all.push(broker.clone());
            }
        }
        all
    }

    fn attempt(&self, is_paced: bool, lifecycle: &Lifecycle, factory: &Factory) -> ConnectAttempts {
        let all = self.all();
        let (signals, facts) = (&factory.signals, &factory.facts);
        ConnectAttempts::start(&all, is_paced, lifecycle.attempt_limit(), signals, facts)
    }
}

/// The maximum number of addresses to try, unless there are more bootstrap servers.
const MAX_ADDRESSES: usize = 9;

#[cfg(test)]
mod tests;
