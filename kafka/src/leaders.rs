//! The partitions of a round: one for each distinct leader of the liveness topic. And the brokers that can be asked about it.

use std::time::{Duration, Instant};

use livebus_core::{Failure, FailureClass};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::{MetadataBroker, MetadataPartition, MetadataTopic};

use crate::address::Address;
use crate::error_class::{classify, failure};

/// The maximum number of leaders in a round. One acknowledgement is enough, and three failures are hardly chance.
const MAX_LEADERS: usize = 3;

/// The maximum number of brokers whose addresses are remembered.
const MAX_BROKERS: usize = 6;

/// The maximum number of brokers that are asked: those with the replicas of three partitions, for the usual factor of three.
const MAX_MEMBERS: usize = 9;

/// The age after which they are looked up again.
const MAX_AGE: Duration = Duration::from_mins(1);

/// The same while a broker with a replica was away.
const MAX_AGE_WITH_AWAY: Duration = Duration::from_secs(5);

/// The partitions of a round, and the instant of their look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaders {
    pub(crate) partitions: Vec<Partition>,
    /// The brokers to ask: those with replicas first, at most [`MAX_MEMBERS`].
    pub(crate) members: Vec<Member>,
    /// Whether there are no other brokers.
    pub(crate) are_all_members: bool,
    /// The addresses of the cluster's brokers: at most [`MAX_BROKERS`].
    pub(crate) brokers: Vec<Address>,
    looked_up: Instant,
    /// Whether a broker has said since then that it does not lead its partition.
    is_stale: bool,
}

/// A partition with a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) id: i32,
    pub(crate) leader: i32,
    /// The ids of the brokers that have it, in sync or not, with the leader.
    pub(crate) replicas: Vec<i32>,
}

/// A broker that has a replica, or could.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: i32,
    /// `None` if it was away at every look-up.
    pub(crate) address: Option<Address>,
    /// Whether the newest metadata does not have it. It may be back since then.
    pub(crate) is_away: bool,
}

impl Leaders {
    /// Sends a metadata request to any broker. Blocks for up to `timeout`, and for all of it while no broker answers.
    ///
    /// Requests all topics, because brokers may create a topic that is requested by name. `seen` takes the brokers in the answer,
    /// whatever it says about the topic.
    pub(crate) fn look_up<C: ClientContext>(
        client: &Client<C>,
        topic: &str,
        timeout: Duration,
        seen: impl FnOnce(&[MetadataBroker]),
    ) -> Result<Self, Failure> {
        let metadata = client
            .fetch_metadata(None, timeout)
            .map_err(|error| failure(&error))?;
        seen(metadata.brokers());
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found {
            Some(topic) => Self::of(topic, metadata.brokers()),
            None => Err(missing()),
        }
    }

    /// Returns these leaders, with the addresses of an older look-up where this one has none: a cluster does not tell the
    /// address of a broker that is away.
    pub(crate) fn with_addresses_of(mut self, older: Option<&Self>) -> Self {
        let older = older.map_or(&[][..], |older| &older.members);
        for member in self.members.iter_mut().filter(|it| it.address.is_none()) {
            let known = older.iter().find(|known| known.id == member.id);
            member.address = known.and_then(|known| known.address.clone());
        }
        self
    }

