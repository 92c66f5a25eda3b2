//! Why a supervision cannot be started.

use std::io;

use livebus_core::ConfigError;
use livebus_readiness::{ReporterError, ServiceNameError};

use crate::calls::CallerError;
use crate::handlers::HandlerError;
use crate::observer::ObserverError;
#[cfg(feature = "http")]
use crate::serve::ServeError;

/// The error when a supervision cannot be started as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is invalid, or the name of a handler.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The name of the service is invalid.
    #[error(transparent)]
    ServiceName(#[from] ServiceNameError),
    /// The service has no free reporter.
    #[error(transparent)]
    Reporter(#[from] ReporterError),
    /// The probes cannot be served.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A request handler is invalid.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// A caller is invalid.
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// There is no thread for a request handler, or for a caller.
    #[error(
        "cannot start a thread for a request handler or a caller: allow the process more threads"
    )]
    Thread(#[source] io::Error),
    /// An observer cannot begin: for example a recorder whose file cannot be created.
    #[error(transparent)]
    Observer(ObserverError),
}
