//! What is known about the brokers since the last acknowledgement: the newest fact about each, and the failure that they amount to.
//!
//! A [`Failure`] is small and copied everywhere; the text that belongs to it is kept here.

mod known;

use std::cmp::Ordering;
use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use livebus_core::{Failure, FailureClass};
use livebus_runner::Explanation;

use crate::error_class::code_description;
use crate::lock::lock;
use crate::reason::{clean, own_text};
use crate::remedy::explain;
use crate::symptom::{Strength, Symptom};

use known::{Fact, Known, MAX_BROKERS, Weight, is_about_the_address};

/// The maximum number of secrets that are looked for: those of several changes of all properties.
const MAX_SECRETS: usize = 64;

/// The facts about the brokers of one bus, written by librdkafka's callbacks and whatever else asks brokers.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The addresses of the bootstrap servers: `host:port`.
    servers: Vec<String>,
    /// The values that must not be shown.
    secrets: Mutex<Vec<String>>,
    known: Mutex<Known>,
}

impl Facts {
    /// Returns no facts about the bus at `servers`, each `host:port`. No reason will contain one of `secrets`.
    pub(crate) fn new(servers: Vec<String>, secrets: Vec<String>) -> Self {
        Self {
            servers,
            secrets: Mutex::new(secrets),
            known: Mutex::default(),
        }
    }

    /// Takes the secrets of newer properties. Those before may still be in a text of librdkafka; at most [`MAX_SECRETS`] are known.
    pub(crate) fn add_secrets(&self, secrets: Vec<String>) {
        let mut known = lock(&self.secrets);
        known.retain(|secret| !secrets.contains(secret));
        known.extend(secrets);
        let forgotten = known.len().saturating_sub(MAX_SECRETS);
        known.drain(..forgotten);
    }

    /// Notes `failure` of the broker at an address (`host:port`, or `host:port/id` as librdkafka writes it), or of the bus.
    /// Replaces what was known about it, unless that proves more.
    pub(crate) fn set(&self, failure: Failure, broker: Option<&str>, reason: &str) {
        let is_vague = matches!(failure.class, FailureClass::Timeout | FailureClass::Other);
        let strength = if is_vague {
            Strength::Vague
        } else {
            Strength::Certain
        };
        self.note(failure, broker.map(address), reason, strength);
    }

    /// Keeps `reason` to explain a failure of that class, which is decided elsewhere. It is livebus's own text: see
    /// [`set_foreign_reason`](Self::set_foreign_reason) for others.
    pub(crate) fn set_reason(&self, class: FailureClass, reason: &str) {
        lock(&self.known).set_reason(class, own_text(reason));
    }

    /// Keeps `reason`, which has text of librdkafka or of a broker.
    pub(crate) fn set_foreign_reason(&self, class: FailureClass, reason: &str) {
        let text = self.without_secrets(reason);
        lock(&self.known).set_reason(class, text);
    }

    fn without_secrets(&self, text: &str) -> String {
        clean(text, lock(&self.secrets).iter().map(String::as_str))
    }

    /// Notes whether a client could be made, with librdkafka's text if not: a file that cannot be read, for example.
    pub(crate) fn client_made(&self, error: Option<&str>) {
        let fact = error.map(|text| {
            let class = if text.to_ascii_lowercase().contains("ssl") {
                FailureClass::Tls
            } else {
                FailureClass::Other
            };
            let reason = format!("no client can be made: {text}");
            for class in [class, FailureClass::ClientFatal] {
                self.set_foreign_reason(class, &reason);
            }
            Fact {
                failure: class.into(),
                address: String::new(),
                strength: Strength::Certain,
                reason,
            }
        });
        lock(&self.known).client = fact;
    }

    /// Notes an error or a log line of librdkafka. Returns the failure that it shows; `None` if it shows none.
    pub(crate) fn observe(&self, symptom: &Symptom<'_>) -> Failure {
        self.note(
            symptom.failure,
            symptom.address,
            &symptom.reason,
            symptom.strength,
        )
    }

    /// Notes the result of a TCP connect to an address. A bus that is silent and accepts connections is
    /// [`FailureClass::Unresponsive`]; what accepts one after it was down, a producer will find out.
    pub(crate) fn connected(&self, address: &str, error: Option<&io::Error>, was_down: bool) {
        let (class, reason) = match error {
            None if was_down || self.is_other_server_that_answers(address) => return,
            None => (
                FailureClass::Unresponsive,
                "accepts connections and does not answer".to_owned(),
            ),
            Some(error) => {
                // The system's errors of names have no kind of their own.
                let is_name = error.to_string().contains("failed to lookup address");
                let class = if is_name {
                    FailureClass::NameResolution
                } else {
                    FailureClass::Unreachable
                };
                (class, error.to_string())
            }
        };
        self.set(class.into(), Some(address), &reason);
    }

