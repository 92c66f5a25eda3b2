//! The bus, as a runner uses it.

use std::future::Future;
use std::time::Instant;

use livebus_core::{ClientId, Config, Failure};
use livebus_readiness::{Detail, Explanation, Leaders};

use crate::observations::Observations;

/// A bus on which a supervisor's actions can be executed.
///
/// `livebus-kafka` implements it for Kafka; tests have scripted ones. A runner spawns each operation and turns its outcome into
/// the event that the supervisor expects; it never waits for one in its loop.
///
/// The supervisor keeps every deadline itself. An operation receives it so that it can give up in time and return the reason.
/// The runner drops one that does not, so an operation must be safe to drop at any time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no bus",
    label = "not a bus",
    note = "give `Builder::new` a `KafkaConfig` (not a `Result`, an embedded cluster or a closure), or a type that implements `Bus`"
)]
pub trait Bus: Send + Sync + 'static {
    /// Makes a client with the id `client`. A start that fails, or is dropped, leaves nothing behind.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when the client cannot be made.
    fn start(
        &self,
        client: ClientId,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends a liveness message: makes the bus do its work once.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when it did not do its work; the class decides what that proves.
    fn send_liveness(&self, deadline: Instant) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Closes the client with the id `client`, in the background. Does nothing when there is none. Its start may still be running
    /// on another thread: a client that it makes after this call must be closed too.
    fn discard_client(&self, client: ClientId);

    /// Stops consuming, flushes what is queued and closes the client. Its start may still be running on another thread: a client
    /// that it makes after this call must be closed too.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when not everything was flushed and closed.
    fn stop(&self, deadline: Instant) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Returns the cell for the observations of the clients.
    fn observations(&self) -> &Observations;

    /// Returns what is known about `failure`, which this bus has reported: the name of its code, the reason, and what a person can
    /// do. The default adds nothing to its class.
    ///
    /// Probes and logs show it with the failure: only the bus knows the words and the settings of its own technology. Called for
    /// each verbose or failing answer, so it must be quick. No part may contain a secret or a line break.
    #[expect(unused_variables, reason = "the default does not need it")]
    fn explain(&self, failure: Failure) -> Explanation {
        Explanation::default()
    }

    /// Returns the facts that are shown with the status, for example the addresses of the bus. The default has none. As
    /// [`explain`](Self::explain), quick and without secrets.
    fn details(&self) -> Vec<Detail> {
        Vec::new()
    }

    /// Returns the leaders that the newest liveness message asked, none before the first; `None`, the default, for a bus whose liveness
    /// messages ask no leaders. Quick as [`explain`](Self::explain).
    fn leaders(&self) -> Option<Leaders> {
        None
    }
}

/// Converts a configuration into a bus for the runner `R`, once the [`Builder`](crate::Builder) has checked the settings. A bus
/// converts into itself.
///
/// A configuration of your own:
///
/// ```
/// use livebus_core::Config;
/// use livebus_runner::{Builder, IntoBus, Runner};
/// # use std::time::Instant;
/// # use livebus_core::{ClientId, Failure};
/// # use livebus_runner::{Bus, Observations};
/// # struct Echo(Observations);
/// # impl Bus for Echo {
/// #     async fn start(&self, _: ClientId, _: Instant) -> Result<(), Failure> { Ok(()) }
/// #     async fn send_liveness(&self, _: Instant) -> Result<(), Failure> { Ok(()) }
/// #     fn discard_client(&self, _: ClientId) {}
/// #     async fn stop(&self, _: Instant) -> Result<(), Failure> { Ok(()) }
/// #     fn observations(&self) -> &Observations { &self.0 }
/// # }
/// # impl Echo {
/// #     fn at(_: std::net::SocketAddr) -> Self { Self(Observations::new()) }
/// # }
///
/// struct EchoConfig {
///     address: std::net::SocketAddr,
/// }
///
/// impl<R> IntoBus<R> for EchoConfig {
///     type Bus = Echo;
///
///     fn into_bus(self, _config: &Config) -> Echo {
///         Echo::at(self.address)
///     }
/// }
///
/// fn supervision<R: Runner>(config: EchoConfig) -> Builder<R, Echo> {
///     Builder::new(config)
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no bus",
    label = "not a bus",
    note = "give `Builder::new` a `KafkaConfig` (not a `Result`, an embedded cluster or a closure), or a type that implements `Bus`"
)]
pub trait IntoBus<R>: Send + 'static {
    /// The bus that is made.
    type Bus: Bus;

    /// Makes the bus. Nothing happens on it before the first start.
    fn into_bus(self, config: &Config) -> Self::Bus;
}

impl<R, B: Bus> IntoBus<R> for B {
    type Bus = B;

    fn into_bus(self, _config: &Config) -> B {
        self
    }
}
