//! The cost of one call, in every state. The target: under 50 ns per event.
//!
//! `cargo bench -p livebus-core`; with `-- --save-baseline before` and then `-- --baseline before` two versions are
//! compared.
//!
//! How it is measured: each call needs a supervisor in the state in question, and most calls leave that state. So 64
//! supervisors at a time are brought there outside of the measured time, and the 64 calls are measured together. They are
//! made, not cloned: the queue of a clone has no capacity, and its first action would allocate.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark needs one instant to count from"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use livebus_core::{
    ClientId, Config, Event, Failure, FailureClass, LivenessId, OnClientLost, Settings, StopId,
    Supervisor,
};

const TOGETHER: BatchSize = BatchSize::NumIterations(64);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const CLIENT: ClientId = ClientId::from_number(1);

const fn message(n: u64) -> LivenessId {
    LivenessId::from_number(n)
}

const UNREACHABLE: Failure = Failure::new(FailureClass::Unreachable);

/// An instant, in milliseconds since the beginning, and the event at it; without one, a call of `handle_timeout`.
type Input = (u64, Option<Event>);

const STARTED: Input = (
    0,
    Some(Event::StartAnswered {
        id: CLIENT,
        result: Ok(()),
    }),
);
const PROVED: Input = (
    1,
    Some(Event::LivenessAnswered {
        id: message(2),
        result: Ok(()),
    }),
);
const SUSPECTED: Input = (2, Some(Event::Suspicion(UNREACHABLE)));
const MESSAGE_SENT: Input = (5_001, None);
const FAILED: Input = (
    5_002,
    Some(Event::LivenessAnswered {
        id: message(3),
        result: Err(UNREACHABLE),
    }),
);
const LOST: Input = (
    2,
    Some(Event::ClientLost {
        client: CLIENT,
        failure: UNREACHABLE,
    }),
);
const SHUTDOWN: Input = (2, Some(Event::Shutdown));

/// Makes a supervisor, delivers these inputs to it, and polls everything.
fn supervisor(config: &Config, began: Instant, inputs: &[Input]) -> Supervisor {
    let mut supervisor = Supervisor::new(config.clone(), began);
    while supervisor.poll_action().is_some() {}
    for input in inputs {
        deliver(&mut supervisor, began, *input);
        while supervisor.poll_action().is_some() {}
    }
    supervisor
}

fn deliver(supervisor: &mut Supervisor, began: Instant, (at, event): Input) {
    match event {
        Some(event) => supervisor.handle_event(began + ms(at), event),
        None => supervisor.handle_timeout(began + ms(at)),
    }
}

/// A state: its name, the inputs that lead to it, the instant then, and its typical inputs.
type Case = (&'static str, Vec<Input>, u64, Vec<(&'static str, Input)>);

fn cases() -> Vec<Case> {
    let ok = |n| Event::LivenessAnswered {
        id: message(n),
        result: Ok(()),
    };
    let failed = |n| Event::LivenessAnswered {
        id: message(n),
        result: Err(UNREACHABLE),
    };
    let stop = |result| Event::StopAnswered {
        id: StopId::from_number(3),
        result,
    };
    vec![
        (
            "starting",
            vec![],
            0,
            vec![("started", STARTED), ("timed out", (10_000, None))],
        ),
        (
            "backing off",
            vec![STARTED, PROVED, LOST],
            2,
            vec![("stale", (3, Some(ok(2)))), ("due", (60_000, None))],
        ),
        (
            "not live",
            vec![STARTED],
            0,
            vec![
                ("proved", PROVED),
                ("failed", (1, Some(failed(2)))),
                ("timed out", (1_000, None)),
            ],
        ),
        (
            "live, idle",
            vec![STARTED, PROVED],
            1,
            vec![
                ("due", MESSAGE_SENT),
                ("suspicion", SUSPECTED),
                ("stale", (2, Some(ok(2)))),
                ("lost", LOST),
                ("shutdown", SHUTDOWN),
            ],
        ),
        (
            "live, suspected",
            vec![STARTED, PROVED, SUSPECTED],
            2,
            vec![("due", (200, None))],
        ),
        (
            "live, in flight",
            vec![STARTED, PROVED, MESSAGE_SENT],
            5_001,
            vec![
                ("proved", (5_002, Some(ok(3)))),
                ("failed", FAILED),
                ("suspicion", (5_002, Some(Event::Suspicion(UNREACHABLE)))),
                ("timed out", (7_001, None)),
            ],
        ),
        (
            "live, retry pending",
            vec![STARTED, PROVED, MESSAGE_SENT, FAILED],
            5_002,
            vec![("due", (5_502, None))],
        ),
        (
            "draining",
            vec![STARTED, PROVED, SHUTDOWN],
            2,
            vec![("due", (5_002, None)), ("stale", (3, Some(ok(2))))],
        ),
        (
            "stopping",
            vec![STARTED, PROVED, SHUTDOWN, (5_002, None)],
            5_002,
            vec![("stopped", (5_003, Some(stop(Ok(())))))],
        ),
        (
            "stopped",
            vec![
                STARTED,
                PROVED,
                SHUTDOWN,
                (5_002, None),
                (5_003, Some(stop(Ok(())))),
            ],
            5_003,
            vec![("stale", (5_004, Some(ok(2))))],
        ),
    ]
}

