//! The future of a call behind a gate.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project::pin_project;

use crate::gate::body::GateBody;

/// The future of a call behind a [`Gate`](crate::Gate).
#[pin_project]
#[derive(Debug)]
pub struct GateFuture<F> {
    #[pin]
    state: State<F>,
}

#[pin_project(project = StateProjection)]
#[derive(Debug)]
enum State<F> {
    Admitted(#[pin] F),
    /// `None` once it was returned. Boxed, so that the future of an admitted call stays small.
    Refused(Option<Box<Response<()>>>),
}

impl<F> GateFuture<F> {
    #[inline]
    pub(crate) const fn admitted(call: F) -> Self {
        let state = State::Admitted(call);
        Self { state }
    }

    pub(crate) fn refused(answer: Response<()>) -> Self {
        let state = State::Refused(Some(Box::new(answer)));
        Self { state }
    }
}

impl<F, B, E> Future for GateFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<GateBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Admitted(call) => {
                let answer = ready!(call.poll(context))?;
                Poll::Ready(Ok(answer.map(GateBody::of_service)))
            }
            StateProjection::Refused(answer) => {
                let answer = answer.take().expect("a future is not polled after its end");
                Poll::Ready(Ok(answer.map(|()| GateBody::of_refusal())))
            }
        }
    }
}
