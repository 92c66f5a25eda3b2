//! What callbacks, rounds and connection attempts have seen of the bus, on its way to the thread that decides.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What was seen since the last decision, each with its newest instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// The bus answered, also by an error.
    pub(crate) proof: Option<Instant>,
    /// No broker can be reached, says the client.
    pub(crate) down: Option<Instant>,
    /// A liveness message had no answer.
    pub(crate) unanswered: Option<Instant>,
    /// A broker rejected the login or the certificate, or is of another cluster: the producer must be replaced.
    pub(crate) rejected: Option<Instant>,
    /// The producer knows no broker any more, and will not learn of one: it must be replaced.
    pub(crate) useless: Option<Instant>,
    /// An address accepted a connection.
    pub(crate) accepted: Option<Instant>,
    /// None of the known addresses accepted a connection.
    pub(crate) not_accepted: Option<Instant>,
}

/// A cell that many threads write and the thread of a connection reads. It coalesces: no queue can grow.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    is_stopped: bool,
    /// Something was seen since the last [`Signals::take`].
    is_new: bool,
}

impl Signals {
    pub(crate) fn proved(&self) {
        self.see(|seen| &mut seen.proof);
    }

    pub(crate) fn down(&self) {
        self.see(|seen| &mut seen.down);
    }

    pub(crate) fn unanswered(&self) {
        self.see(|seen| &mut seen.unanswered);
    }

    pub(crate) fn rejected(&self) {
        self.see(|seen| &mut seen.rejected);
    }

    pub(crate) fn useless(&self) {
        self.see(|seen| &mut seen.useless);
    }

    pub(crate) fn accepted(&self) {
        self.see(|seen| &mut seen.accepted);
    }

    pub(crate) fn not_accepted(&self) {
        self.see(|seen| &mut seen.not_accepted);
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// Takes what was seen since the last call; `None` once they are stopped.
    pub(crate) fn take(&self) -> Option<Seen> {
        let mut state = self.lock();
        state.is_new = false;
        (!state.is_stopped).then(|| std::mem::take(&mut state.seen))
    }

    /// Waits for `limit`, until something is seen, or until they are stopped.
    pub(crate) fn wait(&self, limit: Duration) {
        let idle = |state: &mut State| !state.is_new && !state.is_stopped;
        drop(self.changed.wait_timeout_while(self.lock(), limit, idle));
    }

    fn see(&self, part: impl FnOnce(&mut Seen) -> &mut Option<Instant>) {
        let mut state = self.lock();
        *part(&mut state.seen) = Some(Instant::now());
        state.is_new = true;
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it is locked leaves it valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread;

    use super::*;

    type Observe = fn(&Signals);
    type Part = fn(&Seen) -> Option<Instant>;

    #[test]
    fn each_observation_is_seen_once_and_as_itself() {
        let rows: [(Observe, Part); 7] = [
            (Signals::proved, |seen| seen.proof),
            (Signals::down, |seen| seen.down),
            (Signals::unanswered, |seen| seen.unanswered),
            (Signals::rejected, |seen| seen.rejected),
            (Signals::useless, |seen| seen.useless),
            (Signals::accepted, |seen| seen.accepted),
            (Signals::not_accepted, |seen| seen.not_accepted),
        ];
        for (index, (observe, _)) in rows.iter().enumerate() {
            let signals = Signals::default();
            observe(&signals);
            let seen = signals.take().expect("they are not stopped");
            for (other, (_, part)) in rows.iter().enumerate() {
                assert_eq!(part(&seen).is_some(), other == index, "{index}: {seen:?}");
            }
            assert_eq!(signals.take(), Some(Seen::default()));
        }
    }

    #[test]
    fn after_a_stop_nothing_is_taken() {
        let signals = Signals::default();
        assert!(!signals.is_stopped());
        signals.proved();
        signals.stop();
        assert!(signals.is_stopped());
        assert_eq!(signals.take(), None);
    }

    #[test]
    fn a_wait_ends_when_something_is_seen_or_they_are_stopped() {
        let observations: [Observe; 2] = [Signals::proved, Signals::stop];
        for observe in observations {
            let signals = Arc::new(Signals::default());
            observe(&signals);
            let (ended, end) = mpsc::channel();
            thread::spawn(move || {
                signals.wait(Duration::from_hours(1));
                ended.send(())
            });
            let result = end.recv_timeout(Duration::from_secs(30));
            result.expect("it ends at once");
        }
    }
}
