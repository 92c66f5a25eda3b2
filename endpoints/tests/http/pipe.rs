//! A connection in memory.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::rt::{Read, ReadBufCursor, Write};

/// The state of both ends.
#[derive(Default)]
struct State {
    to_server: VecDeque<u8>,
    client_done: bool,
    panics: bool,
    reader: Option<Waker>,
    to_client: Vec<u8>,
    /// The number of bytes that the client still takes.
    window: usize,
    writer: Option<Waker>,
    server: Server,
    writes: usize,
    /// Called at the first write; the result is noted.
    on_answer: Option<Box<dyn FnOnce() -> usize + Send>>,
    noted: Option<usize>,
}

/// The state of the server's end.
#[derive(Default, PartialEq)]
enum Server {
    #[default]
    Open,
    /// The server sends nothing more.
    ShutDown,
    Closed,
}

/// The client's end, held by a test.
#[derive(Clone)]
pub(crate) struct Client(Arc<Mutex<State>>);

/// The server's end.
pub(crate) struct ServerEnd(Arc<Mutex<State>>);

/// Returns both ends of a connection whose client takes all bytes.
pub(crate) fn pipe() -> (Client, ServerEnd) {
    let state = State {
        window: usize::MAX,
        ..State::default()
    };
    let state = Arc::new(Mutex::new(state));
    (Client(Arc::clone(&state)), ServerEnd(state))
}

impl Client {
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut state = lock(&self.0);
        state.to_server.extend(bytes.as_ref());
        wake(&mut state.reader);
    }

    /// Shuts down the client's half.
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.0);
        state.client_done = true;
        wake(&mut state.reader);
    }

    /// Makes the next read of the server panic.
    pub(crate) fn make_panic(&self) {
        let mut state = lock(&self.0);
        state.panics = true;
        wake(&mut state.reader);
    }

    /// Takes this many more bytes, and then none.
    pub(crate) fn take_only(&self, bytes: usize) {
        let mut state = lock(&self.0);
        state.window = bytes;
        wake(&mut state.writer);
    }

    /// Calls `look` at the first answer.
    pub(crate) fn on_answer(&self, look: impl FnOnce() -> usize + Send + 'static) {
        lock(&self.0).on_answer = Some(Box::new(look));
    }

    /// Returns the result of `look`.
    pub(crate) fn noted(&self) -> Option<usize> {
        lock(&self.0).noted
    }

    /// Returns all received bytes, which are text.
    pub(crate) fn received(&self) -> String {
        String::from_utf8(self.received_bytes()).expect("answers are text")
    }

    /// Returns all received bytes.
    pub(crate) fn received_bytes(&self) -> Vec<u8> {
        lock(&self.0).to_client.clone()
    }

    /// Returns the number of received answers.
    pub(crate) fn answers(&self) -> usize {
        self.received().matches("HTTP/1.1 ").count()
    }

    /// Returns the status of the first answer.
    pub(crate) fn status(&self) -> Option<u16> {
        let received = self.received();
        received.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    /// Returns the number of bytes that the server has not read.
    pub(crate) fn unread(&self) -> usize {
        lock(&self.0).to_server.len()
    }

    /// Returns the number of writes of the server.
    pub(crate) fn writes(&self) -> usize {
        lock(&self.0).writes
    }

    /// Returns whether the server has shut down its half.
    pub(crate) fn is_shut_down(&self) -> bool {
        lock(&self.0).server != Server::Open
    }

    /// Returns whether the server has closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.0).server == Server::Closed
    }
}

impl Read for ServerEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = lock(&self.0);
        if state.panics {
            drop(state);
            // Without the panic hook: the panic is part of the test.
            resume_unwind(Box::new("on purpose"));
        }
        if state.to_server.is_empty() && !state.client_done {
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = state.to_server.len().min(buffer.remaining());
        let bytes: Vec<u8> = state.to_server.drain(..length).collect();
        buffer.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl Write for ServerEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        if state.window == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = bytes.len().min(state.window);
        state.to_client.extend(&bytes[..length]);
        state.window -= length;
        state.writes += 1;
        let look = state.on_answer.take();
        state.noted = look.map(|look| look()).or(state.noted);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).server = Server::ShutDown;
        Poll::Ready(Ok(()))
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        lock(&self.0).server = Server::Closed;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic is part of a test, and leaves the state valid.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
