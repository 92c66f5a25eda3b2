//! The open client of a connection, on its way to the rounds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::channel::oneshot;

use crate::liveness_client::LivenessClient;

/// The client that rounds use, while there is one.
#[derive(Default)]
pub(super) struct OpenClient(Mutex<State>);

#[derive(Default)]
struct State {
    client: Option<Arc<LivenessClient>>,
    /// There will be no other client.
    is_over: bool,
    /// Tasks that wait for the next change.
    waiting: Vec<oneshot::Sender<()>>,
}

impl OpenClient {
    pub(super) fn get(&self) -> Option<Arc<LivenessClient>> {
        self.lock().client.clone()
    }

    /// Publishes the client, or takes it away: rounds on it end.
    pub(super) fn set(&self, client: Option<Arc<LivenessClient>>) {
        let mut state = self.lock();
        if !state.is_over {
            state.client = client;
        }
        state.notify();
    }

    /// Takes the client away for good.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.is_over = true;
        state.client = None;
        state.notify();
    }

    /// Returns what completes at the next change. Of a change that was before this call it does not know.
    pub(super) fn changed(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        // Those that have given up must not accumulate.
        state.waiting.retain(|waiting| !waiting.is_canceled());
        if !state.is_over {
            state.waiting.push(sender);
        }
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is locked leaves it valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn notify(&mut self) {
        for waiting in self.waiting.drain(..) {
            // It may have given up.
            let _ = waiting.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn a_change_completes_all_that_wait_for_it() {
        let open = OpenClient::default();
        let (first, second) = (open.changed(), open.changed());
        open.set(None);
        assert_eq!(block_on(first), Ok(()));
        assert_eq!(block_on(second), Ok(()));
    }

    #[test]
    fn those_that_have_given_up_do_not_accumulate() {
        let open = OpenClient::default();
        for _ in 0..3 {
            drop(open.changed());
        }
        let _waiting = open.changed();
        assert_eq!(open.lock().waiting.len(), 1);
    }
}
