//! A recording in memory.

use std::sync::mpsc::channel;
use std::time::Instant;

use livebus_recording::{Content, End, Epoch, Header, Line, Outcome, Replay};
use livebus_runner::Entry;

use crate::random_run::{RandomRun, config};

/// Returns the recording of the random run of this seed, as the text of a file.
pub(crate) fn recording(seed: u64, steps: usize) -> Vec<u8> {
    let began = Instant::now();
    let (sender, receiver) = channel();
    let observer = move |at, entry| sender.send((at, entry)).expect("it is read below");
    let run = RandomRun::new(seed, began, Box::new(observer)).run(steps);
    let end = if run.supervisor.is_stopped() {
        End::Stopped
    } else {
        End::ForcedStop
    };
    let header = Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 0,
        config: config(seed),
        start_state: None,
    };
    let entries: Vec<(Instant, Entry)> = receiver.try_iter().collect();
    let newest = entries.iter().map(|(at, _)| *at).max();
    let lines = entries
        .iter()
        .map(|(at, entry)| (*at, Content::Entry(*entry)))
        .chain([(newest.unwrap_or(began), Content::End(end))]);
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    for (at, content) in lines {
        Line { at, content }
            .encode(Epoch::new(began), &mut text)
            .expect("it can be written");
    }
    text
}

/// Replays a text.
pub(crate) fn replay(text: &[u8]) -> Result<Outcome, livebus_recording::ReadError> {
    Replay::new(text)?.run(|_, _| {})
}

/// Returns the lines of a text, each with its line break.
pub(crate) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}