    /// Returns the addresses of the brokers to ask.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.members.iter().filter_map(|it| it.address.as_ref())
    }

    /// Returns the brokers with replicas that were away at the look-up.
    pub(crate) fn away(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_away)
    }

    /// Returns these leaders, to be looked up before the next round.
    pub(crate) fn stale(self) -> Self {
        Self {
            is_stale: true,
            ..self
        }
    }

    pub(crate) const fn are_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns whether they should be looked up again: they may have moved until `now`, or a broker that was away may be back.
    pub(crate) fn are_old(&self, now: Instant) -> bool {
        let max_age = match self.away().next() {
            None => MAX_AGE,
            Some(_) => MAX_AGE_WITH_AWAY,
        };
        now.saturating_duration_since(self.looked_up) > max_age
    }

    fn of(topic: &MetadataTopic, brokers: &[MetadataBroker]) -> Result<Self, Failure> {
        if let Some(error) = topic.error() {
            let error: RDKafkaErrorCode = error.into();
            return Err(failure(&KafkaError::MetadataFetch(error)));
        }
        let partitions = one_each(topic.partitions().iter().map(partition));
        if partitions.is_empty() {
            let code = RDKafkaErrorCode::LeaderNotAvailable;
            return Err(Failure::with_code(classify(code), code as i32));
        }
        let members = members(&partitions, brokers);
        let is_member = |it: &MetadataBroker| members.iter().any(|member| member.id == it.id());
        Ok(Self {
            are_all_members: brokers.iter().all(is_member),
            members,
            brokers: brokers
                .iter()
                .filter_map(address)
                .take(MAX_BROKERS)
                .collect(),
            partitions,
            looked_up: Instant::now(),
            is_stale: false,
        })
    }
}

fn partition(found: &MetadataPartition) -> Partition {
    Partition {
        id: found.id(),
        leader: found.leader(),
        replicas: found.replicas().to_vec(),
    }
}

/// Returns the brokers with replicas of these partitions, the leaders first, and then other brokers.
fn members(partitions: &[Partition], brokers: &[MetadataBroker]) -> Vec<Member> {
    let leaders = partitions.iter().map(|partition| partition.leader);
    let replicas = partitions.iter().flat_map(|it| it.replicas.iter().copied());
    let others = brokers.iter().map(MetadataBroker::id);
    let mut members: Vec<Member> = Vec::with_capacity(MAX_MEMBERS);
    for id in leaders.chain(replicas).chain(others) {
        if members.len() == MAX_MEMBERS {
            break;
        }
        if members.iter().all(|member| member.id != id) {
            let broker = brokers.iter().find(|broker| broker.id() == id);
            let address = broker.and_then(address);
            members.push(Member {
                id,
                address,
                is_away: broker.is_none(),
            });
        }
    }
    members
}

fn address(broker: &MetadataBroker) -> Option<Address> {
    Some(Address {
        host: broker.host().to_owned(),
        port: u16::try_from(broker.port()).ok()?,
    })
}

const fn missing() -> Failure {
    Failure::with_code(
        FailureClass::TopicMissing,
        RDKafkaErrorCode::UnknownTopicOrPartition as i32,
    )
}

