//! The clock and the timer of a loop.

use std::time::Instant;

use futures_util::future::BoxFuture;

/// The clock and the timer of a loop: the runtime's, or one that a test turns.
pub trait Time: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Instant;

    /// Waits until `deadline`; without one, for ever. Called and awaited in the loop.
    fn sleep_until(&self, deadline: Option<Instant>) -> BoxFuture<'static, ()>;
}
