//! The loop.

use futures::{FutureExt, StreamExt};
use livebus_core::Event;
use livebus_runner::{Bus, Supervision};

use crate::execute::Operations;

/// Drives a supervision until its supervisor has stopped or its owner is gone.
pub(crate) async fn run<B: Bus>(it: Supervision<B>) {
    let Supervision {
        mut supervisor,
        effects,
        mut inbox,
        mut owner,
        heartbeat,
        time,
    } = it;
    let observations = effects.bus().observations();
    let mut operations = Operations::default();
    let mut timer = time.timer();
    loop {
        while let Some(action) = supervisor.poll_action() {
            operations.execute(action, &effects, time.now());
        }
        if supervisor.is_stopped() {
            break;
        }
        let deadline = supervisor.poll_timeout();
        heartbeat.promise(deadline);
        observations.arm(supervisor.wants_evidence());
        timer.set(deadline);

        let mut message = tokio::select! {
            // Cancel safe: it takes a message only when it is ready, and then it wins.
            message = inbox.next() => message,
            // Cancel safe: it takes the wake-up only when it is ready; what woke it stays in the cell.
            () = observations.changed() => None,
            // Cancel safe: the timer stays set.
            () = timer.elapsed() => None,
            // Cancel safe: the owner is lent, not given.
            _ = &mut owner => break,
        };

        // Whatever the reason to wake: first what was seen, at the instant when it was seen; then all that was told, each at
        // its own instant; then the clock. A loop that asked its timer instead of the clock would starve under load.
        let news = observations.take();
        if let Some(at) = news.live {
            // None is from the future, or it would be believed until then.
            let at = at.min(time.now());
            supervisor.handle_event(at, Event::Live { at });
        }
        while let Some((at, event)) = message.or_else(|| inbox.next().now_or_never().flatten()) {
            supervisor.handle_event(at, event);
            message = None;
        }
        let now = time.now();
        if let Some(failure) = news.suspicion {
            supervisor.handle_event(now, Event::Suspicion(failure));
        }
        if let Some((client, failure)) = news.lost {
            supervisor.handle_event(now, Event::ClientLost { client, failure });
        }
        supervisor.handle_timeout(now);
    }
    heartbeat.promise(None);
}
