//! The recorder: an observer that writes to files and never blocks a loop.

mod callers;

use std::ffi::OsString;
use std::future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use livebus_core::calls::{self, Identity};
use livebus_core::{Config, Supervisor, dispatch};

use crate::dispatch::{HandlerConfig, OwnedEvent, PartitionName};
use crate::header::Header;
use crate::line::End;
use crate::options::{RecordError, RecordOptions};
use crate::sink::{Shared, Sink};
use livebus_runner::{
    CallsObserver, DispatchEntry, DispatchObserver, Entry, Observer, ObserverError,
};

pub use callers::CallerRecording;

/// Writes the recording of a supervision: through bounded queues, on threads of its own.
///
/// The supervisor has the file of the [options](RecordOptions), and the dispatcher of each request handler and the calls of each caller one
/// beside it: `bus.jsonl`, `bus.orders.jsonl` and `bus.billing.jsonl`, each with the maximum size. A pipe or a device has room for the supervisor only.
///
/// It never blocks a loop. When a queue is full, because the disk is slow, or when writing fails, because the disk is full,
/// that recording ends with one warning, and later entries are ignored.
///
/// On drop, the threads write what is queued. The drop does not wait for that; [`Recording::wait`] does.
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
    options: RecordOptions,
    service: String,
    recording: Recording,
}

#[derive(Debug)]
enum State {
    /// The supervision has not started.
    Waiting,
    Writing(Sink<Supervisor>),
}

/// Returns how a recording ends. Clones share everything.
#[derive(Debug, Clone)]
pub struct Recording {
    shared: Arc<Shared>,
    handlers: Arc<Mutex<Vec<HandlerRecording>>>,
    callers: Arc<Mutex<Vec<CallerRecording>>>,
}

/// The recording of the dispatcher of one request handler.
#[derive(Debug, Clone)]
pub struct HandlerRecording {
    handler: String,
    shared: Arc<Shared>,
}

impl Recorder {
    /// Returns a recorder that begins when the supervision starts that it observes.
    #[must_use]
    pub fn new(options: RecordOptions) -> (Self, Recording) {
        let recording = Recording {
            shared: Arc::new(Shared::new(options.path.clone())),
            handlers: Arc::default(),
            callers: Arc::default(),
        };
        let recorder = Self {
            state: State::Waiting,
            options,
            service: String::new(),
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
        let State::Waiting = &self.state else {
            let path = self.options.path.clone();
            return Err(RecordError::InUse { path });
        };
        let header = Header {
            service: service.clone(),
            began_unix_ms: unix_ms(began),
            config: config.clone(),
            start_state: None,
        };
        let sink = Sink::open(&self.options, header, began, &self.recording.shared)?;
        self.state = State::Writing(sink);
        self.service = service;
        Ok(())
    }

    fn open_handler(
        &mut self,
        handler: &str,
        config: &dispatch::Config,
        began: Instant,
    ) -> Result<HandlerRecorder, RecordError> {
        let options = self.options_of_part(handler);
        let shared = Arc::new(Shared::new(options.path.clone()));
        let header = Header {
            service: self.service.clone(),
            began_unix_ms: unix_ms(began),
            config: HandlerConfig::new(handler, config.clone()),
            start_state: None,
        };
        let sink = Sink::open(&options, header, began, &shared)?;
        self.recording.lock_handlers().push(HandlerRecording {
            handler: handler.to_owned(),
            shared,
        });
        Ok(HandlerRecorder { sink, name: None })
    }

    /// Returns the options of a handler or a caller with this name: with a file that no other one has.
    fn options_of_part(&self, name: &str) -> RecordOptions {
        let handlers = self.recording.handlers();
        let callers = self.recording.callers();
        let handlers = handlers.iter().map(HandlerRecording::path);
        let taken: Vec<&Path> = handlers
            .chain(callers.iter().map(CallerRecording::path))
            .collect();
        let is_taken = |path: &PathBuf| taken.contains(&path.as_path());
        RecordOptions {
            path: path_of_part(&self.options.path, name, is_taken),
            ..self.options.clone()
        }
    }
}

/// Writes the recording of one dispatcher.
#[derive(Debug)]
struct HandlerRecorder {
    sink: Sink<dispatch::Dispatcher>,
    /// The name of the partition that is assigned next.
    name: Option<PartitionName>,
}

impl Observer for Recorder {
    fn begin(&mut self, service: &str, config: &Config, now: Instant) -> Result<(), ObserverError> {
        Ok(self.open(service.to_owned(), config, now)?)
    }

    fn begin_handler(
        &mut self,
        handler: &str,
        config: &dispatch::Config,
        now: Instant,
    ) -> Result<Option<Box<dyn DispatchObserver>>, ObserverError> {
        if is_pipe_or_device(&self.options.path) {
            tracing::warn!(
                handler,
                "a pipe or a device has no recording of request handlers"
            );
            return Ok(None);
        }
        Ok(Some(Box::new(self.open_handler(handler, config, now)?)))
    }

