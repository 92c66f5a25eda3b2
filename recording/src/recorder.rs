//! The recorder: an observer that writes to a file and never blocks the loop.

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

/// Writes a recording: through a bounded queue, on a thread of its own.
///
/// It never blocks the loop. When the queue is full, because the disk is slow, or when writing fails, because the disk is full,
/// the recording ends with one warning, and later entries are ignored.
///
/// On drop, the thread writes what is queued. The drop does not wait for that; [`Recording::wait`] does.
///
/// ```
/// use livebus_recording::{RecordOptions, Recorder};
///
/// let (recorder, recording) = Recorder::new(RecordOptions::new("incident.jsonl"));
/// // With `builder.observer(recorder)` it begins when the supervision starts.
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
    Writing(SyncSender<QueuedEntry>),
    /// Nothing more is recorded.
    Ended,
}

/// Returns how a recording ends. Clones share everything.
#[derive(Debug, Clone)]
pub struct Recording(Arc<Shared>);

impl Recorder {
    /// Returns a recorder that begins when the supervision starts that it observes.
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

    /// Returns a recorder that has begun: the supervisor of `service` is made with `config` at `began`, and has received no
    /// input. The settings must have the seed that it uses.
    ///
    /// # Errors
    ///
    /// [`RecordError`] when the settings do not fit, when the file cannot be created, and when a file exists that is no
    /// recording. The thread opens a pipe or a device later, since that may block forever.
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
            start_state: None,
        };
        let writer = Writer::open(options, header, Epoch::new(began))?;
        let (queue, entries) = sync_channel(options.queue.get().min(1 << 20));
        let shared = Arc::clone(&self.recording.0);
        thread::Builder::new()
            .name("livebus-recorder".to_owned())
            .spawn(move || write_all(writer, entries, &shared))
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
        match queue.try_send(QueuedEntry { at, entry }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                self.recording.0.ended(End::TooSlow);
                self.state = State::Ended;
            }
            // The thread has set the reason.
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
    /// Returns why the recording ended; `None` before that. Queued entries may not be written yet.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.0.lock().end.clone()
    }

    /// Blocks the thread until the last line is written. Returns why the recording ended; `None` if that takes longer than
    /// `timeout`, and when the supervision never started.
    ///
    /// The recording ends when its [`Recorder`] is dropped, or the supervisor that holds it.
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

/// An entry in the queue.
#[derive(Debug, Clone, Copy)]
struct QueuedEntry {
    at: Instant,
    entry: Entry,
}

#[derive(Debug)]
struct Shared {
    path: String,
    progress: Mutex<Progress>,
    /// Notified when the last line was written, or writing has failed.
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

    /// Sets the reason of the end, unless there is one. Returns the reason that counts.
    fn ended(&self, end: End) -> End {
        let mut progress = self.lock();
        let first = progress.end.is_none();
        let end = progress.end.get_or_insert(end).clone();
        drop(progress);
        if first && !end.is_in_order() {
            tracing::warn!(file = self.path, reason = %end, "recording ended early");
        }
        end
    }
}

/// On drop, notifies that the thread has ended, also after a panic.
struct Written<'a>(&'a Shared);

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.ended(End::Failed("the writer panicked".to_owned()));
        }
        self.0.all_written();
    }
}

/// Runs on the thread: writes the whole recording.
fn write_all(writer: Writer, entries: Receiver<QueuedEntry>, shared: &Shared) {
    let _written = Written(shared);
    // Moved here to be closed before `written` is dropped.
    let mut writer = writer;
    let result = write_queued(&mut writer, &entries).and_then(|()| {
        let end = shared.ended(writer.end_of_input());
        writer.end(end)
    });
    if let Err(error) = result {
        let end = shared.ended(End::Failed(error.to_string()));
        // The loop observes that the receiver is gone.
        mem::drop(entries);
        // This may fail: the disk may still be full.
        let _end_line = writer.end_failed(end);
    }
}

/// Writes until the recorder is dropped and its queue is empty. Flushes whenever the queue is empty.
fn write_queued(writer: &mut Writer, entries: &Receiver<QueuedEntry>) -> io::Result<()> {
    writer.begin()?;
    loop {
        let next = match entries.try_recv() {
            Err(TryRecvError::Empty) => {
                writer.flush()?;
                entries.recv().ok()
            }
            Ok(next) => Some(next),
            Err(TryRecvError::Disconnected) => None,
        };
        let Some(QueuedEntry { at, entry }) = next else {
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
