//! When the owner is gone.

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::Fuse;

/// Ends, with or without a word, when the owner of a supervision is gone.
///
/// Fused, because a receiver whose sender is gone calls itself terminated, and the `select!` of `futures` passes over what
/// is: nobody would ever learn of it.
pub type OwnerGone = Fuse<oneshot::Receiver<()>>;

/// What an owner holds, and what ends when it is dropped.
pub(crate) fn owner() -> (oneshot::Sender<()>, OwnerGone) {
    let (owner, dropped) = oneshot::channel();
    (owner, dropped.fuse())
}
