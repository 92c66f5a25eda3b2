//! The connection to the bus of one client of the supervisor: when its producer is made, kept, closed and made again.
//!
//! librdkafka connects again on its own, and pays for it: while no broker can be reached it costs CPU all the time, it reads files
//! and secrets only once, and it repeats a login that was rejected. So a producer is closed when no broker can be reached, the
//! known addresses are tried by TCP, and a new producer is made as soon as one of them accepts. A bus that is silent and still
//! accepts connections keeps its producer: its requests wait in the broker's socket, and are answered when it goes on.
//! A producer that has lost all its brokers is replaced, because it may know none any more.
//!
//! - [`lifecycle`] decides, without I/O and without a clock, by what [`signals`](crate::signals) carry.
//! - [`worker`] is the thread that executes it.
//! - [`connect_attempts`] tries the addresses.
//! - [`open_client`] hands the client to the rounds.

mod connect_attempts;
mod lifecycle;
mod open_client;
mod worker;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures::future::{Either, select};
use livebus_core::{ClientId, Config, Failure, FailureClass};
use livebus_runner::{Observations, Runtime};

use crate::cluster_guard::ClusterGuard;
use crate::config::KafkaConfig;
use crate::deadlines::left_until;
use crate::facts::Facts;
use crate::liveness_client::LivenessClient;
use crate::signals::Signals;
use open_client::OpenClient;
use worker::Factory;

/// The connection of the client with this id. Dropping it closes the producer, in the background.
pub(crate) struct Connection {
    pub(crate) id: ClientId,
    signals: Arc<Signals>,
    open: Arc<OpenClient>,
}

impl Connection {
    /// Makes a connection and its first producer. Takes some milliseconds, and waits for no broker.
    ///
    /// # Errors
    ///
    /// What librdkafka says about the properties, for example about a file that cannot be read.
    pub(crate) fn open(
        id: ClientId,
        kafka: KafkaConfig,
        config: Config,
        observations: Arc<Observations>,
        facts: Arc<Facts>,
        cluster: Arc<ClusterGuard>,
    ) -> Result<Self, Failure> {
        let (signals, open) = (Arc::<Signals>::default(), Arc::<OpenClient>::default());
        worker::spawn(Factory {
            id,
            kafka,
            config,
            observations,
            signals: Arc::clone(&signals),
            facts,
            cluster,
            open: Arc::clone(&open),
        })?;
        Ok(Self { id, signals, open })
    }

    /// Returns the open client, if there is one.
    pub(crate) fn client(&self) -> Option<Arc<LivenessClient>> {
        self.open.get()
    }

    /// Waits for an open client; `None` at the `deadline`.
    pub(crate) async fn opened<R: Runtime>(
        &self,
        deadline: Instant,
    ) -> Option<Arc<LivenessClient>> {
        loop {
            let changed = self.open.changed();
            if let Some(client) = self.open.get() {
                return Some(client);
            }
            let left = left_until(deadline);
            match select(changed, pin!(R::sleep(left))).await {
                Either::Left((Ok(()), _)) => {}
                Either::Left((Err(_), _)) | Either::Right(_) => return None,
            }
        }
    }

    /// Waits until `client` is closed.
    pub(crate) async fn closed(&self, client: &Arc<LivenessClient>) {
        loop {
            let changed = self.open.changed();
            let is_open = self
                .open
                .get()
                .is_some_and(|open| Arc::ptr_eq(&open, client));
            // An error means that there will be no other client.
            if !is_open || changed.await.is_err() {
                return;
            }
        }
    }

    /// Closes the client, and makes another one at the pace of logins.
    pub(crate) fn replace(&self) {
        self.signals.rejected();
    }

    /// Returns the guard of one liveness message.
    pub(crate) fn guard_message(&self) -> MessageGuard<'_> {
        MessageGuard {
            signals: &self.signals,
            is_over: false,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.end();
        self.signals.stop();
    }
}

/// One liveness message in flight. Dropped without a result, it had no answer.
pub(crate) struct MessageGuard<'a> {
    signals: &'a Signals,
    is_over: bool,
}

impl MessageGuard<'_> {
    /// Takes the result.
    pub(crate) fn ends(&mut self, result: Result<(), Failure>) {
        self.is_over = true;
        match result.map_err(|failure| failure.class) {
            // A callback has signalled them when they happened.
            Err(FailureClass::Authentication | FailureClass::Tls | FailureClass::WrongCluster) => {}
            Err(
                FailureClass::Unreachable
                | FailureClass::Unresponsive
                | FailureClass::Timeout
                | FailureClass::NameResolution
                | FailureClass::SecurityProtocol
                | FailureClass::QueueFull
                | FailureClass::ClientFatal
                | FailureClass::Other,
            ) => self.signals.unanswered(),
            Ok(()) | Err(_) => self.signals.proved(),
        }
    }
}

impl Drop for MessageGuard<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.signals.unanswered();
        }
    }
}

#[cfg(test)]
mod tests;
