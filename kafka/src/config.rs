//! The configuration of a Kafka bus: its addresses, its properties, and its liveness message.

use std::fmt;
use std::sync::Arc;

use livebus_runner::Detail;
use rdkafka::ClientConfig;

mod clients;

use crate::address::Address;
use crate::cluster_identity::ClusterPolicy;
use crate::embedded::EmbeddedCluster;
use crate::needed_topic::NeededTopic;
use crate::oauth::{OauthError, OauthToken, Tokens};
use crate::own_clients::{OnFailedDelivery, OwnClients, Shared};
use crate::properties::{BootstrapServers, Properties, PropertyError};

pub(crate) use clients::{REQUEST_TIMEOUT, can_be_rejected};

/// The configuration of one Kafka bus.
///
/// ```
/// use livebus_kafka::{KafkaConfig, LivenessBy, Properties};
///
/// let mut properties = Properties::new();
/// properties.set_pair("client.id=orders")?.set_pair("acks=all")?;
/// let kafka = KafkaConfig::new("kafka-1:9092,kafka-2:9092".parse()?, properties)?
///     .liveness_by(LivenessBy::Metadata);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KafkaConfig {
    servers: BootstrapServers,
    properties: Properties,
    liveness_by: LivenessBy,
    tokens: Tokens,
    reload: Reload,
    cluster: ClusterPolicy,
    needed_topics: Vec<NeededTopic>,
    on_failed_delivery: OnFailedDelivery,
    own_clients: Arc<Shared>,
}

/// Where the properties come from when a client is made again.
#[derive(Clone, Default)]
struct Reload(Option<Arc<ReloadFn>>);

type ReloadFn = dyn Fn() -> Result<Properties, PropertyError> + Send + Sync;

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reload").field(&self.0.is_some()).finish()
    }
}

/// The kind of liveness message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LivenessBy {
    /// A small record to each of at most three leaders of a topic. Proves that the bus accepts messages as the service writes
    /// them: with the `acks` of the properties, or else librdkafka's default, `all`. (`acks=0` would prove nothing: it asks with 1.)
    Produce {
        /// The topic. The user needs the right to write to it. Give it the replication factor and the `min.insync.replicas` of
        /// the topics that the service writes to: otherwise it may be writable while they are not, or they while it is not.
        ///
        /// The user also needs the right to describe the topic's configuration; without it, that too few replicas are alive is
        /// known only when a broker says so, or at the end of the tolerance.
        topic: String,
        /// Whether to create it when it is missing, with three partitions, the brokers' default replication, and records that are kept
        /// for ten minutes. It is created in the background, in the right cluster only (see [`ClusterPolicy`]). What refuses it is
        /// the reason of [`TopicMissing`](livebus_core::FailureClass::TopicMissing).
        create: bool,
    },
    /// A metadata request. Needs no topic and no rights. Proves only that a broker answers at its advertised address, not that a
    /// record can be written: it knows nothing of rights, leaders and replicas in sync. With most brokers gone, the last one still
    /// answers, and lists the others as if they were there.
    Metadata,
}

impl LivenessBy {
    /// The default topic of liveness messages.
    pub const DEFAULT_TOPIC: &'static str = "livebus-liveness";
}

