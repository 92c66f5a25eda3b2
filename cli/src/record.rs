//! `--record`: from the options to a recording that is complete when the program ends.

use std::time::Duration;

use livebus_recording::{RecordOptions, Recorder, Recording};
use livebus_runner::{Builder, Bus, Runner};

use crate::args::RecordArgs;

/// How long the end of the program waits for the disk.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

impl RecordArgs {
    /// Has it recorded, if that was asked for.
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

/// Waits until the recording of a supervision that has ended is all written, and says when it is not.
pub(crate) fn finish(recording: Option<&Recording>) {
    let Some(recording) = recording else {
        return;
    };
    match recording.wait(LONGEST_WAIT) {
        Some(end) if end.is_in_order() => {}
        Some(end) => eprintln!("livebus: the recording is not complete: {end}"),
        None => eprintln!("livebus: the recording is not complete: the disk took too long"),
    }
}