    fn note(
        &self,
        mut failure: Failure,
        address: Option<&str>,
        reason: &str,
        strength: Strength,
    ) -> Failure {
        let mut known = lock(&self.known);
        if strength == Strength::Likely && known.has_worked {
            failure.class = FailureClass::Unreachable;
        }
        if let Some(address) = address
            && self.is_advertised(&known, address)
            && is_about_the_address(failure.class)
        {
            failure.class = FailureClass::AdvertisedAddress;
        }
        let reason = self.without_secrets(reason);
        let text = match address {
            Some(address) => own_text(&format!("{address}: {reason}")),
            None => reason,
        };
        let fact = Fact {
            failure,
            address: address.unwrap_or_default().to_owned(),
            strength,
            reason: text.clone(),
        };
        known.is_answered &= !self.is_failing_server(&fact);
        if known.put(fact) {
            known.set_reason(failure.class, text);
        }
        failure
    }

    /// Notes the addresses (`host:port`) in a metadata answer.
    pub(crate) fn set_brokers(&self, addresses: impl IntoIterator<Item = String>) {
        lock(&self.known).in_metadata = addresses.into_iter().take(MAX_BROKERS).collect();
        self.on_answer();
    }

    /// Notes the brokers with replicas that the metadata does not have, by their addresses (`host:port`) where these are known. They may
    /// be back since then.
    pub(crate) fn set_away(&self, addresses: impl IntoIterator<Item = Option<String>>) {
        let mut known = lock(&self.known);
        known.away.clear();
        known.away.extend(addresses.into_iter().take(MAX_BROKERS));
    }

    /// Notes that no broker answers, those that were away included.
    pub(crate) fn on_silence(&self) {
        lock(&self.known).away.clear();
    }

    /// Notes that metadata came. A bootstrap server may have sent it: the address of a broker that has never worked is a wrong
    /// advertised one from now on.
    pub(crate) fn on_answer(&self) {
        let mut known = lock(&self.known);
        known.is_answered = true;
        let Known {
            brokers,
            in_metadata,
            ..
        } = &mut *known;
        brokers.retain(|it| in_metadata.contains(&it.address) || !self.is_server(&it.address));
        let mut brokers = std::mem::take(brokers);
        for fact in &mut brokers {
            if fact.strength > Strength::Vague
                && is_about_the_address(fact.failure.class)
                && self.is_advertised(&known, &fact.address)
            {
                fact.failure.class = FailureClass::AdvertisedAddress;
                known.set_reason(FailureClass::AdvertisedAddress, fact.reason.clone());
            }
        }
        known.brokers = brokers;
    }

    /// Returns the failure that the facts amount to; `None` without facts.
    ///
    /// Once the bus has worked, a broker that fails while others do not is [`FailureClass::BrokerUnreachable`].
    pub(crate) fn best(&self) -> Option<Failure> {
        let known = lock(&self.known);
        let newest_first = known.brokers.iter().rev();
        let newest_first = newest_first.chain(&known.bus).chain(&known.client);
        let best = newest_first
            .map(|fact| (fact.failure, known.weight(fact)))
            .reduce(|best, older| match best.1.cmp(&older.1) {
                Ordering::Less => older,
                Ordering::Greater => best,
                Ordering::Equal if best.1 == Weight::Vague => best,
                Ordering::Equal => (older.0.most_specific(best.0), best.1),
            });
        let (mut failure, _) = best?;
        let failing = known.brokers.len();
        let is_partial = failing > 0 && failing < known.broker_count();
        if is_partial && known.has_worked && is_about_one_broker(failure.class) {
            failure.class = FailureClass::BrokerUnreachable;
        }
        Some(failure)
    }

    /// Returns the failure of a liveness message by what is known besides: the most specific. That a request failed on the way to the
    /// brokers, and nobody knows where, is a timeout.
    pub(crate) fn known(&self, failure: Failure) -> Failure {
        match self.silence() {
            Some(best) => best.most_specific(failure),
            None if failure.class == FailureClass::Unreachable => FailureClass::Timeout.into(),
            None => failure,
        }
    }

    /// Returns what explains that no broker answers. That one of several brokers fails does not.
    pub(crate) fn silence(&self) -> Option<Failure> {
        self.best()
            .filter(|it| it.class != FailureClass::BrokerUnreachable)
    }

