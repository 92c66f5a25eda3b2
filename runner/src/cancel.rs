//! The cancellation of a supervision.

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Fuse;

/// Resolves when a supervision is cancelled, which is when its [`Handle`](crate::Handle) is dropped. What it resolves to means
/// nothing.
///
/// Fused, because a receiver whose sender is dropped counts as terminated, and `select!` of `futures` skips what is terminated.
pub type CancelSignal = Fuse<oneshot::Receiver<()>>;

/// Returns a guard, and the signal that resolves when the guard is dropped.
pub(crate) fn cancel_on_drop() -> (oneshot::Sender<()>, CancelSignal) {
    let (guard, cancel) = oneshot::channel();
    (guard, cancel.fuse())
}
