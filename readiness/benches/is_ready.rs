//! The costs of reading and reporting: `cargo bench -p livebus-readiness`. The target: under 10 ns for `is_ready`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use livebus_core::{Cause, Report, Status};
use livebus_readiness::{Clock, Registry, Reporter};

/// Makes `n` required services, all Running with a lease of an hour.
fn services(n: usize, now: Instant) -> (Registry, Vec<Reporter>) {
    let declare =
        |names: livebus_readiness::RegistryBuilder, i| names.required(format!("service-{i}"));
    let registry = (0..n).fold(Registry::builder(), declare);
    let registry = registry.build_at(now).expect("the names differ");
    let reporters = (0..n).map(|i| {
        let reporter = registry.reporter(&format!("service-{i}"));
        let reporter = reporter.expect("it is declared, and has none");
        reporter.report(
            now,
            Report {
                status: Status::Running,
                cause: Cause::Evidence,
                lease: Some(now + Duration::from_hours(1)),
                ..Report::unreported(now)
            },
        );
        reporter
    });
    let reporters = reporters.collect();
    assert!(registry.readiness().is_ready());
    (registry, reporters)
}

fn reading(criterion: &mut Criterion) {
    let now = Instant::now();
    let clock = Clock::new();
    let mut group = criterion.benchmark_group("reading");
    group.bench_function("Instant::now, for comparison", |b| b.iter(Instant::now));
    group.bench_function("Clock::now", |b| b.iter(|| black_box(&clock).now()));
    for n in [1, 16] {
        let (registry, _reporters) = services(n, now);
        let readiness = registry.readiness();
        group.bench_function(format!("is_ready, {n}"), |b| {
            b.iter(|| black_box(&readiness).is_ready());
        });
        group.bench_function(format!("is_ready_at, {n}"), |b| {
            b.iter(|| black_box(&readiness).is_ready_at(black_box(now)));
        });
        let late = now + Duration::from_hours(2);
        group.bench_function(format!("is_ready_at, {n}, leases over"), |b| {
            b.iter(|| black_box(&readiness).is_ready_at(black_box(late)));
        });
        group.bench_function(format!("is_healthy, {n}"), |b| {
            b.iter(|| black_box(&readiness).is_healthy_at(black_box(now)));
        });
        let service = readiness.service("service-0").expect("it is declared");
        group.bench_function(format!("report, {n}"), |b| b.iter(|| service.report()));
    }
    group.finish();
}

fn reporting(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut group = criterion.benchmark_group("reporting");
    for n in [1, 16] {
        let (_registry, reporters) = services(n, now);
        let mut at = now;
        group.bench_function(format!("renew, {n}"), |b| {
            b.iter(|| {
                at += Duration::from_micros(1);
                reporters[0].renew(at, at, at + Duration::from_hours(1));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, reporting);
criterion_main!(benches);
