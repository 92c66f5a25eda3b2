//! `--record`: a recording that is complete when the program ends.

use std::future;
use std::path::Path;
use std::time::Duration;

use livebus_recording::{End, RecordError, RecordOptions, Recorder, Recording};
use livebus_runner::{BuildError, Builder, Bus, Runner};

use crate::args::RecordArgs;
use crate::settings::usage_error;
use crate::stream::Stream;

/// The maximum time for which the end of the program waits for the disk.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The recording of the command, if one was requested.
#[derive(Clone)]
pub(crate) struct Recorded(Option<Recording>);

impl RecordArgs {
    /// Checks the size and the folder of the file, before anything is started. The recorder checks the rest.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let Some(path) = self.record.clone() else {
            return Ok(());
        };
        let (value, min) = (self.record_max_size, RecordOptions::MIN_BYTES);
        let error = if value < min {
            RecordError::TooSmall { value, min }
        } else if path.is_dir() {
            RecordError::Folder { path }
        } else if let Err(source) = folder_of(&path).metadata() {
            RecordError::Io { path, source }
        } else {
            return Ok(());
        };
        Err(usage_error(BuildError::Observer(error.into())))
    }

    /// Adds a recorder to `builder`, if there is a file.
    pub(crate) fn apply<R: Runner, B: Bus>(
        &self,
        builder: Builder<R, B>,
    ) -> (Builder<R, B>, Recorded) {
        let Some(file) = &self.record else {
            return (builder, Recorded(None));
        };
        let (recorder, recording) = Recorder::new(RecordOptions {
            max_bytes: self.record_max_size,
            ..RecordOptions::new(file)
        });
        (builder.observer(recorder), Recorded(Some(recording)))
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

impl Recorded {
    /// Waits until the recording has ended; without one, forever.
    pub(crate) async fn ended(&self) -> End {
        match &self.0 {
            Some(recording) => recording.ended().await,
            None => future::pending().await,
        }
    }

    /// Reports the end of the recording if it is an early one.
    pub(crate) fn report_early_end(end: &End, stderr: &Stream) {
        if !end.is_in_order() {
            stderr.line(format!(
                "livebus: the recording has ended early, the supervision continues: {end}"
            ));
        }
    }

    /// Waits until the recording of a supervision that has ended is written, and reports that it takes too long.
    pub(crate) fn finish(&self, stderr: &Stream) {
        let Some(recording) = &self.0 else {
            return;
        };
        match recording.wait(MAX_WAIT) {
            Some(end) if end.is_in_order() => {}
            Some(end) => stderr.line(format!("livebus: the recording is not complete: {end}")),
            None => stderr.line("livebus: the recording is not complete: the disk took too long"),
        }
    }
}
