//! The costs of answers: `cargo bench -p livebus-endpoints`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use livebus_core::{Cause, Report, Status};
use livebus_endpoints::Probes;
use livebus_readiness::{Registry, RegistryBuilder, Reporter};

/// Makes `n` required services, all Running with a lease of an hour.
fn services(n: usize, now: Instant) -> (Registry, Vec<Reporter>) {
    let declare = |names: RegistryBuilder, i| names.required(format!("service-{i}"));
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
    (registry, reporters)
}

fn answering(criterion: &mut Criterion) {
    let now = Instant::now();
    let mut group = criterion.benchmark_group("answering");
    for n in [1, 16] {
        let (registry, _reporters) = services(n, now);
        let probes = Probes::new(registry.readiness());
        for path in ["/readyz", "/livez", "/statusz", "/metrics"] {
            group.bench_function(format!("{path}, {n}"), |b| {
                b.iter(|| black_box(&probes).answer(path, None, now));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, answering);
criterion_main!(benches);
