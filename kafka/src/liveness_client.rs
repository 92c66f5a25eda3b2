//! The liveness client: a small producer of our own, configured to report failures fast. The service's clients keep their
//! settings.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, Shared};
use livebus_core::Failure;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataBroker;
use rdkafka::producer::Producer as _;

use crate::address::Address;
use crate::config::{REQUEST_TIMEOUT, can_be_rejected};
use crate::context::{LivenessContext, Producer, Tally};
use crate::doubt::Doubt;
use crate::error_class::failure;
use crate::leaders::Leaders;
use crate::lock::lock;
use crate::properties::set_reports;

/// A look-up of the leaders, which any number of tasks wait for.
pub(crate) type LookUp = Shared<BoxFuture<'static, Result<Leaders, Failure>>>;

/// A producer, and what is known of its topic.
///
/// The thread of a connection polls it. rdkafka's own threaded producers poll ten times a second and spin for up to a millisecond
/// each time; this client is nearly always idle and must cost nearly nothing.
pub(crate) struct LivenessClient {
    pub(crate) producer: Arc<Producer>,
    /// The leaders of the liveness topic, from the last look-up.
    leaders: Mutex<Option<Leaders>>,
    /// Whether a broker may reject its login or its certificate.
    can_be_rejected: bool,
    /// The newest round, and the newest one before it that has a result.
    rounds: Mutex<[Arc<Tally>; 2]>,
    /// What is known since records have waited for an acknowledgement.
    pub(crate) doubt: Mutex<Doubt>,
    /// The newest look-up, which may be in flight.
    pub(crate) look_up: Mutex<Option<LookUp>>,
}

impl LivenessClient {
    /// Makes a client. Takes some milliseconds. Does not wait for a broker: the first liveness message does.
    pub(crate) fn create(
        mut config: ClientConfig,
        context: LivenessContext,
    ) -> Result<Self, Failure> {
        // A connection that ends is a line at this level, and no error. librdkafka writes the same line at most every 30 s.
        config.set_log_level(RDKafkaLogLevel::Info);
        set_reports(&mut config);
        let can_be_rejected = can_be_rejected(&config);
        let facts = Arc::clone(&context.facts);
        let made: KafkaResult<Producer> = config.create_with_context(context);
        facts.client_made(made.as_ref().err().map(ToString::to_string).as_deref());
        let producer = made.map_err(|error| {
            let failure = failure(&error);
            let reason = facts.reason(failure);
            tracing::error!(reason, "creating the liveness client failed");
            failure
        })?;
        // It is always set: see `KafkaConfig::liveness_client_config`.
        let min_too_few_for = config.get(REQUEST_TIMEOUT).and_then(|it| it.parse().ok());
        let min_too_few_for = min_too_few_for.map_or(Duration::ZERO, Duration::from_millis);
        Ok(Self {
            producer: Arc::new(producer),
            leaders: Mutex::new(None),
            can_be_rejected,
            rounds: Mutex::default(),
            doubt: Mutex::new(Doubt::new(min_too_few_for)),
            look_up: Mutex::default(),
        })
    }

    /// Calls the callbacks of this time, which is in whole milliseconds.
    pub(crate) fn poll(&self, time: Duration) {
        let end = &self.producer.context().poll_end;
        end.during(time, |time| self.producer.poll(time));
    }

    /// Forgets the newest look-up. One that nobody has waited for to its end holds this client.
    pub(crate) fn forget_look_up(&self) {
        let look_up = lock(&self.look_up).take();
        drop(look_up);
    }

    /// Returns whether a broker may reject its login or its certificate. Then it must end soon after it is closed, or it logs in again.
    pub(crate) const fn can_be_rejected(&self) -> bool {
        self.can_be_rejected
    }

    /// Returns whether a broker has answered this client.
    pub(crate) fn is_connected(&self) -> bool {
        let context = self.producer.context();
        let client = self.producer.client();
        context.cluster.knows_client(client, context.number)
    }

    /// Checks that the cluster is not known to be wrong, after an answer with metadata.
    pub(crate) fn check_cluster(&self) -> Result<(), Failure> {
        let context = self.producer.context();
        let client = self.producer.client();
        context.cluster.on_metadata(client, context.number)
    }

    /// Takes the brokers of an answer with metadata.
    pub(crate) fn on_brokers(&self, brokers: &[MetadataBroker]) {
        let context = self.producer.context();
        if brokers.is_empty() {
            // librdkafka has removed all that it knew; see `Statistics::has_brokers`.
            context.signals.useless();
        }
        context.cluster.on_brokers(brokers);
    }

    /// Returns the addresses of the brokers that were known last; none before the first look-up.
    pub(crate) fn brokers(&self) -> Vec<Address> {
        lock(&self.leaders)
            .as_ref()
            .map_or_else(Vec::new, |leaders| leaders.brokers.clone())
    }

    pub(crate) fn leaders(&self) -> Option<Leaders> {
        lock(&self.leaders).clone()
    }

    pub(crate) fn set_leaders(&self, leaders: Option<Leaders>) {
        if let Some(leaders) = &leaders {
            let addresses = leaders.brokers.iter().map(Address::to_string);
            let facts = &self.producer.context().facts;
            facts.set_brokers(addresses);
            facts.set_away(
                leaders
                    .away()
                    .map(|it| it.address.as_ref().map(Address::to_string)),
            );
        }
        *lock(&self.leaders) = leaders;
    }

    /// Takes the leaders of a look-up, and returns them with the addresses that are known besides.
    pub(crate) fn learn_leaders(&self, found: Leaders) -> Leaders {
        let leaders = found.with_addresses_of(self.leaders().as_ref());
        self.set_leaders(Some(leaders.clone()));
        leaders
    }

    /// Returns the tally of the newest round that has a result.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        let [newest, before] = &*lock(&self.rounds);
        Arc::clone(if newest.has_result() { newest } else { before })
    }

    pub(crate) fn begin_round(&self, tally: Arc<Tally>) {
        let before = self.tally();
        *lock(&self.rounds) = [tally, before];
    }
}
