//! The bus: brokers that come and go, and partitions whose leaders move.

use livebus_core::{FailureClass, FailureKind};

use crate::rng::Rng;

/// A cluster as one client sees it.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    brokers: Vec<State>,
    /// The leader of each partition.
    leaders: Vec<usize>,
    /// Replicas that must be in sync for a record to be taken.
    least_in_sync: usize,
    pub(super) network: Network,
    /// What every broker answers instead of doing its work.
    pub(super) refusal: Option<FailureClass>,
    usable: bool,
    /// When it became usable last, and when it ceased to be.
    since: u64,
    until: u64,
}

/// What a broker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Up,
    Slow,
    Killed,
    Hung,
}

/// What lies between us and all brokers.
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
            least_in_sync: rng.pick(&[1_usize, 1, 2]).min(brokers),
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

    /// What a broker does, as it looks from here.
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
    }

    /// The leaders that a round asks: at most three, all different.
    pub(super) fn asked(&self) -> ([usize; 3], usize) {
        let (mut asked, mut count) = ([0; 3], 0);
        for leader in &self.leaders {
            if count < 3 && !asked[..count].contains(leader) {
                asked[count] = *leader;
                count += 1;
            }
        }
        (asked, count)
    }

    /// Whether a broker answers that was not asked.
    pub(super) fn another_answers(&self) -> bool {
        let (asked, count) = self.asked();
        (0..self.brokers())
            .any(|broker| !asked[..count].contains(&broker) && self.seen(broker).works())
    }

    /// The partitions of a broker that does not work get another leader, if there is one. Tells whether there is.
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

    /// Everything works.
    pub(super) fn heal(&mut self) {
        self.brokers.fill(State::Up);
        self.network = Network::Open;
        self.refusal = None;
    }

    /// What a broker that works answers.
    pub(super) fn answer(&self) -> Result<(), FailureClass> {
        let in_sync = (0..self.brokers()).filter(|it| self.is_up(*it)).count();
        match self.refusal {
            Some(class) => Err(class),
            None if in_sync < self.least_in_sync => Err(FailureClass::NotEnoughReplicas),
            None => Ok(()),
        }
    }

    /// To be called after each change. Tells whether it is usable when it was not, or the other way round.
    pub(super) fn settle(&mut self, now: u64) -> bool {
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

    /// The newest stretch of time in which some leader could do its work.
    pub(super) fn usable(&self, now: u64) -> (u64, u64) {
        (self.since, if self.usable { now } else { self.until })
    }
}

impl State {
    pub(super) fn works(self) -> bool {
        matches!(self, Self::Up | Self::Slow)
    }
}