impl KafkaConfig {
    /// Returns the configuration of the bus at `servers`, with `properties` for every client. A liveness message is a record to
    /// the topic [`LivenessBy::DEFAULT_TOPIC`], which must exist: with [`liveness_by`](Self::liveness_by) it is another, it is
    /// created, or there is none.
    ///
    /// Blocks for some milliseconds, because librdkafka itself checks the properties.
    ///
    /// The liveness client has its own values of some properties, which count for the service's own clients only; they are logged
    /// once, and [`Properties::for_own_clients`] returns them.
    ///
    /// # Errors
    ///
    /// [`PropertyError`] for a property that is unknown, has a bad value, contradicts another, or needs a feature that was
    /// not built in; and for one that livebus must set itself ([`PropertyError::Owned`]).
    pub fn new(
        servers: BootstrapServers,
        mut properties: Properties,
    ) -> Result<Self, PropertyError> {
        properties.set("bootstrap.servers", servers.to_string());
        properties.check()?;
        for (property, reason) in properties.for_own_clients() {
            tracing::info!(property, reason, "the liveness client has its own value");
        }
        let own_clients = Shared::new(&servers);
        Ok(Self {
            servers,
            properties,
            liveness_by: LivenessBy::Produce {
                topic: LivenessBy::DEFAULT_TOPIC.to_owned(),
                create: false,
            },
            tokens: Tokens::default(),
            reload: Reload::default(),
            cluster: ClusterPolicy::default(),
            needed_topics: Vec::new(),
            on_failed_delivery: OnFailedDelivery::default(),
            own_clients,
        })
    }

    /// Returns the configuration of the bus of an embedded cluster. As with [`new`](Self::new), the topic
    /// [`LivenessBy::DEFAULT_TOPIC`] must exist: create it with [`EmbeddedCluster::create_topic`].
    ///
    /// # Errors
    ///
    /// [`PropertyError`] if librdkafka's mock cluster returns an invalid address.
    pub fn embedded(cluster: &EmbeddedCluster) -> Result<Self, PropertyError> {
        let servers = cluster.bootstrap_servers().parse()?;
        Self::new(servers, Properties::new())
    }

    /// Replaces the kind of liveness message.
    #[must_use]
    pub fn liveness_by(self, liveness_by: LivenessBy) -> Self {
        Self {
            liveness_by,
            ..self
        }
    }

