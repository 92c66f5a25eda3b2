//! Any bytes as a message of VOLTHA's wire: read, or refused.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use livebus_runner::calls::{
    Incoming, IncomingReply, IncomingRequest, Payload, ReadReply, Reply, ReplyToWrite,
    RequestToWrite, Wire, WireError, Written,
};
use livebus_runner::handlers::{Batch, Record};
use livebus_voltha::{Arguments, Discovery, TimestampForm, VolthaWire};

use super::bytes::Bytes;

const FORMS: [TimestampForm; 3] = [
    TimestampForm::Message,
    TimestampForm::Nanoseconds,
    TimestampForm::Milliseconds,
];

/// Reads a choice of the form of the timestamp, and the rest as a message.
///
/// # Panics
///
/// If reading panics, or what was read is something else after it is written and read again.
pub fn voltha(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let form = bytes.one_of(FORMS);
    let payload = bytes.slice(usize::MAX);
    let wire = VolthaWire::new(form);
    let record = record(payload);
    let request = wire.read_request(&record);
    let reply = wire.read_reply(&record);
    let discovery = Discovery::decode(Some(payload), form);
    let read = [request.is_ok(), reply.is_ok(), discovery.is_ok()];
    let read = read.into_iter().filter(|it| *it).count();
    assert!(read <= 1, "it is several messages at once");
    match request {
        Ok(Incoming::Request(request)) => check_request(wire, &request),
        Ok(Incoming::Cancel(_)) => panic!("this wire has no cancel record"),
        Err(error) => check_error(&error),
    }
    match reply {
        Ok(reply) => check_reply(wire, &reply),
        Err(error) => check_error(&error),
    }
    match discovery {
        // What another wrote may have a topic that Kafka does not have.
        Ok(discovery) => {
            if let Ok(written) = discovery.clone().encode(form) {
                let again = Discovery::decode(Some(&written), form);
                assert_eq!(again.expect("it was written").device, discovery.device);
            }
        }
        Err(error) => check_error(&error.into()),
    }
}

fn record(payload: &[u8]) -> Record {
    let mut batch = Batch::new(Arc::from("topic"), 0);
    assert!(batch.push(0, Some(0), None, Some(payload), [].into_iter()));
    Arc::new(batch).record(0)
}

fn written_record(written: &Written) -> Record {
    record(&written.payload)
}

fn owned(payload: &Payload) -> &[u8] {
    match payload {
        Payload::Owned(bytes) => bytes,
        Payload::OfRecord => panic!("it must be taken out of the record"),
    }
}

fn check_request(wire: VolthaWire, request: &IncomingRequest) {
    let payload = owned(&request.payload);
    let arguments = Arguments::decode(payload).ok();
    let Some(reply_to) = &request.reply_to else {
        return;
    };
    let written = wire.write_request(RequestToWrite {
        correlation: request.correlation,
        attempt: 1,
        topic: "topic",
        reply_to,
        time: Duration::ZERO,
        timestamp: request.timestamp.unwrap_or(SystemTime::UNIX_EPOCH),
        idempotency_key: None,
        method: request.method.as_deref(),
        traceparent: None,
        payload: payload.to_vec(),
    });
    let written = written.expect("what was read is written");
    let again = wire.read_request(&written_record(&written));
    let Ok(Incoming::Request(again)) = again else {
        panic!("what was written is read: {again:?}");
    };
    assert_eq!(again.correlation, request.correlation);
    assert_eq!(
        (&again.reply_to, &again.method),
        (&request.reply_to, &request.method)
    );
    assert_eq!(Arguments::decode(owned(&again.payload)).ok(), arguments);
}

fn check_reply(wire: VolthaWire, reply: &IncomingReply) {
    let request = IncomingRequest {
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
    };
    let written = wire.write_reply(ReplyToWrite {
        request: &request,
        topic: "topic",
        timestamp: SystemTime::UNIX_EPOCH,
        reply: match &reply.reply {
            ReadReply::Done(result) => Reply::Done(owned(result).to_vec()),
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
    // A result without a type is read, since the callee succeeded, and not written.
    let Ok(written) = written else {
        assert!(matches!(reply.reply, ReadReply::Done(_)));
        return;
    };
    let again = wire.read_reply(&written_record(&written));
    assert_eq!(&again.expect("it was written"), reply);
}

fn check_error(error: &WireError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 1_000, "{text}");
}
