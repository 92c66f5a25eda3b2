//! The queue of a recording, and the thread that writes it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};
use std::{io, mem};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::header::Header;
use crate::line::End;
use crate::machine::OwnedEntry;
use crate::options::{RecordError, RecordOptions};
use crate::writer::Writer;

/// How many records of Kafka may wait for the disk in the queue of a dispatcher: some 32 MiB.
const MAX_QUEUED_RECORDS: usize = 1 << 20;

/// Where the entries of one state machine go: through a bounded queue, to a thread of its own.
#[derive(Debug)]
pub(crate) struct Sink<M: Format> {
    /// `None` once nothing more is recorded.
    queue: Option<SyncSender<QueuedEntry<M>>>,
    shared: Arc<Shared>,
}

impl<M: Format> Sink<M> {
    /// Creates the file and starts the thread.
    pub(crate) fn open(
        options: &RecordOptions,
        header: Header<M>,
        began: Instant,
        shared: &Arc<Shared>,
    ) -> Result<Self, RecordError> {
        let writer = Writer::open(options, header, Epoch::new(began))?;
        let (queue, entries) = sync_channel(options.queue.get().min(1 << 20));
        let of_thread = Arc::clone(shared);
        thread::Builder::new()
            .name("livebus-recorder".to_owned())
            .spawn(move || write_all(writer, entries, &of_thread))
            .map_err(RecordError::Thread)?;
        Ok(Self {
            queue: Some(queue),
            shared: Arc::clone(shared),
        })
    }

    /// Adds an entry to the queue; never waits.
    pub(crate) fn push(&mut self, at: Instant, entry: OwnedEntry<M>) {
        let Some(queue) = &self.queue else {
            return;
        };
        let records = M::records_in(&entry);
        let queued = self
            .shared
            .queued_records
            .fetch_add(records, Ordering::Relaxed);
        let sent = if queued > 0 && queued + records > MAX_QUEUED_RECORDS {
            Err(TrySendError::Full(()))
        } else {
            let sent = queue.try_send(QueuedEntry { at, entry });
            sent.map_err(|error| match error {
                TrySendError::Full(_) => TrySendError::Full(()),
                TrySendError::Disconnected(_) => TrySendError::Disconnected(()),
            })
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(())) => {
                self.shared.ended(End::TooSlow);
                self.queue = None;
            }
            // The thread has set the reason.
            Err(TrySendError::Disconnected(())) => self.queue = None,
        }
    }

    /// Whether nothing more is recorded: the entries need not be copied.
    pub(crate) const fn has_ended(&self) -> bool {
        self.queue.is_none()
    }
}

/// An entry in the queue.
#[derive(Debug)]
struct QueuedEntry<M: Format> {
    at: Instant,
    entry: OwnedEntry<M>,
}

/// What a recording and its thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    progress: Mutex<Progress>,
    /// Notified when the last line was written, or writing has failed.
    written: Condvar,
    queued_records: AtomicUsize,
}

#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) end: Option<End>,
    written: bool,
    /// The tasks that wait for `end`.
    pub(crate) waiting: Vec<Waker>,
}

impl Shared {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            progress: Mutex::default(),
            written: Condvar::new(),
            queued_records: AtomicUsize::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the last line is written. Returns why the recording ended; `None` if that takes longer.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<End> {
        let (progress, _timed_out) = self
            .written
            .wait_timeout_while(self.lock(), timeout, |progress| !progress.written)
            .unwrap_or_else(PoisonError::into_inner);
        progress.end.clone().filter(|_| progress.written)
    }

    pub(crate) fn all_written(&self) {
        self.lock().written = true;
        self.written.notify_all();
    }

    /// Sets the reason of the end, unless there is one. Returns the reason that counts.
    fn ended(&self, end: End) -> End {
        let mut progress = self.lock();
        let first = progress.end.is_none();
        let end = progress.end.get_or_insert(end).clone();
        let waiting = mem::take(&mut progress.waiting);
        drop(progress);
        // Without the lock: a waker is foreign code.
        waiting.into_iter().for_each(Waker::wake);
        if first && !end.is_in_order() {
            tracing::warn!(file = &*self.path.to_string_lossy(), reason = %end, "recording ended early");
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
fn write_all<M: Format>(writer: Writer<M>, entries: Receiver<QueuedEntry<M>>, shared: &Shared) {
    let _written = Written(shared);
    // Moved here to be closed before `written` is dropped.
    let mut writer = writer;
    let result = write_queued(&mut writer, &entries, &shared.queued_records).and_then(|()| {
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
fn write_queued<M: Format>(
    writer: &mut Writer<M>,
    entries: &Receiver<QueuedEntry<M>>,
    queued_records: &AtomicUsize,
) -> io::Result<()> {
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
        queued_records.fetch_sub(M::records_in(&entry), Ordering::Relaxed);
        writer.write(at, entry)?;
    }
}