    /// Sets where the tokens of SASL/OAUTHBEARER come from: `provider` is called for each one, shortly before the one before expires.
    ///
    /// It is called on a thread of its own, and no liveness message is answered until it returns: it must have a time limit. Without
    /// a provider the tokens have no signature (`enable.sasl.oauthbearer.unsecure.jwt`), which is for tests.
    #[must_use]
    pub fn oauth_tokens(
        self,
        provider: impl Fn() -> Result<OauthToken, OauthError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            tokens: Tokens::from_provider(provider),
            ..self
        }
    }

    /// Sets where the properties come from when a client is made again, for secrets that change while the service runs: `reload`
    /// returns them as they are now. The bootstrap servers stay.
    ///
    /// A client is made again when no broker can be reached, and five seconds after a rejected login. When `reload` fails, or
    /// its properties are invalid, the properties before are used, and a warning is logged.
    #[must_use]
    pub fn reload_properties(
        self,
        reload: impl Fn() -> Result<Properties, PropertyError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            reload: Reload(Some(Arc::new(reload))),
            ..self
        }
    }

    /// Takes the properties as they are now.
    pub(crate) fn reload(&mut self) {
        let Some(reload) = &self.reload.0 else {
            return;
        };
        let reloaded = reload().and_then(|mut properties| {
            properties.set("bootstrap.servers", self.servers.to_string());
            properties.check()?;
            Ok(properties)
        });
        match reloaded {
            Ok(properties) => self.properties = properties,
            Err(error) => {
                tracing::warn!(%error, "reading the properties again failed; those before are used");
            }
        }
    }

    /// Returns whether SASL/OAUTHBEARER is configured, and nothing from which its tokens could come: neither
    /// [`oauth_tokens`](Self::oauth_tokens) nor `enable.sasl.oauthbearer.unsecure.jwt`. No client can be made then.
    #[must_use]
    pub fn lacks_tokens(&self) -> bool {
        let unsecured = self.properties.get("enable.sasl.oauthbearer.unsecure.jwt");
        let is_unsecured = unsecured.is_some_and(|it| it.eq_ignore_ascii_case("true"));
        self.needs_tokens() && !self.tokens.has_provider() && !is_unsecured
    }

    /// Returns whether an admin client can log in. One of rdkafka's never refreshes its token, not even the first.
    pub(crate) fn admits_admin_clients(&self) -> bool {
        !self.needs_tokens()
    }

    fn needs_tokens(&self) -> bool {
        let mechanism = self.properties.get("sasl.mechanism").unwrap_or_default();
        let protocol = self.properties.get("security.protocol").unwrap_or_default();
        protocol.to_ascii_uppercase().starts_with("SASL")
            && mechanism.eq_ignore_ascii_case("OAUTHBEARER")
    }

    pub(crate) const fn properties(&self) -> &Properties {
        &self.properties
    }

    pub(crate) const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Returns the kind of liveness message.
    #[must_use]
    pub const fn liveness_message(&self) -> &LivenessBy {
        &self.liveness_by
    }

    /// Replaces the rule which cluster the bus must be; by default it is remembered.
    #[must_use]
    pub fn cluster(self, cluster: ClusterPolicy) -> Self {
        Self { cluster, ..self }
    }

    /// Returns the rule which cluster the bus must be.
    #[must_use]
    pub const fn cluster_policy(&self) -> &ClusterPolicy {
        &self.cluster
    }

    /// Adds a topic that the service needs; a topic of the same name replaces it. See [`NeededTopic`].
    #[must_use]
    pub fn needs_topic(mut self, topic: NeededTopic) -> Self {
        self.needed_topics.retain(|it| it.name() != topic.name());
        self.needed_topics.push(topic);
        self
    }

    /// Returns the topics that the service needs.
    #[must_use]
    pub fn needed_topics(&self) -> &[NeededTopic] {
        &self.needed_topics
    }

    /// Sets what deliveries of the service's own producers that fail mean, by default a warning. Only those of clients that
    /// [`own_clients`](Self::own_clients) makes are known.
    #[must_use]
    pub fn on_failed_delivery(self, on_failed_delivery: OnFailedDelivery) -> Self {
        Self {
            on_failed_delivery,
            ..self
        }
    }

    /// Returns what failed deliveries mean.
    #[must_use]
    pub const fn failed_delivery(&self) -> OnFailedDelivery {
        self.on_failed_delivery
    }

    /// Returns what makes the service's own clients, so that their traffic is evidence for the bus that is made of this
    /// configuration or of a clone. If several are made, it is evidence for the first, until that is dropped.
    #[must_use]
    pub fn own_clients(&self) -> OwnClients {
        OwnClients::new(Arc::clone(&self.own_clients))
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.own_clients
    }

    /// Returns the same configuration with own clients that are not those of another bus.
    pub(crate) fn separated(self) -> Self {
        Self {
            own_clients: Shared::new(&self.servers),
            ..self
        }
    }

    /// Returns the addresses of the bus.
    #[must_use]
    pub const fn servers(&self) -> &BootstrapServers {
        &self.servers
    }

    /// Returns the configuration for the service's own clients: the properties, and nothing else. Make them with
    /// [`own_clients`](Self::own_clients), so that their traffic is evidence. Do not log it: rdkafka's `Debug`
    /// hides some secrets only (not `ssl.key.pem`, say).
    #[must_use]
    pub fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        self.properties.apply(&mut config);
        config
    }

    /// Returns the addresses of the bus, each `host:port`.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.servers
            .addresses()
            .iter()
            .map(Address::to_string)
            .collect()
    }

    /// Returns the values of properties that must not be shown.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.properties.secrets().map(str::to_owned).collect()
    }

    /// Returns the facts that are shown with the status of the bus.
    pub(crate) fn details(&self) -> Vec<Detail> {
        let servers = self.servers.to_string();
        let topic = match &self.liveness_by {
            LivenessBy::Produce { topic, .. } => Some(topic.clone()),
            LivenessBy::Metadata => None,
        };
        [("topic", topic), ("bootstrap_servers", Some(servers))]
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| Detail { name, value }))
            .collect()
    }
}

