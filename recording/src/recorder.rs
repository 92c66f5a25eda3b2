//! An observer that writes to a file, without ever keeping the loop waiting.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

use livebus_core::Config;

use crate::epoch::Epoch;
use crate::header::Header;
use crate::line::End;
use crate::options::{RecordError, RecordOptions};
use crate::writer::Writer;
use livebus_runner::{Entry, Observer, ObserverError};

/// Writes a recording: a queue of bounded length, and a thread at its other end.
///
/// The loop never waits for it. When the queue is full, because the disk is slow, or when writing fails, because the disk
/// is full, the recording ends, a warning says so once, and what comes later costs nothing.
///
/// Dropped, it leaves to the thread what is queued, and does not wait; [`Recording::wait`] does.
///
/// ```
/// use livebus_recording::{RecordOptions, Recorder};
///
/// let (recorder, recording) = Recorder::new(RecordOptions::new("incident.jsonl"));
/// // `builder.observer(recorder)` has it begin when the supervision starts.
/// # drop(recorder);
/// assert_eq!(recording.end(), None);
/// ```
#[derive(Debug)]
pub struct Recorder {
    state: State,
    recording: Recording,
}

#[derive(Debug)]
enum State {
    /// The supervision has not started.
    Waiting(RecordOptions),
    Writing(SyncSender<Given>),
    /// Nothing more is recorded.
    Ended,
}

/// A recording under way, for those who want to know how it ends. Its clones are one.
#[derive(Debug, Clone)]
pub struct Recording(Arc<Shared>);

impl Recorder {
    /// A recorder that begins when the supervision starts which it observes.
    #[must_use]
    pub fn new(options: RecordOptions) -> (Self, Recording) {
        let recording = Recording(Arc::new(Shared {
            path: options.path.display().to_string(),
            progress: Mutex::default(),
            written: Condvar::new(),
        }));
        let recorder = Self {
            state: State::Waiting(options),
            recording: recording.clone(),
        };
        (recorder, recording)
    }

    /// A recorder that has begun: the supervisor of `service` is made with `config` at `began`, and has had no input yet. Its
    /// settings have the seed that it goes by.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when there is no room for the settings, when the file cannot be made, and when another is there
    /// that is no recording. A pipe or a device is opened later, by the thread, since that may take forever.
    pub fn begun(
        options: RecordOptions,
        service: impl Into<String>,
        config: &Config,
        began: Instant,
    ) -> Result<(Self, Recording), RecordError> {
        let (mut recorder, recording) = Self::new(options);
        recorder.open(service.into(), config, began)?;
        Ok((recorder, recording))
    }

    fn open(
        &mut self,
        service: String,
        config: &Config,
        began: Instant,
    ) -> Result<(), RecordError> {
        let State::Waiting(options) = &self.state else {
            let path = (&self.recording.0.path).into();
            return Err(RecordError::InUse { path });
        };
        let header = Header {
            service,
            began_unix_ms: unix_ms(began),
            config: config.clone(),
            standing: None,
        };
        let writer = Writer::open(options, header, Epoch::new(began))?;
        let (queue, given) = sync_channel(options.queue.get().min(1 << 20));
        let shared = Arc::clone(&self.recording.0);
        thread::Builder::new()
            .name("livebus-recorder".to_owned())
            .spawn(move || write_all(writer, given, &shared))
            .map_err(RecordError::Thread)?;
        self.state = State::Writing(queue);
        Ok(())
    }
}

impl Observer for Recorder {
    fn begin(&mut self, service: &str, config: &Config, now: Instant) -> Result<(), ObserverError> {
        Ok(self.open(service.to_owned(), config, now)?)
    }

    fn observe(&mut self, at: Instant, entry: Entry) {
        let State::Writing(queue) = &self.state else {
            return;
        };
        match queue.try_send(Given { at, entry }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.recording.0.ended(End::TooSlow);
                self.state = State::Ended;
            }
            // The thread has said why.
            Err(TrySendError::Disconnected(_)) => self.state = State::Ended,
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let State::Waiting(_) = self.state {
            self.recording.0.all_written();
        }
    }
}

impl Recording {
    /// Why nothing more is recorded; `None` while the recording goes on, and before it began. What is queued may not be written
    /// yet.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.0.lock().end.clone()
    }

    /// Blocks the thread until the last line is written, and says why it was the last; `None` if that takes longer than `timeout`, and
    /// when the supervision never started.
    ///
    /// The recording ends when its [`Recorder`] is dropped, or the supervisor that has it.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<End> {
        let shared = &self.0;
        let (progress, _timed_out) = shared
            .written
            .wait_timeout_while(shared.lock(), timeout, |progress| !progress.written)
            .unwrap_or_else(PoisonError::into_inner);
        progress.end.clone().filter(|_| progress.written)
    }
}

/// What passes through the queue.
#[derive(Debug, Clone, Copy)]
struct Given {
    at: Instant,
    entry: Entry,
}

#[derive(Debug)]
struct Shared {
    path: String,
    progress: Mutex<Progress>,
    /// The last line was written, or nothing more can be.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    end: Option<End>,
    written: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_written(&self) {
        self.lock().written = true;
        self.written.notify_all();
    }

    /// The recording ended for this reason, unless it did for another before.
    fn ended(&self, end: End) -> End {
        let mut progress = self.lock();
        let first = progress.end.is_none();
        let end = progress.end.get_or_insert(end).clone();
        drop(progress);
        if first && !end.is_in_order() {
            tracing::warn!(file = self.path, reason = %end, "nothing more is recorded");
        }
        end
    }
}

/// Tells that nothing more is written, whatever ends the thread: a panic too.
struct Written<'a>(&'a Shared);

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.ended(End::Failed("the writer panicked".to_owned()));
        }
        self.0.all_written();
    }
}

/// The thread.
fn write_all(writer: Writer, given: Receiver<Given>, shared: &Shared) {
    let _written = Written(shared);
    // Closed before that is told.
    let mut writer = writer;
    let result = write_queued(&mut writer, &given).and_then(|()| {
        let end = shared.ended(writer.natural_end());
        writer.end(end)
    });
    if let Err(error) = result {
        let end = shared.ended(End::Failed(error.to_string()));
        // The loop sees that nobody is there any more.
        mem::drop(given);
        // A disk that was full before may well be full now.
        let _end_line = writer.end_failed(end);
    }
}

/// Writes until the recorder is gone and its queue is empty; what is written reaches the file whenever nothing waits.
fn write_queued(writer: &mut Writer, given: &Receiver<Given>) -> io::Result<()> {
    writer.begin()?;
    loop {
        let next = match given.try_recv() {
            Err(TryRecvError::Empty) => {
                writer.flush()?;
                given.recv().ok()
            }
            Ok(next) => Some(next),
            Err(TryRecvError::Disconnected) => None,
        };
        let Some(Given { at, entry }) = next else {
            return Ok(());
        };
        writer.write(at, entry)?;
    }
}

fn unix_ms(began: Instant) -> i64 {
    let wall = SystemTime::now().checked_sub(began.elapsed());
    let since = wall.and_then(|wall| wall.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
