//! What a client still sends after its last answer.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBuf};

/// Reads and drops what a client still sends. A socket that is closed with unread bytes in it is reset, and a client that is reset
/// may lose its answer.
pub(crate) struct Discard<S> {
    io: S,
    /// How many bytes more it takes.
    left: usize,
    /// Whether to wait for bytes that are not there yet.
    waits: bool,
}

impl<S: Read + Unpin> Discard<S> {
    /// How often it reads each time it is polled.
    const READS: usize = 4;

    /// Takes at most `left` bytes. Unless `sends_more`, it ends at once where nothing is there.
    pub(crate) fn new(io: S, left: usize, sends_more: bool) -> Self {
        Self {
            io,
            left,
            waits: sends_more,
        }
    }

    /// Ready when the client has done, or sends too much.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8 * 1024];
        for _ in 0..Self::READS {
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
