use std::io::{BufRead, BufReader};

use futures::executor::block_on;
use rustix::pipe::pipe;

use super::*;
use crate::live_text::Painted;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A stream into a pipe, and the reader of the pipe.
fn piped(notice: Notice, errors: Option<Stream>) -> (Stream, ReaderGone, File) {
    let (reader, writer) = pipe().expect("there are descriptors");
    let (stream, gone) =
        Stream::open("a pipe", notice, Ok(writer), errors, true).expect("it opens");
    (stream, gone, File::from(reader))
}

fn live_text(text: &str) -> LiveText {
    let text = text.to_owned();
    LiveText::new(Painted {
        plain: text.clone(),
        painted: text,
    })
}

#[test]
fn a_reader_that_comes_back_gets_the_number_of_dropped_lines_and_the_newest() {
    for (notice, before, after) in [
        (
            Notice::Text,
            "livebus: ",
            " lines could not be written to a pipe in time",
        ),
        (Notice::Json, "{\"dropped\":", "}"),
    ] {
        let (stream, _gone, reader) = piped(notice, None);
        let last = 100_000_u64;
        for number in 1..=last {
            stream.line(format!("{number:07} {}", "x".repeat(92)));
        }
        let mut next = 1;
        for line in BufReader::new(reader).lines() {
            let line = line.expect("text");
            if let Some(rest) = line.strip_prefix(before) {
                let dropped = rest.strip_suffix(after).expect("nothing follows");
                next += dropped.parse::<u64>().expect("a number");
                continue;
            }
            assert_eq!(line[..7].parse(), Ok(next), "{line}");
            if next == last {
                break;
            }
            next += 1;
        }
        assert_eq!(stream.finish(TIMEOUT), 0);
    }
}

#[test]
fn the_end_does_not_wait_for_a_reader_forever_and_counts_what_is_lost() {
    let (stream, _gone, _reader) = piped(Notice::Text, None);
    for _ in 0..3_000 {
        stream.line("x".repeat(99));
    }
    let lost = stream.finish(Duration::from_millis(100));
    // A pipe holds 64 KiB: 655 lines.
    assert!((2_000..3_000).contains(&lost), "{lost}");
}

#[test]
fn a_reader_that_goes_away_is_noticed_without_a_write() {
    let (errors, _gone, _reader) = piped(Notice::Text, None);
    let (stream, gone, reader) = piped(Notice::Text, Some(errors));
    drop(reader);
    assert_eq!(block_on(gone), Ok(()));
    stream.line("nobody gets this");
    assert_eq!(stream.finish(TIMEOUT), 0);
}

#[test]
fn a_line_replaces_the_live_line_and_an_end_clears_it() {
    let (stream, _gone, mut reader) = piped(Notice::Text, None);
    let mut shown = String::new();
    for step in [Some("one"), None] {
        stream.set_live_line(step.map(live_text));
        stream.finish(TIMEOUT);
        if step.is_some() {
            stream.line("two");
            stream.set_live_line(Some(live_text("three")));
            stream.finish(TIMEOUT);
        }
    }
    drop(stream);
    let mut bytes = [0; 1_000];
    let read = io::Read::read(&mut reader, &mut bytes).expect("a pipe");
    shown.push_str(std::str::from_utf8(&bytes[..read]).expect("text"));
    let live = |text: &str| format!("{NO_WRAP}{text}{CLEAR_REST}{WRAP}\r");
    let expected = [
        live("one"),
        format!("{CLEAR}two\n"),
        live("three"),
        CLEAR.to_owned(),
    ];
    assert_eq!(shown, expected.concat());
}
