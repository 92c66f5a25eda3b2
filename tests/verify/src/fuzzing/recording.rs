//! Any bytes as a recording: read, or refused with the line that is wrong.

use livebus_recording::{Header, MAX_LINE_BYTES, Outcome, ReadError, Reader, Replay};

/// Reads the bytes as a file, and replays them.
///
/// # Panics
///
/// If reading panics, if what was read changes when it is written and read again, or if an error names a line that does not
/// exist.
pub fn recording(bytes: &[u8]) {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
    read(bytes, lines);
    replay(bytes, lines);
}

fn read(bytes: &[u8], lines: u64) {
    let mut reader = match Reader::new(bytes) {
        Ok(reader) => reader,
        Err(error) => return check_error(&error, lines),
    };
    let mut text = Vec::new();
    reader
        .header()
        .encode(&mut text)
        .expect("a header is written");
    let header = Header::decode(&text).expect("what was written is read");
    assert_eq!(&header, reader.header());
    let epoch = reader.epoch();
    let mut expected = 2;
    for item in reader.by_ref() {
        let (number, line) = match item {
            Ok(item) => item,
            Err(error) => return check_error(&error, lines),
        };
        assert_eq!(number, expected);
        expected += 1;
        text.clear();
        line.encode(epoch, &mut text).expect("a line is written");
        let again = livebus_recording::Line::decode(&text, epoch);
        assert_eq!(again.expect("what was written is read"), line);
    }
    assert!(reader.next().is_none(), "nothing may follow the end");
    assert_eq!(expected - 1 + u64::from(reader.was_cut()), lines);
}

/// Replays a recording, and returns its outcome if it can be read.
pub(super) fn replay(bytes: &[u8], lines: u64) -> Option<Outcome> {
    let replay = match Replay::new(bytes) {
        Ok(replay) => replay,
        Err(error) => {
            check_error(&error, lines);
            return None;
        }
    };
    let mut passed = 1;
    let outcome = replay.run(|number, _| {
        passed += 1;
        assert_eq!(number, passed, "each line must be passed on, in order");
    });
    match &outcome {
        Ok(Outcome::Same(summary)) => {
            assert_eq!(summary.lines, passed);
            assert_eq!(summary.lines + u64::from(summary.was_cut), lines);
            assert!(summary.inputs + summary.actions < lines);
        }
        Ok(Outcome::Different(difference)) => {
            assert_eq!(difference.line, passed + 1, "{difference}");
            assert!(difference.line <= lines, "{difference}");
        }
        Err(error) => check_error(error, lines),
    }
    outcome.ok()
}

/// Checks that an error names a line that exists.
fn check_error(error: &ReadError, lines: u64) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 3 * MAX_LINE_BYTES);
    match *error {
        ReadError::Empty => assert_eq!(lines, 0),
        ReadError::NotARecording | ReadError::OtherVersion(_) => {}
        ReadError::HeaderCut => assert_eq!(lines, 1),
        ReadError::Damaged { line, .. }
        | ReadError::NotUtf8 { line }
        | ReadError::TooLong { line, .. } => assert!((1..=lines).contains(&line), "{error}"),
        ReadError::Io { .. } => panic!("reading bytes cannot fail: {error}"),
        ReadError::OtherMachine(_) | _ => unreachable!("unknown error: {error}"),
    }
}