    fn begin_caller(
        &mut self,
        caller: &str,
        config: &calls::Config,
        identity: Identity,
        now: Instant,
    ) -> Result<Option<Box<dyn CallsObserver>>, ObserverError> {
        if is_pipe_or_device(&self.options.path) {
            tracing::warn!(caller, "a pipe or a device has no recording of callers");
            return Ok(None);
        }
        Ok(Some(Box::new(
            self.open_caller(caller, config, identity, now)?,
        )))
    }

    fn observe(&mut self, at: Instant, entry: Entry) {
        match &mut self.state {
            State::Waiting => {}
            State::Writing(sink) => sink.push(at, entry),
        }
    }
}

impl DispatchObserver for HandlerRecorder {
    fn name(&mut self, partition: dispatch::PartitionId, topic: &str, number: i32) {
        self.name = Some(PartitionName {
            partition,
            topic: topic.to_owned(),
            number,
        });
    }

    fn observe(&mut self, at: Instant, entry: DispatchEntry<'_>) {
        if self.sink.has_ended() {
            return;
        }
        let entry = match entry {
            Entry::Event(event) => Entry::Event(OwnedEvent::new(event, self.name.take())),
            Entry::Timeout => Entry::Timeout,
            Entry::Action(action) => Entry::Action(action.clone()),
        };
        self.sink.push(at, entry);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if let State::Waiting = self.state {
            self.recording.shared.all_written();
        }
    }
}

impl Recording {
    /// Returns why the recording of the supervisor ended; `None` before that. Queued entries may not be written yet. Those of handlers
    /// and callers end for themselves: see [`handlers`](Self::handlers) and [`callers`](Self::callers).
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }

    /// Returns a future of the reason why the recording of the supervisor ends, which is ready as soon as that is known: when the disk is full or too
    /// slow, while the supervision continues. Queued entries may not be written yet. When the supervision never starts, it is
    /// never ready.
    pub fn ended(&self) -> impl Future<Output = End> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        future::poll_fn(move |context| {
            let mut progress = shared.lock();
            if let Some(end) = &progress.end {
                return Poll::Ready(end.clone());
            }
            let waker = context.waker();
            if !progress.waiting.iter().any(|it| it.will_wake(waker)) {
                progress.waiting.push(waker.clone());
            }
            Poll::Pending
        })
    }

    /// Blocks the thread until the last line of each file is written. Returns why the recording ended, of the first file that ended early if
    /// one did; `None` if that takes longer than `timeout`, and when the supervision never started.
    ///
    /// The recording ends when its [`Recorder`] is dropped, or the supervisor that holds it; that of a handler ends with the handler, that of a
    /// caller with the caller.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> Option<End> {
        let deadline = Instant::now() + timeout;
        let mut end = self.shared.wait(timeout)?;
        let handlers = self.handlers().into_iter().map(|it| it.shared);
        let callers = self.callers().into_iter().map(CallerRecording::into_shared);
        for shared in handlers.chain(callers) {
            let left = deadline.saturating_duration_since(Instant::now());
            let of_part = shared.wait(left)?;
            if end.is_in_order() {
                end = of_part.in_place_of(end);
            }
        }
        Some(end)
    }

    /// Returns the recordings of the request handlers.
    #[must_use]
    pub fn handlers(&self) -> Vec<HandlerRecording> {
        self.lock_handlers().clone()
    }

    fn lock_handlers(&self) -> MutexGuard<'_, Vec<HandlerRecording>> {
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HandlerRecording {
    /// Returns the name of the handler.
    #[must_use]
    pub fn handler(&self) -> &str {
        &self.handler
    }

    /// Returns the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Returns why the recording ended; `None` before that. Queued entries may not be written yet.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.shared.lock().end.clone()
    }
}

/// Returns the file of a handler or a caller: its name before the extension, with characters that every file system has.
fn path_of_part(path: &Path, part: &str, is_taken: impl Fn(&PathBuf) -> bool) -> PathBuf {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let name = part.replace(|c| !plain(c), "_");
    let numbered = (1_u32..).map(|n| {
        let suffix = if n == 1 {
            String::new()
        } else {
            format!("-{n}")
        };
        let mut file = OsString::from(path.file_stem().unwrap_or_default());
        file.push(format!(".{name}{suffix}"));
        if let Some(extension) = path.extension() {
            file.push(".");
            file.push(extension);
        }
        path.with_file_name(file)
    });
    let mut free = numbered.skip_while(|path| is_taken(path));
    // The numbers do not end.
    free.next().unwrap_or_default()
}

fn is_pipe_or_device(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn unix_ms(began: Instant) -> i64 {
    let wall = SystemTime::now().checked_sub(began.elapsed());
    let since = wall.and_then(|wall| wall.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
