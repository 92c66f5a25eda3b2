//! Which cluster is the right one: a decision over the ids that brokers reported. No I/O.

use std::fmt;

/// Which cluster the bus must be.
///
/// Every Kafka cluster has an id, which its brokers report with their metadata. A cluster with another id that answers at the same
/// addresses, or a server of another cluster among the bootstrap servers, is
/// [`WrongCluster`](livebus_core::FailureClass::WrongCluster), as long as it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ClusterPolicy {
    /// The cluster that acknowledged the first liveness message of this bus, until the process ends.
    #[default]
    Remember,
    /// The cluster with this id.
    Expect(String),
    /// Any cluster, also one that replaces another. For those who restore clusters on purpose, and whose services can cope with it.
    Any,
}

/// The ids that were reported, and which of them is the right one.
#[derive(Debug)]
pub(crate) struct Identity {
    policy: ClusterPolicy,
    /// The id of the cluster that acknowledged a liveness message.
    proved: Option<String>,
    /// The id that the liveness client received last.
    client: Option<String>,
    /// What each bootstrap server reported when it was asked alone, in the order of the configuration.
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    address: String,
    /// `None` when it did not answer.
    id: Option<String>,
}

/// The wrong cluster, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WrongCluster {
    /// A broker reports another id than the right one.
    Other {
        found: String,
        /// The bootstrap server that reports it; `None` if the liveness client received it from any broker.
        server: Option<String>,
        expected: String,
    },
    /// Two bootstrap servers report different ids, and nothing says which is right.
    Disagree {
        one: (String, String),
        other: (String, String),
    },
}

impl fmt::Display for WrongCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other {
                found,
                server,
                expected,
            } => {
                match server {
                    Some(server) => write!(f, "the bootstrap server {server} belongs")?,
                    None => f.write_str("the brokers belong")?,
                }
                write!(f, " to the cluster {found}, not to the cluster {expected}")
            }
            Self::Disagree { one, other } => write!(
                f,
                "the bootstrap server {} belongs to the cluster {}, and {} to the cluster {}",
                one.0, one.1, other.0, other.1
            ),
        }
    }
}

/// The longest id that is kept. Kafka's own have 22 characters.
const MAX_ID_LENGTH: usize = 100;

impl Identity {
    /// Nothing was reported yet. `servers` are the addresses of the bootstrap servers.
    pub(crate) fn new(policy: ClusterPolicy, servers: Vec<String>) -> Self {
        let unknown = |address| Server { address, id: None };
        Self {
            policy,
            proved: None,
            client: None,
            servers: servers.into_iter().map(unknown).collect(),
        }
    }

    /// A new liveness client has received nothing yet.
    pub(crate) fn on_new_client(&mut self) {
        self.client = None;
    }

    /// The liveness client received the id `id`.
    pub(crate) fn on_client_id(&mut self, id: &str) {
        self.client = Some(bounded(id));
    }

    /// The bootstrap server with this index was asked alone; `None` is no answer.
    pub(crate) fn on_server_id(&mut self, index: usize, id: Option<&str>) {
        if let Some(server) = self.servers.get_mut(index) {
            server.id = id.map(bounded);
        }
    }

    /// The cluster of the liveness client acknowledged a liveness message.
    pub(crate) fn on_acknowledgement(&mut self) {
        if self.proved.is_none() && self.check().is_ok() {
            self.proved.clone_from(&self.client);
        }
    }

