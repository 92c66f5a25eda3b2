//! The recordings of the calls of callers.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use livebus_core::calls::{self, Calls, Identity};

use crate::calls::CallerConfig;
use crate::header::Header;
use crate::line::End;
use crate::options::RecordError;
use crate::recorder::{Recorder, Recording, unix_ms};
use crate::sink::{Shared, Sink};
use livebus_runner::{CallsEntry, CallsObserver};

/// The recording of the calls of one caller.
#[derive(Debug, Clone)]
pub struct CallerRecording {
    caller: String,
    shared: Arc<Shared>,
}

/// Writes the recording of the calls of one caller.
#[derive(Debug)]
pub(super) struct CallerRecorder {
    sink: Sink<Calls>,
}

impl Recorder {
    pub(super) fn open_caller(
        &self,
        caller: &str,
        config: &calls::Config,
        identity: Identity,
        began: Instant,
    ) -> Result<CallerRecorder, RecordError> {
        let options = self.options_of_part(caller);
        let shared = Arc::new(Shared::new(options.path.clone()));
        let header = Header {
            service: self.service.clone(),
            began_unix_ms: unix_ms(began),
            config: CallerConfig::new(caller, identity, config.clone()),
            start_state: None,
        };
        let sink = Sink::open(&options, header, began, &shared)?;
        self.recording.lock_callers().push(CallerRecording {
            caller: caller.to_owned(),
            shared,
        });
        Ok(CallerRecorder { sink })
    }
}

impl CallsObserver for CallerRecorder {
    fn observe(&mut self, at: Instant, entry: CallsEntry) {
        if !self.sink.has_ended() {
            self.sink.push(at, entry);
        }
    }
}

impl Recording {
    /// Returns the recordings of the calls of callers.
    #[must_use]
    pub fn callers(&self) -> Vec<CallerRecording> {
        self.lock_callers().clone()
    }

    fn lock_callers(&self) -> MutexGuard<'_, Vec<CallerRecording>> {
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallerRecording {
    /// Returns the name of the caller.
    #[must_use]
    pub fn caller(&self) -> &str {
        &self.caller
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

    pub(super) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }
}
