//! Standard output and standard error, each written by a thread of its own: a stream that nobody reads holds nothing up.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use futures::channel::oneshot;
use rustix::event::{PollFd, PollFlags, poll};
use tracing_subscriber::fmt::MakeWriter;

use crate::line_queue::{LineQueue, Output};
use crate::live_text::LiveText;

/// Clears the live line. It begins where the cursor is, and it may take several rows: a terminal that becomes narrower wraps it.
const CLEAR: &str = "\r\x1b[J";
const CLEAR_REST: &str = "\x1b[J";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
/// The width of a terminal that does not say it.
const DEFAULT_COLUMNS: usize = 80;

/// Whether standard output shows a live line now.
static LIVE_LINE_IS_DRAWN: AtomicBool = AtomicBool::new(false);

/// A stream of lines, and on a terminal a live line below them. Clones share everything. No call blocks, except for
/// [`finish`](Self::finish).
///
/// What cannot be written in time is dropped, oldest first, and its number is reported as soon as there is a reader again.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Arc<Shared>);

/// How a stream reports that lines were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    Text,
    /// An object with the number in `dropped`.
    Json,
}

/// Resolves when the stream has no reader any more.
pub(crate) type ReaderGone = oneshot::Receiver<()>;

#[derive(Debug)]
struct Shared {
    name: &'static str,
    notice: Notice,
    state: Mutex<State>,
    /// Notified when there is output, when all of it was written, and when the reader is gone.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    queue: LineQueue,
    /// The number of lines in the output that the thread writes now; `None` while it waits.
    writing: Option<u64>,
    /// Taken when the reader is gone; then all output is discarded.
    reader: Option<oneshot::Sender<()>>,
}

impl Stream {
    /// Returns standard output. Its errors are reported on `errors`.
    pub(crate) fn stdout(notice: Notice, errors: Self) -> anyhow::Result<(Self, ReaderGone)> {
        let fd = io::stdout().as_fd().try_clone_to_owned();
        Self::open("standard output", notice, fd, Some(errors), true)
    }

    /// Returns standard output that is a terminal. Lines of standard error belong into this stream too if it is the same terminal:
    /// two streams would write into each other's lines.
    pub(crate) fn terminal(notice: Notice) -> anyhow::Result<(Self, ReaderGone)> {
        let fd = io::stdout().as_fd().try_clone_to_owned();
        Self::open("the terminal", notice, fd, None, true)
    }

    /// Returns standard error.
    pub(crate) fn stderr() -> anyhow::Result<Self> {
        let fd = io::stderr().as_fd().try_clone_to_owned();
        let (stream, _) = Self::open("standard error", Notice::Text, fd, None, false)?;
        Ok(stream)
    }

