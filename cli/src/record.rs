//! `--record`: a recording that is complete when the program ends.

use std::future;
use std::time::Duration;

use livebus_recording::{End, RecordOptions, Recorder, Recording};
use livebus_runner::{Builder, Bus, Runner};

use crate::args::RecordArgs;
use crate::stream::Stream;

/// The maximum time for which the end of the program waits for the disk.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// The recording of the command, if one was requested.
#[derive(Clone)]
pub(crate) struct Recorded(Option<Recording>);

impl RecordArgs {
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
