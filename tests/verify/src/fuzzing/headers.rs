//! The headers of a message of livebus's wire, with changes: it is read, or refused with the name of a header.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use livebus_runner::calls::{
    HeaderWire, Incoming, IncomingReply, IncomingRequest, Payload, ReadReply, Reply, ReplyToWrite,
    RequestToWrite, Wire, WireError, Written,
};
use livebus_runner::handlers::{Batch, Header, Record};

use super::bytes::Bytes;

/// The most headers that a message gets.
const MAX_HEADERS: usize = 40;

const COMMON: [(&str, &str); 2] = [
    ("livebus.version", "1"),
    (
        "livebus.correlation",
        "00000000000000a1-0000000000000002-0000000000000007",
    ),
];
const TEMPLATES: [&[(&str, &str)]; 6] = [
    &[
        ("livebus.type", "request"),
        ("livebus.reply.topic", "replies"),
        ("livebus.reply.partition", "3"),
        ("livebus.time.ms", "1500"),
        ("livebus.attempt", "1"),
        ("livebus.idempotency.key", "order-42"),
        ("livebus.method", "reserve"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ],
    &[("livebus.type", "cancel")],
    &[("livebus.type", "reply"), ("livebus.result", "done")],
    &[
        ("livebus.type", "reply"),
        ("livebus.result", "failed"),
        ("livebus.code", "-7"),
        ("livebus.reason", "no stock"),
    ],
    &[
        ("livebus.type", "reply"),
        ("livebus.result", "refused"),
        ("livebus.refusal", "too_late"),
        ("livebus.never_began", "true"),
        ("livebus.age.ms", "1704"),
    ],
    &[],
];

type Headers = Vec<(String, Option<Vec<u8>>)>;

/// Reads a choice of a message and changes to its headers, and reads the message.
///
/// # Panics
///
/// If reading panics, an error names no header, or a message that was read is another one after it is written and read again.
pub fn headers(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let template = bytes.one_of(TEMPLATES);
    let given = COMMON.iter().chain(template);
    let mut headers: Headers = given
        .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
        .collect();
    while !bytes.is_empty() {
        change(&mut headers, &mut bytes);
    }
    let record = record(&headers);
    let request = HeaderWire.read_request(&record);
    let reply = HeaderWire.read_reply(&record);
    assert!(
        request.is_err() || reply.is_err(),
        "it is a request and a reply"
    );
    match request {
        Ok(Incoming::Request(request)) => check_request(&request),
        Ok(Incoming::Cancel(cancels)) => {
            let written = HeaderWire.write_cancel(cancels).expect("the wire has them");
            let again = HeaderWire.read_request(&written_record(&written));
            assert_eq!(again.expect("it was written"), Incoming::Cancel(cancels));
        }
        Err(error) => check_error(&error),
    }
    match reply {
        Ok(reply) => check_reply(&reply),
        Err(error) => check_error(&error),
    }
}

/// Changes one header: what it is, which one, and its value if it needs one.
fn change(headers: &mut Headers, bytes: &mut Bytes<'_>) {
    let kind = bytes.byte() % 6;
    let index = usize::from(bytes.byte());
    if kind == 0 || headers.is_empty() {
        if headers.len() < MAX_HEADERS {
            let names = HeaderWire::HEADERS;
            let name = names.get(index % (names.len() + 1)).copied();
            let length = usize::from(bytes.byte());
            let value = bytes.slice(length).to_vec();
            headers.push((name.unwrap_or("livebus.other").to_owned(), Some(value)));
        }
        return;
    }
    let index = index % headers.len();
    match kind {
        1 => {
            headers.remove(index);
        }
        2 if headers.len() < MAX_HEADERS => headers.push(headers[index].clone()),
        3 => headers[index].1 = None,
        4 => {
            let length = usize::from(bytes.byte());
            headers[index].1 = Some(bytes.slice(length).to_vec());
        }
        _ => {
            let (position, byte) = (usize::from(bytes.byte()), bytes.byte());
            if let Some(value) = &mut headers[index].1
                && !value.is_empty()
            {
                let position = position % value.len();
                value[position] = byte;
            }
        }
    }
}

fn record(headers: &Headers) -> Record {
    let mut batch = Batch::new(Arc::from("topic"), 0);
    let headers = headers.iter().map(|(name, value)| Header {
        name,
        value: value.as_deref(),
    });
    assert!(batch.push(0, Some(0), None, Some(b"payload"), headers));
    Arc::new(batch).record(0)
}

fn written_record(written: &Written) -> Record {
    let header = |(name, value): &(&str, Vec<u8>)| ((*name).to_owned(), Some(value.clone()));
    record(&written.headers.iter().map(header).collect())
}

fn check_request(request: &IncomingRequest) {
    let Some(reply_to) = &request.reply_to else {
        // A caller of livebus always wants a reply.
        return;
    };
    let written = HeaderWire.write_request(RequestToWrite {
        correlation: request.correlation,
        attempt: request.attempt,
        topic: "topic",
        reply_to,
        time: request.time.expect("this wire has it"),
        timestamp: SystemTime::UNIX_EPOCH,
        idempotency_key: request.idempotency_key.as_deref(),
        method: request.method.as_deref(),
        traceparent: request.traceparent.as_deref(),
        payload: Vec::new(),
    });
    let written = written.expect("what was read is written");
    let again = HeaderWire.read_request(&written_record(&written));
    let expected = Incoming::Request(Box::new(request.clone()));
    assert_eq!(again.expect("it was written"), expected);
}

fn check_reply(reply: &IncomingReply) {
    let written = HeaderWire.write_reply(ReplyToWrite {
        request: &request_of(reply),
        topic: "topic",
        timestamp: SystemTime::UNIX_EPOCH,
        reply: match &reply.reply {
            ReadReply::Done(_) => Reply::Done(Vec::new()),
            ReadReply::Failed(error) => Reply::Failed(error.clone()),
            ReadReply::Refused {
                refusal,
                never_began,
            } => Reply::Refused {
                refusal: *refusal,
                never_began: *never_began,
                age: Duration::ZERO,
            },
        },
    });
    let written = written.expect("what was read is written");
    let again = HeaderWire.read_reply(&written_record(&written));
    assert_eq!(&again.expect("it was written"), reply);
}

fn request_of(reply: &IncomingReply) -> IncomingRequest {
    IncomingRequest {
        correlation: reply.to,
        id: None,
        attempt: 1,
        reply_to: None,
        time: None,
        timestamp: None,
        idempotency_key: None,
        method: None,
        traceparent: None,
        payload: Payload::OfRecord,
    }
}

fn check_error(error: &WireError) {
    let text = error.to_string();
    let names_a_header = HeaderWire::HEADERS
        .iter()
        .any(|name| text.starts_with(&format!("header {name} ")));
    assert!(names_a_header && text.len() < 500, "{text}");
}
