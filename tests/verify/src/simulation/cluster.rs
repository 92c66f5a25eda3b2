//! The bus: brokers that fail and come back, and partitions whose leaders move.

use livebus_core::{FailureClass, FailureKind};

use crate::rng::Rng;

/// A cluster as one client sees it.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    brokers: Vec<State>,
    /// The leader of each partition.
    leaders: Vec<usize>,
    /// Whether a record is acknowledged by all replicas that are in sync, or by the leader alone.
    acks_all: bool,
    /// The number of replicas that must be in sync for a record to be accepted.
    min_in_sync: usize,
    /// Whether the cluster counts each broker among those in sync. One that fails is counted until the set shrinks.
    in_sync: Vec<bool>,
    pub(super) network: Network,
    /// The failure that every broker answers, if any.
    pub(super) refusal: Option<FailureClass>,
    usable: bool,
    /// The last instants at which it became usable and unusable.
    since: u64,
    until: u64,
}

/// The state of a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Slow,
    Killed,
    Hung,
}

/// The network between the client and all brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    Open,
    Refusing,
    Silent,
}

impl Cluster {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let brokers = rng.pick(&[1_usize, 1, 2, 3, 3, 3, 4, 5]);
        let partitions = rng.pick(&[1_usize, 1, 2, 3, 6]);
        let first = rng.pick(&[0_usize, 1, 2, 3, 4]);
        Self {
            brokers: vec![State::Up; brokers],
            leaders: (first..first + partitions).map(|it| it % brokers).collect(),
            acks_all: rng.below(3) > 0,
            min_in_sync: rng.pick(&[1_usize, 1, 2]).min(brokers),
            in_sync: vec![true; brokers],
            network: Network::Open,
            refusal: None,
            usable: true,
            since: 0,
            until: 0,
        }
    }

    pub(super) fn brokers(&self) -> usize {
        self.brokers.len()
    }

    /// Returns the state of a broker as the client sees it.
    pub(super) fn seen(&self, broker: usize) -> State {
        match self.network {
            Network::Open => self.brokers[broker],
            Network::Refusing => State::Killed,
            Network::Silent => State::Hung,
        }
    }

    pub(super) fn is_up(&self, broker: usize) -> bool {
        self.brokers[broker].works()
    }

    pub(super) fn set(&mut self, broker: usize, state: State) {
        self.brokers[broker] = state;
        self.in_sync[broker] |= state.works();
    }

    /// Removes a broker that does not work from those in sync. `None` if no majority is left to decide that.
    pub(super) fn shrink(&mut self, broker: usize) -> Option<bool> {
        if self.is_up(broker) {
            return Some(false);
        }
        let up = (0..self.brokers()).filter(|it| self.is_up(*it)).count();
        (up * 2 > self.brokers()).then(|| std::mem::take(&mut self.in_sync[broker]))
    }

    /// Returns whether writes go on without any one of the brokers, once those in sync have shrunk.
    pub(super) fn spares_one(&self) -> bool {
        self.acks_all && self.brokers() >= 3 && self.min_in_sync < self.brokers()
    }

    /// Returns the leaders to which a round sends: at most three, all different.
    pub(super) fn targets(&self) -> ([usize; 3], usize) {
        let (mut targets, mut count) = ([0; 3], 0);
        for leader in &self.leaders {
            if count < 3 && !targets[..count].contains(leader) {
                targets[count] = *leader;
                count += 1;
            }
        }
        (targets, count)
    }

    /// Returns whether a leader to which a round sends works, and waits for a replica that does not.
    pub(super) fn waits_for_replicas(&self) -> bool {
        let (targets, count) = self.targets();
        self.answer() == Err(FailureClass::ReplicasSilent)
            && targets[..count].iter().any(|it| self.seen(*it).works())
    }

    /// Returns whether a broker works to which a round does not send.
    pub(super) fn another_answers(&self) -> bool {
        let (targets, count) = self.targets();
        (0..self.brokers())
            .any(|broker| !targets[..count].contains(&broker) && self.seen(broker).works())
    }

    /// Moves the partitions of a broker that does not work to another leader. Returns whether there is one.
    pub(super) fn elect(&mut self, instead_of: usize, rng: &mut Rng) -> bool {
        if self.is_up(instead_of) {
            return false;
        }
        let mut moved = false;
        for partition in 0..self.leaders.len() {
            let from = usize::try_from(rng.below(self.brokers() as u64)).unwrap_or(0);
            let mut candidates = (from..from + self.brokers()).map(|it| it % self.brokers());
            let elected = candidates.find(|it| self.is_up(*it));
            if self.leaders[partition] == instead_of
                && let Some(elected) = elected
            {
                self.leaders[partition] = elected;
                moved = true;
            }
        }
        moved
    }

    /// Makes everything work.
    pub(super) fn heal(&mut self) {
        self.brokers.fill(State::Up);
        self.in_sync.fill(true);
        self.network = Network::Open;
        self.refusal = None;
    }

    /// Returns what a broker that works answers.
    pub(super) fn answer(&self) -> Result<(), FailureClass> {
        let in_sync = || (0..self.brokers()).filter(|it| self.in_sync[*it]);
        match self.refusal {
            Some(class) => Err(class),
            None if !self.acks_all => Ok(()),
            None if in_sync().count() < self.min_in_sync => Err(FailureClass::NotEnoughReplicas),
            None if in_sync().any(|it| !self.is_up(it)) => Err(FailureClass::ReplicasSilent),
            None => Ok(()),
        }
    }

    /// Updates whether the bus is usable, and returns whether that changed. To be called after each change.
    pub(super) fn update_usable(&mut self, now: u64) -> bool {
        let serves = match self.answer() {
            Ok(()) => true,
            Err(class) => class.kind() == FailureKind::Rejected,
        };
        let usable = serves && self.leaders.iter().any(|it| self.seen(*it).works());
        let changed = usable != self.usable;
        if changed && usable {
            self.since = now;
        } else if changed {
            self.until = now;
        }
        self.usable = usable;
        changed
    }

    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Returns the newest interval in which a leader was usable.
    pub(super) fn usable(&self, now: u64) -> (u64, u64) {
        (self.since, if self.usable { now } else { self.until })
    }
}

impl State {
    pub(super) fn works(self) -> bool {
        matches!(self, Self::Up | Self::Slow)
    }
}
