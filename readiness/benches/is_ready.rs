//! What it costs to ask "ready?" on every request: `cargo bench -p livebus-readiness`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use livebus_core::{Cause, Readiness, Report, Status};
use livebus_readiness::{Clock, Probes};

fn is_ready(criterion: &mut Criterion) {
    let now = Instant::now();
    let readiness = Readiness::builder()
        .required("bus")
        .build(now)
        .expect("one name");
    readiness.service("bus").expect("it was declared").store(
        now,
        Report {
            status: Status::Running,
            cause: Cause::Evidence,
            lease: Some(now + Duration::from_hours(1)),
            ..Report::unreported(now)
        },
    );
    let clock = Clock::new();
    assert!(readiness.is_ready(clock.now()));

    criterion.bench_function("Instant::now, for comparison", |b| b.iter(Instant::now));
    criterion.bench_function("Clock::now", |b| b.iter(|| black_box(&clock).now()));
    criterion.bench_function("is_ready with the clock", |b| {
        b.iter(|| black_box(&readiness).is_ready(black_box(&clock).now()));
    });
    let probes = Probes::new(readiness, Vec::new());
    criterion.bench_function("/readyz", |b| {
        b.iter(|| black_box(&probes).answer("/readyz", None, clock.now()));
    });
}

criterion_group!(benches, is_ready);
criterion_main!(benches);
