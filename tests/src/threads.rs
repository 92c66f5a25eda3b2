//! A runner on plain threads, without any async runtime: the example of `docs/write-a-runner.md`.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::iter::from_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::future::select;
use futures::{FutureExt, StreamExt, select};
use livebus_core::Action::{
    self, DiscardClient, DiscardRegistration, RegisterHandler, Renew, SendLiveness, SetStatus,
    Start, Stop,
};
use livebus_core::{Event, OpId};
use livebus_runner::{Bus, Effects, Runner, Supervision, Time, Timer};

/// Plain threads: one for each supervision, and one for each operation in flight.
#[derive(Debug, Clone, Copy)]
pub struct Threads;

impl Runner for Threads {
    fn time() -> Arc<dyn Time> {
        Arc::new(Self)
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        thread::spawn(|| block_on(run(supervision)));
    }
}

async fn run<B: Bus>(mut it: Supervision<B>) {
    let mut in_flight = Operations::new();
    let mut timer = it.time.timer();
    loop {
        while let Some(action) = it.supervisor.poll_action() {
            execute(action, &it.effects, it.time.now(), &mut in_flight);
        }
        let deadline = it.supervisor.poll_timeout();
        it.heartbeat.set_deadline(deadline);
        if it.supervisor.is_stopped() {
            return;
        }
        let observations = it.effects.bus().observations();
        observations.arm(it.supervisor.wants_evidence());
        timer.set(deadline);
        let message = select! {
            message = it.inbox.next() => message,
            () = observations.changed().fuse() => None,
            () = timer.elapsed().fuse() => None,
            _ = &mut it.cancel => return it.heartbeat.set_deadline(None),
        };

        // On every wake, in this order: evidence, all messages, the suspicion, the loss of a client, and the time.
        let (observed, now) = (observations.take(), it.time.now());
        // No evidence is from the future, or it would count until then.
        let live = observed.live.map(|at| at.min(now));
        let mut events = Vec::from_iter(live.map(|at| (at, Event::Live { at })));
        events.extend(message);
        events.extend(from_fn(|| it.inbox.next().now_or_never().flatten()));
        events.extend(observed.suspicion.map(|it| (now, Event::Suspicion(it))));
        let lost = |(client, failure)| (now, Event::ClientLost { client, failure });
        events.extend(observed.lost.map(lost));
        for (at, event) in events {
            it.supervisor.handle_event(at, event);
        }
        it.supervisor.handle_timeout(now);
    }
}

/// The deadline of each operation in flight, and a sender that ends its thread when it is dropped.
type Operations = HashMap<OpId, (Instant, oneshot::Sender<()>)>;

fn execute<B: Bus>(action: Action, effects: &Effects<B>, now: Instant, in_flight: &mut Operations) {
    #[rustfmt::skip] // A table: one action, one line.
    let (id, deadline, operation): (OpId, _, _) = match action {
        Start { id, attempt, deadline } =>
            (id.into(), deadline, effects.start(id, attempt, deadline)),
        SendLiveness { id, deadline } => (id.into(), deadline, effects.send_liveness(id, deadline)),
        RegisterHandler { id, handler, attempt, deadline } =>
            (id.into(), deadline, effects.register_handler(id, handler, attempt)),
        Stop { id, deadline } =>
            { in_flight.clear(); (id.into(), deadline, effects.stop(id, deadline)) }
        DiscardClient { client } =>
            { in_flight.remove(&client.into()); return effects.discard_client(client); }
        DiscardRegistration { registration } => { in_flight.remove(&registration.into()); return; }
        SetStatus(report) => return effects.set_status(report),
        Renew { evidence, lease } => return effects.renew(evidence, lease),
    };
    let (guard, dropped) = oneshot::channel();
    in_flight.retain(|_, (deadline, _)| *deadline > now);
    in_flight.insert(id, (deadline, guard));
    thread::spawn(|| block_on(select(operation, dropped)));
}

impl Time for Threads {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(Alarm(None))
    }
}

/// Makes its thread poll again at this instant.
struct Alarm(Option<Instant>);

impl Timer for Alarm {
    fn set(&mut self, deadline: Option<Instant>) {
        self.0 = deadline;
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        ALARM.set(self.0);
        let due = self.0.filter(|deadline| *deadline <= Instant::now());
        due.map_or(Poll::Pending, |_| Poll::Ready(()))
    }
}

thread_local! {
    /// The instant at which this thread must poll again, unless it is woken before.
    static ALARM: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Wakes a thread that waits.
struct Unparker(Thread);

impl Wake for Unparker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unparker(thread::current())).into();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let wait = ALARM
            .take()
            .map(|at| at.saturating_duration_since(Instant::now()));
        thread::park_timeout(wait.unwrap_or(Duration::MAX));
    }
}
