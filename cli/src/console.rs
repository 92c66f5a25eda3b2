//! The output of a command that supervises a bus.

use std::panic;
use std::time::Duration;

use crate::stream::{Notice, ReaderGone, Stream, counted};
use crate::terminal;

/// The maximum time for which the end of the program waits for each stream.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Standard output and standard error, neither of which ever holds up the supervision, the probes or the signals.
pub(crate) struct Console {
    pub(crate) stdout: Stream,
    pub(crate) stderr: Stream,
    /// Resolves when standard output has no reader any more.
    pub(crate) reader_gone: ReaderGone,
}

impl Console {
    /// Opens both streams. From now on, panics are reported through them too.
    pub(crate) fn open(notice: Notice) -> anyhow::Result<Self> {
        let (stdout, stderr, reader_gone) = if terminal::both_streams_are_one() {
            let (terminal, reader_gone) = Stream::terminal(notice)?;
            (terminal.clone(), terminal, reader_gone)
        } else {
            let stderr = Stream::stderr()?;
            let (stdout, reader_gone) = Stream::stdout(notice, stderr.clone())?;
            (stdout, stderr, reader_gone)
        };
        let errors = stderr.clone();
        panic::set_hook(Box::new(move |panic| {
            errors.line(format!("livebus: {panic}"));
        }));
        Ok(Self {
            stdout,
            stderr,
            reader_gone,
        })
    }
}

/// Waits until both streams are written, for a bounded time, and reports what is lost.
pub(crate) fn finish(stdout: &Stream, stderr: &Stream) {
    stdout.set_live_line(None);
    let lost = stdout.finish(MAX_WAIT);
    if lost > 0 {
        let lost = counted(lost);
        stderr.line(format!(
            "livebus: {lost} could not be written to standard output"
        ));
    }
    stderr.finish(MAX_WAIT);
}