/// Returns the first partition of each leader; a leader of -1 is none.
fn one_each(partitions: impl Iterator<Item = Partition>) -> Vec<Partition> {
    let mut chosen: Vec<Partition> = Vec::with_capacity(MAX_LEADERS);
    for partition in partitions {
        let is_known = chosen.iter().any(|other| other.leader == partition.leader);
        if partition.leader >= 0 && !is_known && chosen.len() < MAX_LEADERS {
            chosen.push(partition);
        }
    }
    chosen
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashSet;

    use rdkafka::ClientConfig;
    use rdkafka::producer::{BaseProducer, Producer as _};

    use super::*;
    use crate::embedded::EmbeddedCluster;

    fn chosen(leaders: &[i32]) -> Vec<i32> {
        let partitions = (0..).zip(leaders).map(|(id, leader)| Partition {
            id,
            leader: *leader,
            replicas: vec![*leader],
        });
        one_each(partitions).iter().map(|it| it.id).collect()
    }

    #[test]
    fn each_leader_gets_one_partition_and_at_most_three_leaders_count() {
        assert_eq!(chosen(&[1, 1, 2]), [0, 2]);
        assert_eq!(chosen(&[-1, 7]), [1]);
        assert_eq!(chosen(&[1, 2, 3, 4]), [0, 1, 2]);
        assert!(chosen(&[-1]).is_empty());
    }

    pub(crate) fn leaders(members: &[(i32, Option<u16>)]) -> Leaders {
        let member = |&(id, port): &(i32, Option<u16>)| Member {
            id,
            address: port.map(|port| Address {
                host: "broker".to_owned(),
                port,
            }),
            is_away: port.is_none(),
        };
        Leaders {
            partitions: Vec::new(),
            members: members.iter().map(member).collect(),
            are_all_members: true,
            brokers: Vec::new(),
            looked_up: Instant::now(),
            is_stale: false,
        }
    }

    #[test]
    fn the_address_of_a_broker_that_is_away_is_remembered() {
        let older = leaders(&[(1, Some(91)), (2, Some(92)), (3, None)]);
        let newer = leaders(&[(1, Some(81)), (2, None), (3, None)]);
        let known = newer.with_addresses_of(Some(&older));
        let ports: Vec<_> = known.addresses().map(|it| it.port).collect();
        assert_eq!(ports, [81, 92]);
        let away: Vec<_> = known.away().map(|it| it.id).collect();
        assert_eq!(away, [2, 3]);
    }

    /// Returns the leaders as if they had been looked up that much earlier.
    pub(crate) fn aged(leaders: Leaders, age: Duration) -> Leaders {
        let looked_up = leaders.looked_up.checked_sub(age);
        Leaders {
            looked_up: looked_up.expect("the clock is older"),
            ..leaders
        }
    }

    #[test]
    fn leaders_are_old_when_the_maximum_age_is_over() {
        let with_away = leaders(&[(1, Some(91)), (2, None)]);
        for (leaders, max_age) in [
            (leaders(&[(1, Some(91))]), MAX_AGE),
            (with_away, MAX_AGE_WITH_AWAY),
        ] {
            let end = leaders.looked_up + max_age;
            assert!(!leaders.are_old(end));
            assert!(leaders.are_old(end + Duration::from_nanos(1)));
        }
    }

    #[test]
    fn leaders_are_stale_once_a_broker_has_denied_them() {
        let leaders = leaders(&[(1, Some(91))]);
        assert!(!leaders.are_stale());
        assert!(leaders.stale().are_stale());
    }

    #[test]
    fn the_members_are_the_brokers_with_replicas_and_then_the_others() {
        let cluster = EmbeddedCluster::start(10).expect("librdkafka has a mock cluster");
        cluster.create_topic("orders", 3).expect("it is new");
        let servers = cluster.bootstrap_servers();
        let client: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .create()
            .expect("a client");
        let timeout = Duration::from_secs(30);
        let look_up = |topic| {
            let mut seen = 0;
            let found = Leaders::look_up(client.client(), topic, timeout, |it| seen = it.len());
            assert_eq!(seen, 10);
            found
        };
        let found = look_up("orders").expect("it has leaders");
        let led: Vec<_> = found.partitions.iter().map(|it| it.leader).collect();
        assert_eq!(led, [1, 2, 3]);
        let ids: Vec<_> = found.members.iter().map(|it| it.id).collect();
        assert_eq!(ids[..3], led);
        let distinct: HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), MAX_MEMBERS, "{ids:?}");
        assert!(!found.are_all_members);
        let addresses: Vec<_> = servers.split(',').collect();
        for member in &found.members {
            let index = usize::try_from(member.id).expect("an id of a broker") - 1;
            let address = member.address.as_ref().map(ToString::to_string);
            assert_eq!(address.as_deref(), Some(addresses[index]));
        }
        assert_eq!(found.brokers.len(), MAX_BROKERS);
        assert_eq!(look_up("none"), Err(missing()));
    }

    #[test]
    fn in_a_small_cluster_all_brokers_are_members() {
        let cluster = EmbeddedCluster::start(3).expect("librdkafka has a mock cluster");
        cluster.create_topic("orders", 1).expect("it is new");
        let client: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .expect("a client");
        let timeout = Duration::from_secs(30);
        let found = Leaders::look_up(client.client(), "orders", timeout, |_| {});
        let found = found.expect("it has a leader");
        assert!(found.are_all_members);
        assert_eq!(found.members.len(), 3);
    }
}
