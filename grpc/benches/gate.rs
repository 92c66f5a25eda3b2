//! The cost of a gate on the ready path: `cargo bench -p livebus-grpc`. The difference of the two is the gate.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use livebus_core::Status;
use livebus_grpc::Gate;
use livebus_readiness::Registry;
use tower_service::Service;

/// A service that answers at once.
#[derive(Clone)]
struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(())))
    }
}

fn call<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    let is_ready = service.poll_ready(&mut context).is_ready();
    let called = pin!(service.call(request));
    is_ready && called.poll(&mut context).is_ready()
}

fn request() -> Request<()> {
    let request = Request::builder().uri("http://a/orders.v1.Orders/Create");
    request.body(()).expect("valid")
}

fn gate(criterion: &mut Criterion) {
    let names = Registry::builder().required("bus");
    let registry = names.build().expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let now = Instant::now();
    bus.set(now, Status::Running, now + Duration::from_hours(1));
    let mut gated = Gate::new(registry.readiness()).layer(Bare);
    let mut bare = Bare;
    let mut group = criterion.benchmark_group("call");
    group.bench_function("bare", |bencher| {
        bencher.iter_batched(request, |it| call(&mut bare, it), BatchSize::SmallInput);
    });
    group.bench_function("behind an open gate", |bencher| {
        bencher.iter_batched(request, |it| call(&mut gated, it), BatchSize::SmallInput);
    });
    drop(bus);
    group.bench_function("refused", |bencher| {
        bencher.iter_batched(request, |it| call(&mut gated, it), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, gate);
criterion_main!(benches);
