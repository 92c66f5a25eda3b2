//! The body of an answer behind a gate.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;

/// The body of an answer behind a gate: that of the service, or none.
#[pin_project]
#[derive(Debug, Clone)]
pub struct GateBody<B> {
    /// `None` is the body of a refusal.
    #[pin]
    inner: Option<B>,
}

impl<B> GateBody<B> {
    pub(crate) const fn of_service(inner: B) -> Self {
        Self { inner: Some(inner) }
    }

    pub(crate) const fn of_refusal() -> Self {
        Self { inner: None }
    }
}

impl<B: Body> Body for GateBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().inner.as_pin_mut() {
            Some(inner) => inner.poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref();
        inner.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
