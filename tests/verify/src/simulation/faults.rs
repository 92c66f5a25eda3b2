//! The faults of the bus and its client.

use livebus_core::{ClientId, Event, FailureClass};

use super::cluster::{Network, State};
use super::environment::{Environment, Occurrence, SUSPICIONS};
use super::summary::Situation;
use super::violation::Violation;

impl Environment {
    pub(super) fn broker(&mut self, broker: usize) {
        if self.cluster.is_up(broker) && self.cluster.seen(broker) != State::Slow {
            let (state, situation) = self.rng.pick(&[
                (State::Killed, Situation::BrokerKilled),
                (State::Killed, Situation::BrokerKilled),
                (State::Hung, Situation::BrokerHung),
                (State::Slow, Situation::BrokerSlow),
            ]);
            self.summary.note(situation);
            self.log
                .note(self.clock, format_args!("broker {broker}: {state:?}"));
            self.cluster.set(broker, state);
            let flaps = self.rng.below(4) == 0;
            let down = self.rates.broker_down / if flaps { 16 } else { 1 };
            self.recur(down.max(1), Occurrence::Broker(broker));
            if state != State::Slow {
                self.recur(self.rates.election, Occurrence::Election(broker));
                self.recur(self.rates.shrink, Occurrence::InSync(broker));
            }
            if state == State::Killed {
                self.suspect();
            }
            self.changed(false);
        } else {
            self.log
                .note(self.clock, format_args!("broker {broker}: Up"));
            self.cluster.set(broker, State::Up);
            self.recur(self.rates.broker_up, Occurrence::Broker(broker));
            self.changed(true);
        }
    }

    pub(super) fn shrink(&mut self, broker: usize) {
        match self.cluster.shrink(broker) {
            Some(true) => {
                self.summary.note(Situation::InSyncShrunk);
                self.changed(true);
            }
            Some(false) => {}
            None => self.recur(self.rates.shrink, Occurrence::InSync(broker)),
        }
    }

    pub(super) fn network(&mut self) {
        let better = self.cluster.network != Network::Open;
        if better {
            self.cluster.network = Network::Open;
            self.recur(self.rates.network_open, Occurrence::Network);
        } else {
            self.cluster.network = self.rng.pick(&[Network::Refusing, Network::Silent]);
            self.recur(self.rates.network_broken, Occurrence::Network);
            if self.cluster.network == Network::Refusing {
                self.suspect();
            }
        }
        let network = self.cluster.network;
        self.log
            .note(self.clock, format_args!("network: {network:?}"));
        self.changed(better);
    }

    pub(super) fn refusal(&mut self) {
        let better = self.cluster.refusal.is_some();
        if better {
            self.cluster.refusal = None;
            self.recur(self.rates.no_refusal, Occurrence::Refusal);
        } else {
            self.cluster.refusal = Some(self.rng.pick(&REFUSALS));
            self.recur(self.rates.refusal, Occurrence::Refusal);
        }
        let refusal = self.cluster.refusal;
        self.log
            .note(self.clock, format_args!("refusal: {refusal:?}"));
        self.changed(better);
    }

    /// The client library notices that connections are closed, and may report it.
    pub(super) fn suspect(&mut self) {
        for service in 0..self.services.len() {
            if self.rng.per_million(self.rates.suspicions) {
                let more = self.storm();
                let delay = self.rng.below(self.rates.latency);
                let what = Occurrence::Suspicion {
                    service,
                    class: self.rng.pick(&SUSPICIONS),
                    more,
                };
                self.after(delay, what);
            }
        }
    }

    pub(super) fn storm(&mut self) -> u64 {
        if self.rng.per_million(self.rates.storm) {
            self.rng.between(2, 60)
        } else {
            0
        }
    }

    /// Updates whether the bus is usable, and retries the rounds without an answer if it got better.
    pub(super) fn changed(&mut self, better: bool) {
        if self.cluster.update_usable(self.clock) {
            self.summary.note(if self.cluster.is_usable() {
                Situation::BusBack
            } else {
                Situation::BusGone
            });
            self.restart_traffic();
        }
        if better {
            self.retry_all();
        }
    }

    /// A client is lost.
    pub(super) fn on_client_lost(&mut self) -> Result<(), Violation> {
        let service = self.any_service();
        let generation = self.services[service].generation;
        let Some(instance) = &self.services[service].instance else {
            return Ok(());
        };
        // Sometimes it is a client that was replaced long ago.
        let old = self.rng.below(4) == 0;
        let client = instance
            .client
            .filter(|_| !old)
            .unwrap_or(ClientId::from_number(1 + self.rng.below(8)));
        let failure = FailureClass::ClientFatal.into();
        self.deliver(service, generation, Event::ClientLost { client, failure })
    }
}

const REFUSALS: [FailureClass; 6] = [
    FailureClass::TopicMissing,
    FailureClass::Authorization,
    FailureClass::Throttled,
    FailureClass::NotEnoughReplicas,
    FailureClass::Authentication,
    FailureClass::Tls,
];
