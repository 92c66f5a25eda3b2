//! Damaged recordings: errors say what is wrong, and nothing panics.

use std::io::BufReader;

use livebus_core::{Config, Handler, Settings};
use livebus_recording::{Header, MAX_LINE_BYTES, Outcome, ReadError, Replay};

use crate::memory::{lines, recording, replay};
use crate::random_run::Numbers;

#[test]
fn a_recording_that_is_cut_anywhere_replays_to_the_cut() {
    let text = recording(8, 25);
    let first = lines(&text)[0].len();
    let breaks: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'\n').collect();
    for length in 0..text.len() {
        let whole = breaks.iter().any(|at| length == *at || length == at + 1);
        match replay(&text[..length]) {
            Ok(Outcome::Same(summary)) => {
                assert!(length >= first - 1, "{length}");
                assert_eq!(summary.was_cut, !whole, "{length}");
                assert_eq!(summary.end.is_some(), length == text.len() - 1, "{length}");
            }
            Ok(Outcome::Different(difference)) => panic!("{length}: {difference}"),
            Err(ReadError::Empty) => assert_eq!(length, 0),
            Err(ReadError::HeaderCut) => assert!(length > 0 && length < first - 1, "{length}"),
            Err(error) => panic!("{length}: {error}"),
        }
    }
}

#[test]
fn a_damaged_line_is_reported_with_its_number() {
    let text = recording(5, 25);
    let lines = lines(&text);
    for index in 1..lines.len() {
        let garbled = b"{\"ns\":1,\"event\n";
        let text = [&lines[..index], &[garbled], &lines[index + 1..]].concat();
        match replay(&text.concat()) {
            Err(ReadError::Damaged { line, damage }) => {
                assert_eq!(line, index as u64 + 1);
                assert!(damage.column.is_some(), "{damage}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_changed_byte_never_panics_and_errors_have_the_line() {
    let text = recording(6, 25);
    let mut numbers = Numbers::new(1);
    let line_of = |at: usize| lines(&text[..=at]).len() as u64;
    for at in 0..text.len() {
        let mut text = text.clone();
        text[at] ^= 1 << numbers.below(8);
        match replay(&text) {
            Ok(Outcome::Same(_)) => {}
            Ok(Outcome::Different(difference)) => assert!(difference.line >= line_of(at)),
            Err(ReadError::Damaged { line, .. } | ReadError::NotUtf8 { line }) => {
                assert_eq!(line, line_of(at), "{at}");
            }
            Err(ReadError::OtherVersion(_) | ReadError::NotARecording) => {
                assert_eq!(line_of(at), 1);
            }
            Err(error) => panic!("{at}: {error}"),
        }
    }
}

fn error_of(text: &[u8]) -> String {
    replay(text).expect_err("it cannot be read").to_string()
}

#[test]
fn the_error_of_another_file_says_that_it_is_no_recording() {
    assert_eq!(error_of(b""), "it is empty");
    for other in [
        &b"hello"[..],
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b"{\"a\":1}\n",
    ] {
        assert_eq!(error_of(other), "it is not a livebus recording");
    }
    let version = br#"{"livebus":2,"novelty":true}"#;
    assert_eq!(
        error_of(version),
        "it is of version 2 of the format; this program reads version 1"
    );
    assert_eq!(
        error_of(b"{\"livebus\":1}\n"),
        "line 1, column 13: missing field `service`"
    );
    assert_eq!(
        error_of(b"{\"livebus\":1,,}\n"),
        "line 1, column 14: key must be a string"
    );
}

#[test]
fn the_error_of_a_line_says_what_is_wrong() {
    let text = recording(7, 10);
    let lines = lines(&text);
    let with = |line: &[u8]| error_of(&[lines[0], line, b"\n", lines[1]].concat());
    assert_eq!(with(b"\xff"), "line 2: it is not UTF-8");
    assert_eq!(with(b"{\"ns\":\"\xff\"}"), "line 2: it is not UTF-8");
    assert_eq!(with(b""), "line 2: it is not a JSON object");
    assert_eq!(
        with(&vec![b' '; MAX_LINE_BYTES + 1]),
        "line 2: it is longer than 1048576 bytes"
    );
    let padded = |length: usize| {
        let (begin, end) = (&b"{\"ns\":0"[..], &b",\"event\":\"Nap\"}\n"[..]);
        let padding = vec![b' '; length - begin.len() - end.len()];
        error_of(&[lines[0], begin, &padding, end].concat())
    };
    let longest = padded(MAX_LINE_BYTES);
    assert!(
        longest.contains("`event` is \"Nap\", which is unknown"),
        "{longest}"
    );
    assert_eq!(
        padded(MAX_LINE_BYTES + 1),
        "line 2: it is longer than 1048576 bytes"
    );
    let handler =
        br#"{"ns":0,"action":"RegisterHandler","id":1,"handler":9,"attempt":1,"deadline":1}"#;
    assert_eq!(
        with(handler),
        "line 2: `handler` is not below the number of handlers"
    );
    let end = br#"{"ns":0,"end":"too slow"}"#;
    assert_eq!(
        error_of(&[lines[0], end, b"\n", lines[1]].concat()),
        "line 3: it comes after the `end` line"
    );
}

#[test]
fn an_invalid_start_state_is_rejected() {
    let text = recording(7, 10);
    let header = std::str::from_utf8(lines(&text)[0])
        .expect("text")
        .trim_end();
    let open = header.strip_suffix('}').expect("an object");
    let with = |more: &str| error_of(format!("{open},{more}}}\n").as_bytes());
    assert_eq!(
        with(r#""ns":0,"state":[1,2,3]"#),
        "line 1: `state` is not the state of a supervisor"
    );
    assert_eq!(
        with(r#""ns":3153600000000000001,"state":[1]"#),
        "line 1: `ns` is more than 100 years from the start"
    );
    assert_eq!(
        with(r#""ns":0"#),
        "line 1: it has one of `ns` and `state` without the other"
    );
}

#[test]
fn pending_actions_are_bounded() {
    let handlers = (0..100).map(|n| Handler::optional(format!("handler-{n}")));
    let config =
        Config::new(Settings::default()).and_then(|it| it.with_handlers(handlers.collect()));
    let header = Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 0,
        config: config.expect("valid"),
        start_state: None,
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    text.extend_from_slice(b"{\"ns\":0,\"event\":\"StartAnswered\",\"id\":1}\n");
    for minute in 1..=6_000_u64 {
        let ns = minute * 60_000_000_000;
        let line = format!("{{\"ns\":{ns},\"event\":\"Timeout\"}}\n");
        text.extend_from_slice(line.as_bytes());
    }
    let error = error_of(&text);
    assert!(
        error.ends_with("more actions are pending than any loop leaves unpolled"),
        "{error}"
    );
}

#[test]
fn an_error_of_the_source_is_returned() {
    #[derive(Debug)]
    struct Failing;
    impl std::io::Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("on purpose"))
        }
    }
    let error = Replay::new(BufReader::new(Failing)).expect_err("it fails");
    assert_eq!(error.to_string(), "line 1: on purpose");
}