    /// Returns the id that the liveness client received last.
    pub(crate) fn client_id(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Checks that no broker that answered belongs to a wrong cluster.
    pub(crate) fn check(&self) -> Result<(), WrongCluster> {
        if self.policy == ClusterPolicy::Any {
            return Ok(());
        }
        match self.expected() {
            Some(expected) => self.check_against(expected),
            None => self.check_agreement(),
        }
    }

    /// Returns whether a bootstrap server that was asked alone belongs to a wrong cluster.
    pub(crate) fn is_wrong_by_a_server(&self) -> bool {
        match self.check() {
            Err(WrongCluster::Other { server, .. }) => server.is_some(),
            Err(WrongCluster::Disagree { .. }) => true,
            Ok(()) => false,
        }
    }

    /// Returns the id of the cluster in which something may be created, and the addresses of the bootstrap servers that are known to
    /// belong to it. `None` as long as it is not known.
    pub(crate) fn creatable(&self) -> Option<(&str, Vec<&str>)> {
        self.check().ok()?;
        let id = self.expected().or_else(|| self.client_id())?;
        // Where every cluster is right, that of the client is.
        let any = self.policy == ClusterPolicy::Any;
        let alone = self.servers.len() == 1 && self.client_id() == Some(id);
        let belongs = |server: &&Server| any || alone || server.id.as_deref() == Some(id);
        let servers: Vec<&str> = self
            .servers
            .iter()
            .filter(belongs)
            .map(|server| server.address.as_str())
            .collect();
        (!servers.is_empty()).then_some((id, servers))
    }

    fn expected(&self) -> Option<&str> {
        match &self.policy {
            ClusterPolicy::Expect(id) => Some(id),
            ClusterPolicy::Remember => self.proved.as_deref(),
            ClusterPolicy::Any => None,
        }
    }

    fn check_against(&self, expected: &str) -> Result<(), WrongCluster> {
        let servers = self
            .servers
            .iter()
            .map(|server| (Some(&server.address), server.id.as_deref()));
        // A server is named rather than the client, which may have connected to any of them.
        let wrong = servers
            .chain([(None, self.client_id())])
            .find_map(|(server, id)| id.filter(|id| *id != expected).map(|id| (server, id)));
        match wrong {
            None => Ok(()),
            Some((server, found)) => Err(WrongCluster::Other {
                found: found.to_owned(),
                server: server.cloned(),
                expected: expected.to_owned(),
            }),
        }
    }

    fn check_agreement(&self) -> Result<(), WrongCluster> {
        let mut answered = self
            .servers
            .iter()
            .filter_map(|server| Some((&server.address, server.id.as_ref()?)));
        let Some(one) = answered.next() else {
            return Ok(());
        };
        let owned = |(address, id): (&String, &String)| (address.clone(), id.clone());
        if let Some(other) = answered.find(|other| other.1 != one.1) {
            return Err(WrongCluster::Disagree {
                one: owned(one),
                other: owned(other),
            });
        }
        Ok(())
    }
}

/// An id comes from the network.
fn bounded(id: &str) -> String {
    id.chars().take(MAX_ID_LENGTH).collect()
}

/// Returns the new id in librdkafka's log line about a cluster id, of the facility `CLUSTERID`: the first one that a client
/// receives, or another than before.
pub(crate) fn id_in_log_line(message: &str) -> Option<&str> {
    let rest = match message.split_once("reports different ClusterId \"") {
        Some((_, rest)) => rest,
        None => {
            message
                .split_once("ClusterId update ")?
                .1
                .split_once(" -> \"")?
                .1
        }
    };
    let (id, _) = rest.split_once('"')?;
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(policy: ClusterPolicy, servers: &[&str]) -> Identity {
        Identity::new(policy, servers.iter().map(|&it| it.to_owned()).collect())
    }

    #[test]
    fn the_cluster_that_acknowledged_is_remembered_across_clients() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1"]);
        assert_eq!(identity.check(), Ok(()));
        identity.on_client_id("A");
        identity.on_acknowledgement();
        identity.on_new_client();
        assert_eq!(identity.client_id(), None, "the new one has received none");
        assert_eq!(identity.check(), Ok(()));
        identity.on_client_id("B");
        assert!(!identity.is_wrong_by_a_server(), "the client received it");
        let wrong = identity.check().expect_err("another cluster");
        assert_eq!(
            wrong.to_string(),
            "the brokers belong to the cluster B, not to the cluster A"
        );
        identity.on_acknowledgement();
        assert!(identity.check().is_err(), "the first one stays");
        identity.on_client_id("A");
        assert_eq!(identity.check(), Ok(()));
    }

