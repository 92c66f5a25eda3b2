//! What is wrong is refused with the name of its header.

mod document;
mod properties;
mod reading;
mod writing;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::calls::headers::text::{MAX_KEY_BYTES, MAX_METHOD_BYTES, MAX_REASON_BYTES};
use crate::calls::wire::{ApplicationError, IncomingRequest, Payload, ReadReply, ReplyAddress};
use crate::handlers::{Batch, Header};
use livebus_core::calls::{CallId, Correlation, Identity, Refusal};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

type Raw = Vec<(String, Option<Vec<u8>>)>;

fn record_of(headers: &Raw) -> Record {
    let mut batch = Batch::new(Arc::from("topic"), 0);
    let headers = headers.iter().map(|(name, value)| Header {
        name,
        value: value.as_deref(),
    });
    assert!(batch.push(0, Some(0), None, Some(b"payload"), headers));
    Arc::new(batch).record(0)
}

fn raw(headers: &[(&str, &str)]) -> Raw {
    let header =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
    headers.iter().map(header).collect()
}

fn raw_of(written: &Written) -> Raw {
    let header =
        |(name, value): &(&'static str, Vec<u8>)| ((*name).to_owned(), Some(value.clone()));
    written.headers.iter().map(header).collect()
}

/// Returns the headers of a request that has all of them.
fn request() -> Raw {
    raw(&[
        ("livebus.version", "1"),
        ("livebus.type", "request"),
        (
            "livebus.correlation",
            "00000000000000a1-0000000000000002-0000000000000007",
        ),
        ("livebus.reply.topic", "replies"),
        ("livebus.reply.partition", "3"),
        ("livebus.time.ms", "1500"),
        ("livebus.attempt", "1"),
        ("livebus.idempotency.key", "order-42"),
        ("livebus.method", "reserve"),
        ("traceparent", TRACEPARENT),
    ])
}

fn reply(result: &[(&str, &str)]) -> Raw {
    let mut headers = raw(&[
        ("livebus.version", "1"),
        ("livebus.type", "reply"),
        (
            "livebus.correlation",
            "00000000000000a1-0000000000000002-0000000000000007",
        ),
    ]);
    headers.extend(raw(result));
    headers
}

fn refused() -> Raw {
    reply(&[
        ("livebus.result", "refused"),
        ("livebus.refusal", "too_late"),
        ("livebus.never_began", "true"),
        ("livebus.age.ms", "1704"),
    ])
}

fn failed() -> Raw {
    reply(&[
        ("livebus.result", "failed"),
        ("livebus.code", "-7"),
        ("livebus.reason", "no stock"),
    ])
}

fn set(mut headers: Raw, name: &str, value: impl AsRef<[u8]>) -> Raw {
    let header = headers.iter_mut().find(|header| header.0 == name);
    header.expect("it is there").1 = Some(value.as_ref().to_vec());
    headers
}

fn without(mut headers: Raw, name: &str) -> Raw {
    headers.retain(|header| header.0 != name);
    headers
}

fn read_request(headers: &Raw) -> Result<IncomingRequest, String> {
    match HeaderWire.read_request(&record_of(headers)) {
        Ok(Incoming::Request(request)) => Ok(*request),
        Ok(Incoming::Cancel(_)) => Err("a cancel record".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_reply(headers: &Raw) -> Result<IncomingReply, String> {
    let reply = HeaderWire.read_reply(&record_of(headers));
    reply.map_err(|error| error.to_string())
}

fn correlation() -> Correlation {
    Correlation {
        from: Identity {
            instance: 0xa1,
            epoch: 2,
        },
        call: CallId(7),
    }
}

#[test]
fn a_missing_header_is_named() {
    for name in [
        "livebus.version",
        "livebus.type",
        "livebus.correlation",
        "livebus.reply.topic",
        "livebus.time.ms",
        "livebus.attempt",
    ] {
        let error = read_request(&without(request(), name)).expect_err(name);
        assert!(
            error.starts_with(&format!("header {name} is missing")),
            "{error}"
        );
    }
    let cases = [
        (failed(), "livebus.result"),
        (failed(), "livebus.code"),
        (failed(), "livebus.reason"),
        (refused(), "livebus.refusal"),
        (refused(), "livebus.never_began"),
        (refused(), "livebus.correlation"),
    ];
    for (headers, name) in cases {
        let error = read_reply(&without(headers, name)).expect_err(name);
        assert!(
            error.starts_with(&format!("header {name} is missing")),
            "{error}"
        );
    }
    assert!(read_reply(&without(refused(), "livebus.age.ms")).is_ok());
}

#[test]
fn each_header_that_is_there_twice_or_without_a_value_is_named() {
    let read = |headers: &Raw| {
        let is_reply = headers
            .iter()
            .any(|header| header.1.as_deref() == Some(b"reply"));
        if is_reply {
            read_reply(headers).map(|_| ())
        } else {
            read_request(headers).map(|_| ())
        }
    };
    let mut seen = 0;
    for message in [request(), refused(), failed()] {
        for index in 0..message.len() {
            let (name, value) = message[index].clone();
            if name == "traceparent" {
                continue;
            }
            let mut twice = message.clone();
            twice.push((name.clone(), value));
            let error = read(&twice).expect_err(&name);
            assert!(
                error.starts_with(&format!("header {name} is there more")),
                "{error}"
            );
            let mut none = message.clone();
            none[index].1 = None;
            let error = read(&none).expect_err(&name);
            assert!(
                error.starts_with(&format!("header {name} has no value")),
                "{error}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 9 + 7 + 6);
}

#[test]
fn a_malformed_header_of_a_request_is_named_with_its_value() {
    let cases: [(&str, &[&[u8]]); 9] = [
        (
            "livebus.version",
            &[b"", b"one", b"+1", b"01", b"-1", b" 1", b"1.0"],
        ),
        (
            "livebus.type",
            &[b"", b"Request", b"request ", b"\xff", b"event"],
        ),
        (
            "livebus.correlation",
            &[
                b"",
                b"7",
                b"00000000000000a1-0000000000000002",
                b"00000000000000A1-0000000000000002-0000000000000007",
                b"00000000000000a1_0000000000000002_0000000000000007",
                b"0000000000000a1-00000000000000002-0000000000000007",
                b"+0000000000000a1-0000000000000002-0000000000000007",
                b"00000000000000a1-0000000000000002-000000000000000-",
            ],
        ),
        (
            "livebus.reply.topic",
            &[b"", b".", b"..", b"a b", b"a/b", b"\xff", "ü".as_bytes()],
        ),
        (
            "livebus.reply.partition",
            &[b"", b"-1", b"+3", b"03", b"2147483648"],
        ),
        (
            "livebus.time.ms",
            &[b"", b"-1", b"1.5", b"1000000000001", b"1e3"],
        ),
        ("livebus.attempt", &[b"", b"0", b"4294967296", b"1 "]),
        ("livebus.idempotency.key", &[b""]),
        ("livebus.method", &[b"", b"\xff"]),
    ];
    for (name, values) in cases {
        for value in values {
            let error = read_request(&set(request(), name, value)).expect_err(name);
            let shown = value.escape_ascii();
            let expected = format!("header {name} is \"{shown}\": it must be ");
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}

#[test]
fn a_malformed_header_of_a_reply_is_named() {
    let cases: [(Raw, &str, &[&[u8]]); 6] = [
        (refused(), "livebus.result", &[b"", b"Done", b"ok"]),
        (refused(), "livebus.refusal", &[b"", b"TooLate", b"busy"]),
        (refused(), "livebus.never_began", &[b"", b"1", b"TRUE"]),
        (refused(), "livebus.age.ms", &[b"", b"-1", b"9999999999999"]),
        (failed(), "livebus.code", &[b"", b"-0", b"2147483648", b"x"]),
        (failed(), "livebus.reason", &[b"\xff"]),
    ];
    for (headers, name, values) in cases {
        for value in values {
            let error = read_reply(&set(headers.clone(), name, value)).expect_err(name);
            assert!(
                error.starts_with(&format!("header {name} is \"")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_reason_is_not_shown() {
    let error = read_reply(&set(failed(), "livebus.reason", b"secret \xff")).expect_err("no UTF-8");
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn a_header_that_is_too_long_is_named_with_its_length() {
    for (name, length, max) in [
        ("livebus.version", 11, 10),
        ("livebus.type", 17, 16),
        ("livebus.correlation", 51, 50),
        ("livebus.reply.topic", 250, 249),
        ("livebus.reply.partition", 11, 10),
        ("livebus.time.ms", 14, 13),
        ("livebus.attempt", 11, 10),
        ("livebus.idempotency.key", 1025, 1024),
        ("livebus.method", 256, 255),
    ] {
        let error = read_request(&set(request(), name, "9".repeat(length))).expect_err(name);
        let expected = format!("header {name} has {length} bytes: at most {max} are allowed");
        assert_eq!(error, expected);
    }
    let error = read_reply(&set(failed(), "livebus.reason", "9".repeat(4_097)));
    let error = error.expect_err("it is too long");
    assert!(
        error.starts_with("header livebus.reason has 4097 bytes"),
        "{error}"
    );
}

#[test]
fn another_version_is_an_error_of_its_own() {
    for message in [request(), refused()] {
        // What else it has may mean something else there.
        let other = without(set(message, "livebus.version", "2"), "livebus.type");
        let error = HeaderWire
            .read_request(&record_of(&other))
            .expect_err("version 2");
        let error = error
            .downcast::<HeaderError>()
            .expect("its type is documented");
        assert_eq!(*error, HeaderError::UnknownVersion { found: 2, known: 1 });
    }
}

#[test]
fn a_message_on_the_wrong_topic_is_refused() {
    let error = read_reply(&request()).expect_err("a request");
    assert!(
        error.contains("livebus.type is request, where only reply is read"),
        "{error}"
    );
    let error = read_request(&refused()).expect_err("a reply");
    assert!(
        error.contains("livebus.type is reply, where only request or cancel"),
        "{error}"
    );
}

#[test]
fn a_reply_partition_without_a_topic_is_refused() {
    let error = read_request(&without(request(), "livebus.reply.topic")).expect_err("no topic");
    assert_eq!(
        error,
        "header livebus.reply.topic is missing: a request with livebus.reply.partition needs it"
    );
}
