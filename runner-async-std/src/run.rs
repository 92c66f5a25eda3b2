//! The loop.

use futures::{FutureExt, StreamExt, select};
use livebus_core::Event;
use livebus_runner::{Bus, Supervision};

use crate::execute::Operations;

/// Runs a supervision until its supervisor has stopped or it is cancelled.
pub(crate) async fn run<B: Bus>(it: Supervision<B>) {
    let Supervision {
        mut supervisor,
        effects,
        mut inbox,
        mut cancel,
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
        heartbeat.set_deadline(deadline);
        observations.arm(supervisor.wants_evidence());
        timer.set(deadline);

        let mut message = select! {
            // Cancel safe: it takes a message only when it is ready, and then it wins.
            message = inbox.next() => message,
            // Cancel safe: it takes the wake-up only when it is ready; the observations stay in the cell.
            () = observations.changed().fuse() => None,
            // Cancel safe: the timer stays set.
            () = timer.elapsed().fuse() => None,
            // Cancel safe: the signal is borrowed, not moved.
            _ = &mut cancel => break,
        };

        // On every wake, in this order: evidence, at the instant of its observation; all messages, each at its own instant; the
        // suspicion; the loss of a client; the time. It reads the clock and not its timer: a loop that relied on the timer would
        // starve under load.
        let observed = observations.take();
        if let Some(at) = observed.live {
            // No evidence is from the future, or it would count until then.
            let at = at.min(time.now());
            supervisor.handle_event(at, Event::Live { at });
        }
        while let Some((at, event)) = message.or_else(|| inbox.next().now_or_never().flatten()) {
            supervisor.handle_event(at, event);
            message = None;
        }
        let now = time.now();
        if let Some(failure) = observed.suspicion {
            supervisor.handle_event(now, Event::Suspicion(failure));
        }
        if let Some((client, failure)) = observed.lost {
            supervisor.handle_event(now, Event::ClientLost { client, failure });
        }
        supervisor.handle_timeout(now);
    }
    heartbeat.set_deadline(None);
}