#[cfg(test)]
mod tests {

    use super::*;

    fn kafka(pairs: &[&str]) -> KafkaConfig {
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        KafkaConfig::new(servers, properties).expect("valid properties")
    }

    #[test]
    fn admin_clients_log_in_unless_tokens_are_needed() {
        for (pairs, admits) in [
            (&[][..], true),
            (&["sasl.mechanism=OAUTHBEARER"], true),
            (
                &[
                    "security.protocol=SASL_PLAINTEXT",
                    "sasl.mechanism=PLAIN",
                    "sasl.username=a",
                    "sasl.password=b",
                ],
                true,
            ),
        ] {
            assert_eq!(kafka(pairs).admits_admin_clients(), admits, "{pairs:?}");
        }
        let mut properties = Properties::parse(["sasl.mechanism=OAUTHBEARER"]).expect("a pair");
        properties.set("security.protocol", "sasl_plaintext");
        let with_tokens = KafkaConfig {
            properties,
            ..kafka(&[])
        };
        assert!(!with_tokens.admits_admin_clients());
        assert!(with_tokens.lacks_tokens());
        let provided = with_tokens.clone().oauth_tokens(|| Err("none".into()));
        assert!(!provided.lacks_tokens());
        let mut unsecured = with_tokens;
        let key = "enable.sasl.oauthbearer.unsecure.jwt";
        unsecured.properties.set(key, "true");
        assert!(!unsecured.lacks_tokens());
    }

    #[test]
    fn debug_shows_no_secret() {
        let pairs = ["sasl.username=me", "sasl.password=hunter2"];
        let servers = "127.0.0.1:9092".parse().expect("an address");
        let properties = Properties::parse(pairs).expect("pairs");
        let kafka = KafkaConfig::new(servers, properties).expect("valid properties");
        let shown = format!("{kafka:?}");
        assert!(
            shown.contains("[redacted]") && shown.contains("\"me\""),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn properties_are_read_again_and_a_failure_keeps_those_before() {
        let id = |kafka: &KafkaConfig| kafka.properties.get("client.id").map(str::to_owned);
        let mut unchanged = kafka(&["client.id=a"]);
        unchanged.reload();
        assert_eq!(id(&unchanged).as_deref(), Some("a"));
        let again = || Properties::parse(["client.id=b"]);
        let mut changed = kafka(&["client.id=a"]).reload_properties(again);
        assert!(format!("{changed:?}").contains("Reload(true)"));
        changed.reload();
        assert_eq!(id(&changed).as_deref(), Some("b"));
        assert_eq!(
            changed.properties.get("bootstrap.servers"),
            Some("127.0.0.1:9092")
        );
        let invalid = || Properties::parse(["client.id=b", "acks=x"]);
        let mut kept = kafka(&["client.id=a"]).reload_properties(invalid);
        kept.reload();
        assert_eq!(id(&kept).as_deref(), Some("a"));
    }

    #[test]
    fn a_needed_topic_replaces_another_of_its_name() {
        let kafka = kafka(&[])
            .needs_topic(NeededTopic::new("a"))
            .needs_topic(NeededTopic::new("b"))
            .needs_topic(NeededTopic::new("a").required());
        let expected = [NeededTopic::new("b"), NeededTopic::new("a").required()];
        assert_eq!(kafka.needed_topics(), expected);
    }

    #[test]
    fn a_bus_knows_its_addresses_its_secrets_and_where_tokens_come_from() {
        let kafka = kafka(&["sasl.username=me", "sasl.password=hunter2"]);
        assert_eq!(kafka.addresses(), ["127.0.0.1:9092"]);
        assert_eq!(kafka.secrets(), ["hunter2"]);
        assert!(!kafka.tokens().has_provider());
        let provided = kafka.oauth_tokens(|| Err("none".into()));
        assert!(provided.tokens().has_provider());
    }
}