    /// Forgets the facts: the bus has acknowledged a record, and its brokers work. The reasons are kept, to explain what was
    /// reported before.
    pub(crate) fn clear(&self) {
        let mut known = lock(&self.known);
        known.has_worked = true;
        let Known {
            in_metadata,
            proved,
            brokers,
            needless,
            ..
        } = &mut *known;
        if proved != in_metadata {
            proved.clone_from(in_metadata);
        }
        let away = brokers.drain(..);
        let away = away.filter(|it| is_about_the_address(it.failure.class));
        needless.extend(away.map(|it| it.address));
        if needless.len() > MAX_BROKERS {
            needless.clear();
        }
        known.bus = None;
        known.acknowledged = Some(Instant::now());
    }

    /// Returns the newest reason of a failure of that class. A partial failure has the reason of the broker.
    pub(crate) fn reason(&self, failure: Failure) -> Option<String> {
        let known = lock(&self.known);
        let of = |class| known.reasons.iter().find(|(it, _)| *it == class);
        let newest = || {
            known
                .reasons
                .iter()
                .rev()
                .find(|(it, _)| is_about_one_broker(*it))
        };
        let found = of(failure.class).or_else(|| {
            let is_partial = failure.class == FailureClass::BrokerUnreachable;
            is_partial.then(newest).flatten()
        });
        found.map(|(_, reason)| reason.clone())
    }

    /// Returns the name of the code, the reason and the remedy. Without a reason of that class, it is what librdkafka says about the
    /// code.
    pub(crate) fn explanation(&self, failure: Failure) -> Explanation {
        let silence =
            || (failure.class == FailureClass::Timeout).then(|| "no answer in time".to_owned());
        let reason = self
            .reason(failure)
            .or_else(|| failure.code.and_then(code_description))
            .or_else(silence);
        Explanation {
            reason,
            ..explain(failure)
        }
    }

    /// Notes that the broker at `address` delays its answers by `delay` because of a quota: from the newest acknowledgement on, in
    /// which it has said so.
    pub(crate) fn throttled(&self, address: &str, delay: Duration) {
        let mut known = lock(&self.known);
        let since = known.acknowledged.unwrap_or_else(Instant::now);
        known.throttled_until = known.throttled_until.max(Some(since + delay));
        let reason = format!(
            "{address}: the broker delays its answers by {:.1} s because of a quota",
            delay.as_secs_f64()
        );
        known.set_reason(FailureClass::Throttled, reason);
    }

    /// Returns whether silence at `now` is the delay of a quota.
    pub(crate) fn is_throttled(&self, now: Instant) -> bool {
        let known = lock(&self.known);
        known.throttled_until.is_some_and(|until| now < until)
    }

    /// Returns whether the delay of a quota ended less than two intervals before `now`, and may go on.
    pub(crate) fn was_throttled(&self, now: Instant, interval: Duration) -> bool {
        let known = lock(&self.known);
        known
            .throttled_until
            .is_some_and(|until| now < until + 2 * interval)
    }

    /// Returns whether the address is known from metadata only, has never worked, and the servers that sent it answer.
    fn is_advertised(&self, known: &Known, address: &str) -> bool {
        let server_fails = known.brokers.iter().any(|it| self.is_failing_server(it));
        !self.is_server(address) && !known.proved.contains(address) && !server_fails
    }

    fn is_server(&self, address: &str) -> bool {
        self.servers.iter().any(|server| server == address)
    }

    /// Returns whether the fact says that a bootstrap server cannot be used, and not only that a connection has ended.
    fn is_failing_server(&self, fact: &Fact) -> bool {
        fact.strength > Strength::Vague && self.is_server(&fact.address)
    }

    /// Returns whether the address is that of a bootstrap server only, and no such server has failed since metadata came.
    fn is_other_server_that_answers(&self, address: &str) -> bool {
        let known = lock(&self.known);
        known.is_answered && self.is_server(address) && !known.in_metadata.contains(address)
    }
}

/// Returns the address in `host:port/id` or `host:port`.
fn address(broker: &str) -> &str {
    let broker = broker.split_once("://").map_or(broker, |(_, rest)| rest);
    broker.split('/').next().unwrap_or(broker)
}

/// Returns whether other brokers may do well while one fails like this.
const fn is_about_one_broker(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Unreachable
            | FailureClass::Unresponsive
            | FailureClass::NameResolution
            | FailureClass::AdvertisedAddress
            | FailureClass::SecurityProtocol
            | FailureClass::Tls
            | FailureClass::Authentication
    )
}

#[cfg(test)]
mod causes;
#[cfg(test)]
mod tests;
