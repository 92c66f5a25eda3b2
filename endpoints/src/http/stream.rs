//! A connection's stream, whose writes are watched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Timer, Write};

use crate::http::progress::Progress;

/// A stream that notes whether the client reads. To be polled in the task of its connection.
pub(crate) struct Stream<S> {
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

impl<S: Read + Unpin> Read for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<S: Write + Unpin> Write for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        let now = self.timer.now();
        match &written {
            Poll::Ready(Ok(_)) => self.progress.wrote(now),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.progress.stalled(now),
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