fn events(c: &mut Criterion) {
    let began = Instant::now();
    let config = Config::new(Settings::default()).expect("the default is valid");
    let mut group = c.benchmark_group("event");
    for (state, inputs, now, then) in cases() {
        for (name, next) in then {
            group.bench_function(format!("{state}: {name}"), |b| {
                b.iter_batched_ref(
                    || supervisor(&config, began, &inputs),
                    |supervisor| deliver(supervisor, began, black_box(next)),
                    TOGETHER,
                );
            });
        }
        let evidence = Event::Live {
            at: began + ms(now + 1),
        };
        group.bench_function(format!("{state}: evidence"), |b| {
            b.iter_batched_ref(
                || supervisor(&config, began, &inputs),
                |supervisor| supervisor.handle_event(began + ms(now + 1), black_box(evidence)),
                TOGETHER,
            );
        });
    }
    let fail = Settings {
        on_client_lost: OnClientLost::Fail,
        ..Settings::default()
    };
    let fail = Config::new(fail).expect("valid");
    let evidence = Event::Live { at: began + ms(3) };
    group.bench_function("failed: evidence", |b| {
        b.iter_batched_ref(
            || supervisor(&fail, began, &[STARTED, PROVED, LOST]),
            |supervisor| supervisor.handle_event(began + ms(3), black_box(evidence)),
            TOGETHER,
        );
    });
    // Nothing is made or dropped: the same supervisor in every iteration, and its action is polled each time.
    let mut supervisor = supervisor(&config, began, &[STARTED, PROVED]);
    let mut now = began + ms(1);
    group.bench_function("live, idle: evidence, polled, forever", |b| {
        b.iter(|| {
            now += Duration::from_micros(1);
            supervisor.handle_event(now, Event::Live { at: now });
            black_box(supervisor.poll_action())
        });
    });
    group.finish();
}

fn time(c: &mut Criterion) {
    let began = Instant::now();
    let config = Config::new(Settings::default()).expect("the default is valid");
    let mut group = c.benchmark_group("handle_timeout, not due");
    for (state, inputs, now, _) in cases() {
        let mut supervisor = supervisor(&config, began, &inputs);
        let now = began + ms(now);
        group.bench_function(state, |b| {
            b.iter(|| supervisor.handle_timeout(black_box(now)));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("poll_timeout");
    for (state, inputs, _, _) in cases() {
        let supervisor = supervisor(&config, began, &inputs);
        group.bench_function(state, |b| b.iter(|| black_box(&supervisor).poll_timeout()));
    }
    group.finish();
    let mut group = c.benchmark_group("poll_action");
    group.bench_function("one", |b| {
        b.iter_batched_ref(
            || Supervisor::new(config.clone(), began),
            Supervisor::poll_action,
            TOGETHER,
        );
    });
    let mut polled = supervisor(&config, began, &[]);
    group.bench_function("none", |b| b.iter(|| black_box(&mut polled).poll_action()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(ms(200)).measurement_time(ms(600)).sample_size(50);
    targets = events, time
}
criterion_main!(benches);
