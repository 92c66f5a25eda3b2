//! Discards the bytes that an HTTP client sends after its last answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBuf};

/// Reads and drops the bytes that a client still sends. Closing a socket with unread bytes resets the connection, and the client
/// may lose its answer then.
pub(crate) struct Discard<S> {
    io: S,
    /// The maximum number of bytes to discard.
    left: usize,
    /// Whether to wait for more bytes.
    waits: bool,
}

impl<S: Read + Unpin> Discard<S> {
    /// The maximum number of reads per poll.
    const MAX_READS: usize = 4;

    /// Discards at most `left` bytes. Unless `sends_more`, ends at once when there are none.
    pub(crate) fn new(io: S, left: usize, sends_more: bool) -> Self {
        Self {
            io,
            left,
            waits: sends_more,
        }
    }

    /// Ready when the client has finished, or sends too much.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8_192];
        for _ in 0..Self::MAX_READS {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.io).poll_read(cx, buffer.unfilled()) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending if self.waits => return Poll::Pending,
                Poll::Pending => return Poll::Ready(()),
            }
            let read = buffer.filled().len();
            if read == 0 || read >= self.left {
                return Poll::Ready(());
            }
            self.left -= read;
            self.waits = true;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