    #[test]
    fn a_cluster_that_only_answers_is_not_remembered() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1"]);
        identity.on_client_id("A");
        identity.on_new_client();
        identity.on_client_id("B");
        assert_eq!(identity.check(), Ok(()));
    }

    #[test]
    fn a_foreign_server_is_wrong_until_it_is_gone() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1", "b:2"]);
        identity.on_client_id("A");
        identity.on_acknowledgement();
        identity.on_server_id(0, Some("A"));
        identity.on_server_id(1, Some("B"));
        assert!(identity.is_wrong_by_a_server());
        let wrong = identity.check().expect_err("a foreign server");
        assert_eq!(
            wrong.to_string(),
            "the bootstrap server b:2 belongs to the cluster B, not to the cluster A"
        );
        identity.on_server_id(1, None);
        assert_eq!(identity.check(), Ok(()));
        assert!(!identity.is_wrong_by_a_server());
    }

    #[test]
    fn servers_that_disagree_are_wrong_before_one_was_proved() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1", "b:2", "c:3"]);
        identity.on_client_id("A");
        identity.on_server_id(0, Some("A"));
        assert_eq!(identity.check(), Ok(()));
        identity.on_server_id(2, Some("B"));
        assert!(identity.is_wrong_by_a_server());
        let wrong = identity.check().expect_err("they disagree").to_string();
        assert_eq!(
            wrong,
            "the bootstrap server a:1 belongs to the cluster A, and c:3 to the cluster B"
        );
        identity.on_acknowledgement();
        identity.on_server_id(2, None);
        identity.on_client_id("B");
        assert_eq!(
            identity.check(),
            Ok(()),
            "a wrong cluster is not remembered"
        );
    }

    #[test]
    fn the_expected_cluster_is_right_from_the_start() {
        let mut identity = identity(ClusterPolicy::Expect("A".to_owned()), &["a:1"]);
        identity.on_client_id("B");
        assert!(identity.check().is_err());
        assert_eq!(identity.creatable(), None);
        identity.on_client_id("A");
        assert_eq!(identity.check(), Ok(()));
        assert_eq!(identity.creatable(), Some(("A", vec!["a:1"])));
    }

    #[test]
    fn with_any_cluster_nothing_is_wrong() {
        let mut identity = identity(ClusterPolicy::Any, &["a:1", "b:2"]);
        identity.on_client_id("A");
        identity.on_acknowledgement();
        identity.on_client_id("B");
        identity.on_server_id(1, Some("A"));
        assert_eq!(identity.check(), Ok(()));
    }

    #[test]
    fn a_topic_is_created_only_through_servers_of_the_right_cluster() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1", "b:2"]);
        assert_eq!(identity.creatable(), None, "no id is known");
        identity.on_client_id("A");
        assert_eq!(identity.creatable(), None, "no server was asked alone");
        identity.on_server_id(1, Some("A"));
        assert_eq!(identity.creatable(), Some(("A", vec!["b:2"])));
        identity.on_server_id(0, Some("B"));
        assert_eq!(identity.creatable(), None, "they disagree");
    }

    #[test]
    fn both_log_lines_hold_the_new_id() {
        let other = "[thrd:a:1/1]: Broker a:1/1 reports different ClusterId \"B-2\" than previously known \"A_1\": a client must not be";
        assert_eq!(id_in_log_line(other), Some("B-2"));
        let first = "[thrd:main]: a:1/bootstrap: ClusterId update \"\" -> \"A_1\"";
        assert_eq!(id_in_log_line(first), Some("A_1"));
        for line in [
            "",
            "ClusterId update",
            "reports different ClusterId \"",
            "ClusterId update \"A\" -> \"\"",
        ] {
            assert_eq!(id_in_log_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_long_id_is_cut() {
        let mut identity = identity(ClusterPolicy::Remember, &["a:1"]);
        identity.on_client_id(&"é".repeat(1_000));
        assert_eq!(identity.client_id().map(|id| id.chars().count()), Some(100));
    }
}
