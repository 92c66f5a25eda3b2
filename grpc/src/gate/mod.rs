//! A gate in front of calls: it refuses them while the process is not ready.

mod body;
mod exempt;
mod future;
mod refusal;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response};
use livebus_readiness::{Clock, Reader, Readiness};
use livebus_runner::{Bus, Handle, Time};
use tonic::server::NamedService;
use tower_layer::Layer;
use tower_service::Service;

pub use body::GateBody;
use exempt::Exempt;
pub use exempt::ExemptError;
pub use future::GateFuture;
use refusal::{not_running, refusal};

/// A layer that refuses calls while the process is not ready. Clones share everything.
///
/// A refused call, unary or streaming, is answered at once, without its body: UNAVAILABLE, Trailers-Only, so that a client may retry it.
/// The answer has the cause in words (`grpc-message`) and the time until the next check of the bus, or up to a tenth more
/// (`grpc-retry-pushback-ms`, and `google.rpc.RetryInfo` in `grpc-status-details-bin`). A call that was admitted is never ended.
///
/// The health service and server reflection are exempt, and what [`exempt`](Self::exempt) adds. Everything else passes the gate, also what
/// is not gRPC: put it around the gRPC services of a server only.
///
/// On the ready path it costs an atomic load and a read of a coarse clock, and allocates nothing.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    readiness: Readiness,
    clock: GateClock,
    exempt: Exempt,
    /// The number of refusals so far. It wraps around.
    refusals: Arc<AtomicU32>,
}

/// A clock that is ahead by the lead of a gate.
#[derive(Clone)]
enum GateClock {
    Real(Clock),
    Replaced(Arc<dyn Time>),
}

impl Gate {
    /// Makes a gate for the process that `bus` is a part of.
    #[must_use]
    pub fn of<B: Bus>(bus: &Handle<B>) -> Self {
        Self::new(bus.readiness().clone())
    }

    /// Makes a gate that is open while `readiness` is ready.
    #[must_use]
    pub fn new(readiness: Readiness) -> Self {
        Self(Arc::new(Inner {
            readiness,
            clock: GateClock::Real(Clock::ahead_by(Reader::Gate.lead())),
            exempt: Exempt::default(),
            refusals: Arc::default(),
        }))
    }

    /// Exempts a service, like `orders.v1.Orders`, or one method of it, like `/orders.v1.Orders/Ping`: it is called also while the
    /// process is not ready.
    ///
    /// # Errors
    ///
    /// [`ExemptError`] when the text is neither.
    pub fn exempt(mut self, service_or_method: &str) -> Result<Self, ExemptError> {
        Arc::make_mut(&mut self.0).exempt.add(service_or_method)?;
        Ok(self)
    }

    /// Replaces the clock, for tests.
    #[must_use]
    pub fn time(mut self, time: Arc<dyn Time>) -> Self {
        Arc::make_mut(&mut self.0).clock = GateClock::Replaced(time);
        self
    }

    /// Returns the service behind this gate. The gate is also a layer of tower, for many services at once.
    pub fn layer<S>(&self, inner: S) -> Gated<S> {
        Gated {
            gate: self.clone(),
            inner,
        }
    }

    /// Returns whether a call is admitted now that is not exempt.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        self.0.readiness.is_ready_at(self.0.clock.now())
    }

    /// Returns the answer to a call that found the gate closed; `None` if it has opened since.
    fn refuse(&self) -> Option<Response<()>> {
        let ahead = self.0.clock.now();
        let not_running = not_running(&self.0.readiness.snapshot_at(ahead));
        let is_explained = not_running.iter().any(|it| it.service.is_required());
        if !is_explained && self.is_open() {
            return None;
        }
        let number = self.0.refusals.fetch_add(1, Ordering::Relaxed);
        Some(refusal(&not_running, ahead, number))
    }
}

impl GateClock {
    #[inline]
    fn now(&self) -> Instant {
        match self {
            Self::Real(clock) => clock.now(),
            Self::Replaced(time) => time.now() + Reader::Gate.lead(),
        }
    }
}

impl fmt::Debug for GateClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GateClock")
    }
}

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Self::layer(self, inner)
    }
}

/// A service behind a [`Gate`].
#[derive(Debug, Clone)]
pub struct Gated<S> {
    gate: Gate,
    inner: S,
}

impl<S, B, A> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response<A>>,
{
    type Response = Response<GateBody<A>>;
    type Error = S::Error;
    type Future = GateFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        if self.gate.is_open() || self.gate.0.exempt.has(request.uri().path()) {
            return GateFuture::admitted(self.inner.call(request));
        }
        match self.gate.refuse() {
            Some(answer) => GateFuture::refused(answer),
            None => GateFuture::admitted(self.inner.call(request)),
        }
    }
}

/// It has the name of the service behind the gate, so that a single service of a server can be gated.
impl<S: NamedService> NamedService for Gated<S> {
    const NAME: &'static str = S::NAME;
}
