//! What one call costs, in every state. The target: under 50 ns per event.
//!
//! `cargo bench -p livebus-core`; with `-- --save-baseline before` and then `-- --baseline before` two versions are
//! compared.
//!
//! How it is measured: each call needs a supervisor in the state in question, and most calls leave that state. So 64
//! supervisors at a time are brought there outside of the measured time, and the 64 calls are measured together. They are
//! made, not cloned: a clone's queue has no room, and its first action would allocate.

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

/// An instant of a story, in milliseconds since its beginning, and what happens then.
type Told = (u64, Option<Event>);

const STARTED: Told = (
    0,
    Some(Event::StartAnswered {
        id: CLIENT,
        result: Ok(()),
    }),
);
const PROVED: Told = (
    1,
    Some(Event::LivenessAnswered {
        id: message(2),
        result: Ok(()),
    }),
);
const SUSPECTED: Told = (2, Some(Event::Suspicion(UNREACHABLE)));
const ASKED: Told = (5_001, None);
const FAILED: Told = (
    5_002,
    Some(Event::LivenessAnswered {
        id: message(3),
        result: Err(UNREACHABLE),
    }),
);
const LOST: Told = (
    2,
    Some(Event::ClientLost {
        client: CLIENT,
        failure: UNREACHABLE,
    }),
);
const SHUTDOWN: Told = (2, Some(Event::Shutdown));

/// A supervisor that was told this, and was polled.
fn told(config: &Config, began: Instant, story: &[Told]) -> Supervisor {
    let mut supervisor = Supervisor::new(config.clone(), began);
    while supervisor.poll_action().is_some() {}
    for told in story {
        tell(&mut supervisor, began, *told);
        while supervisor.poll_action().is_some() {}
    }
    supervisor
}

fn tell(supervisor: &mut Supervisor, began: Instant, (at, event): Told) {
    match event {
        Some(event) => supervisor.handle_event(began + ms(at), event),
        None => supervisor.handle_timeout(began + ms(at)),
    }
}

/// A state: its name, how to get there, the instant then, and what typically happens in it.
type Case = (&'static str, Vec<Told>, u64, Vec<(&'static str, Told)>);

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
            vec![("started", STARTED), ("overdue", (10_000, None))],
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
                ("refused", (1, Some(failed(2)))),
                ("overdue", (1_000, None)),
            ],
        ),
        (
            "live, quiet",
            vec![STARTED, PROVED],
            1,
            vec![
                ("due", ASKED),
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
            "live, asking",
            vec![STARTED, PROVED, ASKED],
            5_001,
            vec![
                ("proved", (5_002, Some(ok(3)))),
                ("failed", FAILED),
                ("suspicion", (5_002, Some(Event::Suspicion(UNREACHABLE)))),
                ("overdue", (7_001, None)),
            ],
        ),
        (
            "live, rechecking",
            vec![STARTED, PROVED, ASKED, FAILED],
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
    for (state, story, now, then) in cases() {
        for (name, next) in then {
            group.bench_function(format!("{state}: {name}"), |b| {
                b.iter_batched_ref(
                    || told(&config, began, &story),
                    |supervisor| tell(supervisor, began, black_box(next)),
                    TOGETHER,
                );
            });
        }
        let heard = Event::Live {
            at: began + ms(now + 1),
        };
        group.bench_function(format!("{state}: evidence"), |b| {
            b.iter_batched_ref(
                || told(&config, began, &story),
                |supervisor| supervisor.handle_event(began + ms(now + 1), black_box(heard)),
                TOGETHER,
            );
        });
    }
    let fail = Settings {
        on_client_lost: OnClientLost::Fail,
        ..Settings::default()
    };
    let fail = Config::new(fail).expect("valid");
    let heard = Event::Live { at: began + ms(3) };
    group.bench_function("failed: evidence", |b| {
        b.iter_batched_ref(
            || told(&fail, began, &[STARTED, PROVED, LOST]),
            |supervisor| supervisor.handle_event(began + ms(3), black_box(heard)),
            TOGETHER,
        );
    });
    // Nothing made, nothing dropped: the same supervisor forever, its action polled each time.
    let mut supervisor = told(&config, began, &[STARTED, PROVED]);
    let mut now = began + ms(1);
    group.bench_function("live, quiet: evidence, polled, forever", |b| {
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
    for (state, story, now, _) in cases() {
        let mut supervisor = told(&config, began, &story);
        let now = began + ms(now);
        group.bench_function(state, |b| {
            b.iter(|| supervisor.handle_timeout(black_box(now)));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("poll_timeout");
    for (state, story, _, _) in cases() {
        let supervisor = told(&config, began, &story);
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
    let mut polled = told(&config, began, &[]);
    group.bench_function("none", |b| b.iter(|| black_box(&mut polled).poll_action()));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(ms(200)).measurement_time(ms(600)).sample_size(50);
    targets = events, time
}
criterion_main!(benches);