    fn open(
        name: &'static str,
        notice: Notice,
        fd: io::Result<OwnedFd>,
        errors: Option<Self>,
        is_stdout: bool,
    ) -> anyhow::Result<(Self, ReaderGone)> {
        let failed = || format!("cannot use {name}");
        let fd = fd.with_context(failed)?;
        let (sender, reader_gone) = oneshot::channel();
        let shared = Arc::new(Shared {
            name,
            notice,
            state: Mutex::new(State {
                queue: LineQueue::new(),
                writing: None,
                reader: Some(sender),
            }),
            changed: Condvar::new(),
        });
        if is_stdout {
            let (fd, shared) = (fd.try_clone().with_context(failed)?, Arc::clone(&shared));
            thread::Builder::new()
                .name("stdout-reader".to_owned())
                .spawn(move || wait_for_hangup(&fd, &shared))
                .with_context(failed)?;
        }
        let writer = Writer {
            file: File::from(fd),
            shared: Arc::clone(&shared),
            errors,
            reports_live_line: is_stdout.then_some(&LIVE_LINE_IS_DRAWN),
            live_line_is_drawn: false,
            line_is_cut: false,
            has_failed: false,
        };
        thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || writer.run())
            .with_context(failed)?;
        Ok((Self(shared), reader_gone))
    }

    /// Adds a line.
    pub(crate) fn line(&self, line: impl Into<String>) {
        let line = line.into();
        self.0.add(|queue| queue.push(line));
    }

    /// Replaces the live line; `None` clears it.
    pub(crate) fn set_live_line(&self, line: Option<LiveText>) {
        self.0.add(|queue| queue.set_live_line(line));
    }

    /// Blocks until everything is written, at most for `timeout`. Returns the number of lines that were not written.
    pub(crate) fn finish(&self, timeout: Duration) -> u64 {
        let busy = |state: &mut State| state.writing.is_some() || state.queue.has_output();
        let (state, _timed_out) = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), timeout, busy)
            .unwrap_or_else(PoisonError::into_inner);
        state.queue.unwritten() + state.writing.unwrap_or(0)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, change: impl FnOnce(&mut LineQueue)) {
        let mut state = self.lock();
        if state.reader.is_some() {
            change(&mut state.queue);
            self.changed.notify_all();
        }
    }

    /// Waits for output, and takes it.
    fn take(&self) -> Output {
        let mut state = self.lock();
        state.writing = None;
        self.changed.notify_all();
        loop {
            if state.queue.has_output()
                && let Some(output) = state.queue.pop()
            {
                state.writing = Some(output.lines());
                return output;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn reader_is_gone(&self) {
        let mut state = self.lock();
        state.queue.clear();
        if let Some(reader) = state.reader.take() {
            // Nobody may wait for that.
            let _ = reader.send(());
        }
        self.changed.notify_all();
    }
}

/// The thread that writes to the stream.
struct Writer {
    file: File,
    shared: Arc<Shared>,
    errors: Option<Stream>,
    /// Where standard output reports whether it shows a live line.
    reports_live_line: Option<&'static AtomicBool>,
    live_line_is_drawn: bool,
    /// A line was written in part.
    line_is_cut: bool,
    /// The last write has failed.
    has_failed: bool,
}

impl Writer {
    fn run(mut self) {
        loop {
            let output = self.shared.take();
            let text = self.text(&output);
            if text.is_empty() {
                continue;
            }
            match self.write(text.as_bytes()) {
                Ok(()) => {
                    self.has_failed = false;
                    if let Some(is_drawn) = self.reports_live_line {
                        is_drawn.store(self.live_line_is_drawn, Ordering::Relaxed);
                    }
                }
                Err(error) if is_without_reader(&error) => self.shared.reader_is_gone(),
                Err(error) => self.on_error(&output, &error),
            }
        }
    }

    /// Returns what to write for `output`.
    fn text(&mut self, output: &Output) -> String {
        let mut text = String::new();
        if std::mem::take(&mut self.line_is_cut) {
            text.push('\n');
        }
        let is_live_line = matches!(output, Output::LiveLine(_));
        let was_live_line = std::mem::replace(&mut self.live_line_is_drawn, is_live_line);
        if was_live_line {
            // A live line overwrites the one before it, without a flicker.
            text.push_str(if is_live_line { "\r" } else { CLEAR });
        }
        // Writing to a string cannot fail.
        let _ = match output {
            Output::Line {
                dropped: 0,
                text: line,
            } => writeln!(text, "{line}"),
            Output::Line {
                dropped,
                text: line,
            } => writeln!(text, "{}\n{line}", self.dropped(*dropped)),
            Output::LiveLine(line) => {
                let line = line.fit(self.columns());
                write!(text, "{NO_WRAP}{line}{CLEAR_REST}{WRAP}\r")
            }
            Output::NoLiveLine => Ok(()),
        };
        text
    }

    /// Returns the width of the terminal, which may have changed.
    fn columns(&self) -> usize {
        let size = rustix::termios::tcgetwinsize(&self.file);
        let columns = size.map_or(0, |size| usize::from(size.ws_col));
        if columns == 0 {
            DEFAULT_COLUMNS
        } else {
            columns
        }
    }

    fn dropped(&self, lines: u64) -> String {
        match self.shared.notice {
            Notice::Text => format!(
                "livebus: {} could not be written to {} in time",
                counted(lines),
                self.shared.name
            ),
            Notice::Json => format!("{{\"dropped\":{lines}}}"),
        }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let mut rest = text;
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another program has made the stream non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(&self.file, PollFlags::OUT)];
                    let _ready_or_interrupted = poll(&mut fds, None);
                }
                Err(error) => {
                    self.line_is_cut = rest.len() < text.len();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Counts what could not be written, and reports the first of several errors.
    fn on_error(&mut self, output: &Output, error: &io::Error) {
        self.shared.lock().queue.add_dropped(output.lines());
        if !std::mem::replace(&mut self.has_failed, true)
            && let Some(errors) = &self.errors
        {
            let name = self.shared.name;
            errors.line(format!("livebus: cannot write to {name}: {error}"));
        }
    }
}

/// Clears the live line of standard output for a process that ends at once. Never blocks: a terminal that takes nothing keeps it.
pub(crate) fn clear_live_line_at_once() {
    if !LIVE_LINE_IS_DRAWN.load(Ordering::Relaxed) {
        return;
    }
    let stdout = io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
    let now = rustix::event::Timespec::default();
    if poll(&mut fds, Some(&now)).is_ok_and(|ready| ready == 1) {
        // The process ends whatever comes of it.
        let _ = rustix::io::write(&stdout, CLEAR.as_bytes());
    }
}

/// Returns a number of lines in words.
pub(crate) fn counted(lines: u64) -> String {
    match lines {
        1 => "1 line".to_owned(),
        _ => format!("{lines} lines"),
    }
}

/// Returns whether the error says that there is no reader: the pipe is closed, or the terminal.
fn is_without_reader(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Waits until the other end of a pipe, a socket or a terminal is closed: for a file, forever. A write would notice that too, but
/// there may be nothing to write for a long time.
fn wait_for_hangup(fd: &OwnedFd, shared: &Shared) {
    loop {
        // Errors and hangups are reported without being asked for.
        let mut fds = [PollFd::new(fd, PollFlags::empty())];
        match poll(&mut fds, None) {
            Ok(_) if fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => {
                return shared.reader_is_gone();
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Makes each event of the log a line.
impl<'a> MakeWriter<'a> for Stream {
    type Writer = LogEvent<'a>;

    fn make_writer(&'a self) -> LogEvent<'a> {
        LogEvent(self)
    }
}

/// The writer of one event, which the log formats as a whole before it writes it.
pub(crate) struct LogEvent<'a>(&'a Stream);

impl io::Write for LogEvent<'_> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        self.0.line(text.strip_suffix('\n').unwrap_or(&text));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
