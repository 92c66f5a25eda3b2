//! The function of a handler, in each of its forms.

use std::future::Future;
use std::sync::Arc;

use crate::handlers::control::Context;
use crate::handlers::executor::{self, Work};
use crate::handlers::failed::Failed;
use crate::handlers::record::Record;
use crate::runtime::Spawn;

/// A handler with a name of its own, instead of a closure: for one that has a state, or whose future borrows the record.
pub trait HandleRecord: Send + Sync + 'static {
    /// Handles a record. The same rules hold as for the closure of [`RequestHandler::run`](crate::handlers::RequestHandler::run).
    fn handle(
        &self,
        record: &Record,
        cx: &Context,
    ) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// The function, as the loop calls it.
pub(crate) trait Function: Send + Sync {
    /// Begins a run, on a thread of the runtime.
    fn begin(&self, work: Work, spawn: &dyn Spawn);
}

/// A function that returns a future.
pub(crate) struct AsyncFunction<F>(pub(crate) Arc<F>);

/// A function that blocks its thread.
pub(crate) struct BlockingFunction<F>(pub(crate) Arc<F>);

impl<F, T> Function for AsyncFunction<F>
where
    F: Fn(Record, Context) -> T + Send + Sync + 'static,
    T: Future<Output = Result<(), Failed>> + Send + 'static,
{
    fn begin(&self, work: Work, spawn: &dyn Spawn) {
        spawn.spawn(Box::pin(executor::run(Arc::clone(&self.0), work)));
    }
}

impl<F> Function for BlockingFunction<F>
where
    F: Fn(Record, Context) -> Result<(), Failed> + Send + Sync + 'static,
{
    fn begin(&self, work: Work, spawn: &dyn Spawn) {
        let function = Arc::clone(&self.0);
        spawn.spawn_blocking(Box::new(move || executor::run_blocking(&*function, work)));
    }
}
