//! The loop.

use std::time::Instant;

use futures_channel::mpsc::UnboundedReceiver;
use futures_channel::oneshot;
use futures_util::{FutureExt, StreamExt, future};
use livebus_core::{Event, Supervisor};
use livebus_endpoints::Heartbeat;
use livebus_kafka::Bus;

use crate::execute::{Executor, Message};

/// Drives `supervisor` to its end, or until `owner` is dropped.
pub(crate) async fn run<B: Bus>(
    mut supervisor: Supervisor,
    mut executor: Executor<B>,
    mut inbox: UnboundedReceiver<Message>,
    mut owner: oneshot::Receiver<()>,
    heartbeat: Heartbeat,
) {
    loop {
        while let Some(action) = supervisor.poll_action() {
            executor.execute(action);
        }
        if supervisor.is_stopped() {
            break;
        }
        let deadline = supervisor.poll_timeout();
        heartbeat.promise(deadline);
        let observations = executor.bus().observations();
        observations.arm(supervisor.wants_evidence());

        let mut message = tokio::select! {
            message = inbox.next() => message,
            () = observations.changed() => None,
            () = sleep_until(deadline) => None,
            _ = &mut owner => break,
        };

        // Whatever the reason to wake: first what was seen, at the instant when it was seen; then all that was told, each at
        // its own instant; then the clock. A loop that asked its timer instead of the clock would starve under load.
        let news = executor.bus().observations().take();
        if let Some(at) = news.live {
            supervisor.handle_event(at, Event::Live { at });
        }
        while let Some((at, event)) = message {
            supervisor.handle_event(at, event);
            message = inbox.next().now_or_never().flatten();
        }
        let now = Instant::now();
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

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => future::pending().await,
    }
}
