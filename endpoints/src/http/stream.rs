//! A connection's stream, which records the progress of its writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Timer, Write};
use pin_project::pin_project;

use crate::http::progress::Progress;

/// A stream that records whether the client reads. To be polled in the task of its connection.
#[pin_project]
pub(crate) struct Stream<S> {
    #[pin]
    io: S,
    progress: Progress,
    timer: Arc<dyn Timer + Send + Sync>,
}

impl<S> Stream<S> {
    pub(crate) fn new(io: S, progress: Progress, timer: Arc<dyn Timer + Send + Sync>) -> Self {
        Self {
            io,
            progress,
            timer,
        }
    }
}

impl<S: Read> Read for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().io.poll_read(cx, buffer)
    }
}

impl<S: Write> Write for Stream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = this.io.poll_write(cx, bytes);
        let now = this.timer.now();
        match &written {
            Poll::Ready(Ok(_)) => this.progress.wrote(now),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => this.progress.stalled(now),
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }
}
