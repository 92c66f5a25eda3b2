//! What a runner needs of a bus.

use std::future::Future;
use std::time::Instant;

use livebus_core::{ClientId, Config, Failure};

use crate::observations::Observations;

/// A bus that a supervisor's actions can be carried out on.
///
/// `livebus-kafka` has the real one; tests bring scripted ones. A runner spawns each operation and turns its outcome into
/// the event that the supervisor awaits; it never waits for one in its loop.
///
/// The supervisor keeps every deadline itself. It is passed on so that an operation can give up in time and say why; one
/// that does not is dropped by the runner, so an operation must be safe to drop at any time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no bus",
    label = "not a bus",
    note = "give `Builder::new` a `KafkaConfig` (not a `Result`, an embedded cluster or a closure), or a type that implements `Bus`"
)]
pub trait Bus: Send + Sync + 'static {
    /// Makes a client, named `client` from now on. A start that fails, or is dropped, leaves nothing behind.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when there is no client.
    fn start(
        &self,
        client: ClientId,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Asks the bus to do its work once and says whether it did.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when it did not; its class decides what that proves.
    fn send_liveness(&self, deadline: Instant) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Gives up the client named `client`, in the background. Nothing happens when it is not there any more. Its start may still
    /// be on its way out on another thread: a client that it makes after this must be given up too.
    fn discard_client(&self, client: ClientId);

    /// Stops consuming, flushes what is queued and closes the client. Its start may still be on its way out on another thread: a
    /// client that it makes after this must be given up too.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when not everything was flushed and closed in order.
    fn stop(&self, deadline: Instant) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Where the clients leave what they notice by themselves.
    fn observations(&self) -> &Observations;

    /// Returns what a person can do about `failure`, as one imperative sentence without a full stop; `None`, the default,
    /// when there is nothing to add to its class.
    ///
    /// The probes show it with the failure: only the bus can name the settings and the parts of its own technology. Called
    /// for each verbose or failing answer, so it must be quick.
    #[must_use]
    #[expect(unused_variables, reason = "the default does not need it")]
    fn remedy(failure: Failure) -> Option<&'static str> {
        None
    }
}

/// What a [`Builder`](crate::Builder) makes its bus of, once the settings are checked: the configuration of a bus for the
/// runner `R`, or a bus itself.
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
    /// The bus.
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
