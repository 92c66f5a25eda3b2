//! The facts themselves, and which of two says more. No lock.

use std::collections::HashSet;
use std::time::Instant;

use livebus_core::{Failure, FailureClass};

use crate::symptom::Strength;

/// The maximum number of brokers about which facts are kept. The oldest fact gives way.
pub(super) const MAX_BROKERS: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Known {
    /// One for each address, the newest last.
    pub(super) brokers: Vec<Fact>,
    /// The newest fact about no broker in particular.
    pub(super) bus: Option<Fact>,
    /// Why no client can be made.
    pub(super) client: Option<Fact>,
    /// The addresses in the newest metadata.
    pub(super) in_metadata: HashSet<String>,
    /// The brokers with replicas that the newest metadata does not have; `None` if the address is not known either.
    pub(super) away: Vec<Option<String>>,
    /// The addresses in the metadata before the newest acknowledgement.
    pub(super) proved: HashSet<String>,
    /// The addresses that could not be reached while the bus did its work all the same.
    pub(super) needless: HashSet<String>,
    /// Whether metadata came, and no bootstrap server has failed since then.
    pub(super) is_answered: bool,
    /// Whether the bus has ever done its work.
    pub(super) has_worked: bool,
    /// The newest reason of each class, also from before the newest acknowledgement: a failure is explained after it, too.
    pub(super) reasons: Vec<(FailureClass, String)>,
    /// The instant of the newest acknowledgement.
    pub(super) acknowledged: Option<Instant>,
    /// The instant until which a broker delays its answers because of a quota.
    pub(super) throttled_until: Option<Instant>,
}

#[derive(Debug, Clone)]
pub(super) struct Fact {
    pub(super) failure: Failure,
    /// Empty for a fact about the bus.
    pub(super) address: String,
    pub(super) strength: Strength,
    pub(super) reason: String,
}

/// How much a fact explains; the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Vague,
    /// It was so while the bus worked.
    Needless,
    Certain,
}

impl Known {
    /// Returns the number of brokers that may answer, those that were away at the look-up included.
    pub(super) fn broker_count(&self) -> usize {
        let is_other = |it: &&Option<String>| {
            it.as_ref()
                .is_none_or(|address| !self.in_metadata.contains(address))
        };
        self.in_metadata.len() + self.away.iter().filter(is_other).count()
    }

    pub(super) fn weight(&self, fact: &Fact) -> Weight {
        if fact.strength == Strength::Vague {
            Weight::Vague
        } else if is_about_the_address(fact.failure.class) && self.needless.contains(&fact.address)
        {
            Weight::Needless
        } else {
            Weight::Certain
        }
    }

    /// Stores a fact, unless a better one is known. Returns whether it was stored.
    pub(super) fn put(&mut self, mut fact: Fact) -> bool {
        if fact.address.is_empty() {
            let is_vague = fact.strength == Strength::Vague;
            let is_first = self.brokers.is_empty()
                && self
                    .bus
                    .as_ref()
                    .is_none_or(|it| it.strength == Strength::Vague);
            let replaces = !is_vague || is_first;
            if replaces {
                self.bus = Some(fact);
            }
            return replaces;
        }
        if let Some(at) = self
            .brokers
            .iter()
            .position(|it| it.address == fact.address)
        {
            if is_better(&self.brokers[at], &fact) {
                return false;
            }
            // The system says the same as librdkafka, without a code.
            let older = self.brokers.remove(at).failure;
            if older.class == fact.failure.class {
                fact.failure.code = fact.failure.code.or(older.code);
            }
        }
        if self.brokers.len() == MAX_BROKERS {
            self.brokers.remove(0);
        }
        self.brokers.push(fact);
        true
    }

    /// There are as many reasons as there are classes, at most.
    pub(super) fn set_reason(&mut self, class: FailureClass, reason: String) {
        self.reasons.retain(|(it, _)| *it != class);
        self.reasons.push((class, reason));
    }
}

/// Returns whether the older of two facts about one broker says more: the newer may follow from almost anything, or is only that the
/// broker is silent, which follows from the older.
fn is_better(older: &Fact, newer: &Fact) -> bool {
    let is_vague = newer.strength == Strength::Vague && older.strength > Strength::Vague;
    let is_silence = newer.failure.class == FailureClass::Unresponsive
        && matches!(
            older.failure.class,
            FailureClass::SecurityProtocol | FailureClass::Tls | FailureClass::Authentication
        );
    is_vague || is_silence
}

/// Returns whether such a failure may come from a wrong address.
pub(super) const fn is_about_the_address(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Unreachable | FailureClass::Unresponsive | FailureClass::NameResolution
    )
}
