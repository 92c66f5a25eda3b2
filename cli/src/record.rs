//! `--record`: a recording that is complete when the program ends.

use std::time::Duration;

use livebus_recording::{RecordOptions, Recorder, Recording};
use livebus_runner::{Builder, Bus, Runner};

use crate::args::RecordArgs;

/// The maximum time for which the end of the program waits for the disk.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl RecordArgs {
    /// Adds a recorder to `builder`, if there is a file.
    pub(crate) fn apply<R: Runner, B: Bus>(
        &self,
        builder: Builder<R, B>,
    ) -> (Builder<R, B>, Option<Recording>) {
        let Some(file) = &self.record else {
            return (builder, None);
        };
        let (recorder, recording) = Recorder::new(RecordOptions {
            max_bytes: self.record_max_size,
            ..RecordOptions::new(file)
        });
        (builder.observer(recorder), Some(recording))
    }
}

/// Waits until the recording of a supervision that has ended is written, and prints an error when it is not complete.
pub(crate) fn finish(recording: Option<&Recording>) {
    let Some(recording) = recording else {
        return;
    };
    match recording.wait(MAX_WAIT) {
        Some(end) if end.is_in_order() => {}
        Some(end) => eprintln!("livebus: the recording is not complete: {end}"),
        None => eprintln!("livebus: the recording is not complete: the disk took too long"),
    }
}
