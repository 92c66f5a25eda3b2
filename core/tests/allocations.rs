//! The target "no allocation": a supervisor whose actions are polled never allocates after it was made.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

use std::time::{Duration, Instant};

use fastrand::Rng;
use livebus_core::{
    Action, Backoff, ClientId, Config, Event, Failure, FailureClass, Handler, LivenessId,
    RegistrationId, Settings, Status, Supervisor,
};

const EVENTS: u64 = 100_000;

fn random_result(rng: &mut Rng) -> Result<(), Failure> {
    let class = FailureClass::ALL[rng.usize(..FailureClass::ALL.len())];
    if rng.usize(..4) > 0 {
        Ok(())
    } else {
        Err(class.into())
    }
}

/// The newest operation in flight of each kind: what a runner must remember, without allocating.
#[derive(Default)]
struct Open {
    start: Option<ClientId>,
    liveness: Option<LivenessId>,
    registrations: [Option<RegistrationId>; 3],
    client: Option<ClientId>,
}

fn config() -> Config {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        max: Duration::from_secs(1),
        jitter_percent: 20,
    };
    Config::new(Settings {
        start_backoff: backoff,
        registration_backoff: backoff,
        recreate_after: Some(Duration::from_secs(20)),
        ..Settings::default()
    })
    .and_then(|config| {
        config.with_handlers(vec![
            Handler::required("a"),
            Handler::optional("b"),
            Handler::required("c"),
        ])
    })
    .expect("valid settings")
}

/// Delivers 100,000 mixed events. Returns how often the supervisor became Running.
fn drive(supervisor: &mut Supervisor, mut now: Instant) -> u64 {
    let mut rng = Rng::with_seed(7);
    let mut open = Open::default();
    let mut ran = 0;
    for n in 0..EVENTS {
        while let Some(action) = supervisor.poll_action() {
            match action {
                Action::Start { id, .. } => open.start = Some(id),
                Action::SendLiveness { id, .. } => open.liveness = Some(id),
                Action::RegisterHandler { id, handler, .. } => {
                    open.registrations[handler.index()] = Some(id);
                }
                Action::SetStatus(report) => ran += u64::from(report.status == Status::Running),
                Action::Renew { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::Stop { .. } => {}
            }
        }
        if let Some(due) = supervisor.poll_timeout()
            && rng.usize(..3) == 0
        {
            now = now.max(due);
        }
        now += Duration::from_millis(rng.u64(..50));
        let result = random_result(&mut rng);
        let unknown = LivenessId::from_number(u64::MAX - n);
        let event = match rng.usize(..16) {
            0..=2 => open.start.take().map(|id| {
                open.client = Some(id);
                Event::StartAnswered { id, result }
            }),
            3..=6 => open
                .liveness
                .take()
                .map(|id| Event::LivenessAnswered { id, result }),
            7..=9 => {
                let slot = rng.usize(..3);
                open.registrations[slot]
                    .take()
                    .map(|id| Event::RegistrationAnswered { id, result })
            }
            10..=12 => Some(Event::Live { at: now }),
            13 => result.err().map(Event::Suspicion),
            14 if rng.usize(..50) == 0 => open
                .client
                .zip(result.err())
                .map(|(client, failure)| Event::ClientLost { client, failure }),
            _ => Some(Event::LivenessAnswered {
                id: unknown,
                result,
            }),
        };
        match event {
            Some(event) => supervisor.handle_event(now, event),
            None => supervisor.handle_timeout(now),
        }
    }
    supervisor.handle_event(now, Event::Shutdown);
    while let Some(due) = supervisor.poll_timeout() {
        while supervisor.poll_action().is_some() {}
        supervisor.handle_timeout(due);
    }
    ran
}

#[test]
fn mixed_events_allocate_nothing() {
    let now = Instant::now();
    let mut supervisor = Supervisor::new(config(), now);
    let mut ran = 0;
    let counted = allocation_counter::measure(|| ran = drive(&mut supervisor, now));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert!(ran > 1_000, "Running only {ran} times");
    assert!(supervisor.is_stopped());
    println!("Running {ran} times");
}

#[test]
fn allocation_counter_counts_an_allocation() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(Box::new(1))));
    assert_eq!(counted.count_total, 1);
}

/// One call causes the maximum number of actions for this many handlers, and the queue does not grow.
#[test]
fn many_handlers_timed_out_at_once_allocate_nothing() {
    let now = Instant::now();
    let handlers = (0..100)
        .map(|n| Handler::required(format!("handler-{n}")))
        .collect();
    let config = Config::new(Settings::default()).and_then(|it| it.with_handlers(handlers));
    let config = config.expect("valid settings");
    let mut supervisor = Supervisor::new(config, now);
    let counted = allocation_counter::measure(|| {
        let mut now = now;
        for step in 0..2_000_u64 {
            let mut event = None;
            while let Some(action) = supervisor.poll_action() {
                let result = Ok(());
                event = match action {
                    Action::Start { id, .. } => Some(Event::StartAnswered { id, result }),
                    Action::SendLiveness { id, .. } => Some(Event::LivenessAnswered { id, result }),
                    Action::RegisterHandler { .. }
                    | Action::DiscardClient { .. }
                    | Action::DiscardRegistration { .. }
                    | Action::SetStatus(_)
                    | Action::Renew { .. }
                    | Action::Stop { .. } => event,
                };
            }
            now += Duration::from_secs(step % 40);
            match event {
                Some(event) if step % 3 < 2 => supervisor.handle_event(now, event),
                Some(_) | None => supervisor.handle_timeout(now),
            }
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// The tables of calls are trees, so a call costs an allocation now and then, and the memory is given back.
#[test]
fn a_call_allocates_less_than_once_and_leaves_nothing() {
    use livebus_core::calls::{self, CallId, Calls, Correlation, Identity, Reply, Request, Sent};
    const CALLS: u64 = 10_000;
    let identity = Identity {
        instance: 7,
        epoch: 5,
    };
    let now = Instant::now();
    let config = calls::Config::new(calls::Settings::default()).expect("the default is valid");
    let mut machine = Calls::new(config, identity, now);
    machine.handle_event(now, calls::Event::BusReady);
    while let Some(action) = machine.poll_action() {
        if let calls::Action::AssignReplies { id, .. } = action {
            machine.handle_event(now, calls::Event::RepliesAssigned { id, result: Ok(()) });
        }
    }
    let request = Request {
        deadline: now + Duration::from_mins(1),
        bytes: 100,
        is_idempotent: true,
    };
    let mut numbers = 1..;
    let counted = allocation_counter::measure(|| {
        for number in numbers.by_ref().take(10_000) {
            let call = CallId(number);
            machine.handle_event(now, calls::Event::Called { call, request });
            let result = Sent::Acknowledged;
            let answered = calls::Event::SendAnswered {
                call,
                attempt: 1,
                result,
            };
            machine.handle_event(now, answered);
            // A hundred are in flight.
            let oldest = CallId(number.saturating_sub(100));
            let to = Correlation {
                from: identity,
                call: oldest,
            };
            let reply = Reply::Done;
            machine.handle_event(now, calls::Event::ReplyFetched { to, reply });
            while machine.poll_action().is_some() {}
        }
    });
    println!("{} allocations for {CALLS} calls", counted.count_total);
    assert!(counted.count_total < CALLS, "{counted:?}");
    assert_eq!(machine.in_flight(), 100);
    machine.handle_event(now, calls::Event::Shutdown);
    machine.handle_timeout(now + Duration::from_mins(1));
    assert!(machine.is_stopped() && machine.bytes_in_flight() == 0);
}
