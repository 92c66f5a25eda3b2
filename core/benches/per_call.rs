//! The cost of a call in the machine of requests and replies, from when it is made to its end.
//!
//! `cargo bench -p livebus-core --bench per_call`. Each iteration makes one call and ends the oldest, while so many are in flight: three
//! events and two actions.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark needs one instant to count from"
)]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use livebus_core::calls::{
    Action, CallId, Calls, Config, Correlation, Event, Identity, Reply, Request, Sent, Settings,
};

const IDENTITY: Identity = Identity {
    instance: 7,
    epoch: 5,
};

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("one call, made and replied");
    for in_flight in [1_u64, 100, 9_000] {
        let mut now = Instant::now();
        let mut calls = assigned(now);
        let mut next = 1;
        while next < in_flight {
            begin(&mut calls, now, next);
            next += 1;
        }
        group.bench_function(format!("{in_flight} in flight"), |b| {
            b.iter(|| {
                now += Duration::from_micros(10);
                begin(&mut calls, now, next);
                end(&mut calls, now, next + 1 - in_flight);
                next += 1;
            });
        });
        let counters = calls.counters();
        assert_eq!(counters.ended(), counters.replied, "a call was not replied");
    }
    group.finish();
}

fn assigned(now: Instant) -> Calls {
    let config = Config::new(Settings::default()).expect("the default is valid");
    let mut calls = Calls::new(config, IDENTITY, now);
    calls.handle_event(now, Event::BusReady);
    while let Some(action) = calls.poll_action() {
        if let Action::AssignReplies { id, .. } = action {
            calls.handle_event(now, Event::RepliesAssigned { id, result: Ok(()) });
        }
    }
    calls
}

/// Makes a call, whose request is sent and acknowledged.
fn begin(calls: &mut Calls, now: Instant, number: u64) {
    let call = CallId(number);
    let request = Request {
        deadline: now + Duration::from_hours(1),
        bytes: 100,
        is_idempotent: false,
    };
    calls.handle_event(now, Event::Called { call, request });
    while let Some(action) = calls.poll_action() {
        if let Action::Send { attempt, .. } = action {
            let result = Sent::Acknowledged;
            let answered = Event::SendAnswered {
                call,
                attempt,
                result,
            };
            calls.handle_event(now, answered);
        }
    }
}

/// Replies to a call.
fn end(calls: &mut Calls, now: Instant, number: u64) {
    let to = Correlation {
        from: IDENTITY,
        call: CallId(number),
    };
    let reply = Reply::Done;
    calls.handle_event(now, Event::ReplyFetched { to, reply });
    while calls.poll_action().is_some() {}
    std::hint::black_box(calls.poll_timeout());
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50);
    targets = calls
}
criterion_main!(benches);
