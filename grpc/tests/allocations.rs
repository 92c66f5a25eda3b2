//! A gate allocates nothing on the ready path, neither in the call nor in its future.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use http::{Request, Response};
use livebus_core::Status;
use livebus_grpc::Gate;
use livebus_readiness::{Readiness, Registry};
use tower_service::Service;

/// A service whose future is ready at the second poll.
struct Twice;

struct Second(bool);

impl Future for Second {
    type Output = Result<Response<()>, Infallible>;

    fn poll(mut self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(Ok(Response::new(())))
        } else {
            Poll::Pending
        }
    }
}

impl Service<Request<()>> for Twice {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Second;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Second {
        Second(false)
    }
}

fn allocations_of_a_call(readiness: Readiness) -> u64 {
    let mut service = Gate::new(readiness).layer(Twice);
    let request = Request::builder().uri("http://a/orders.v1.Orders/Create");
    let mut request = Some(request.body(()).expect("valid"));
    let mut context = Context::from_waker(Waker::noop());
    let counted = measure(|| {
        assert!(service.poll_ready(&mut context).is_ready());
        let mut call = pin!(service.call(request.take().expect("one call")));
        while call.as_mut().poll(&mut context).is_pending() {}
    });
    counted.count_total
}

#[test]
fn a_gate_allocates_nothing_while_ready() {
    let names = Registry::builder().required("bus");
    let registry = names.build().expect("one name");
    let bus = registry.leaseless_reporter("bus").expect("it has none");
    // Checks the count: a refusal allocates.
    assert!(allocations_of_a_call(registry.readiness()) > 0);
    bus.set(Status::Running);
    assert_eq!(allocations_of_a_call(registry.readiness()), 0);
}
