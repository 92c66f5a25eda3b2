//! What the wire writes and reads, without Kafka.

mod arguments;
mod hostile;
mod original;
mod replies;
mod requests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use livebus_core::calls::{CallId, Correlation, Identity};
use livebus_runner::calls::{
    Incoming, IncomingReply, IncomingRequest, Payload, ReplyAddress, RequestToWrite, Wire, Written,
};
use livebus_runner::handlers::{Batch, Record};
use livebus_voltha::{Arguments, TimestampForm, VolthaWire};

const FORMS: [TimestampForm; 3] = [
    TimestampForm::Message,
    TimestampForm::Nanoseconds,
    TimestampForm::Milliseconds,
];

/// A record with this payload.
fn record(payload: Option<&[u8]>) -> Record {
    let mut batch = Batch::new(Arc::from("topic"), 0);
    assert!(batch.push(0, Some(0), None, payload, [].into_iter()));
    Arc::new(batch).record(0)
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

fn replies() -> ReplyAddress {
    ReplyAddress {
        topic: Arc::from("replies"),
        partition: Some(3),
    }
}

/// An instant that each form can write.
fn instant() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(1_600_000_000_123)
}

fn request(reply_to: &ReplyAddress) -> RequestToWrite<'_> {
    RequestToWrite {
        correlation: correlation(),
        attempt: 1,
        topic: "adapter",
        reply_to,
        time: Duration::from_secs(1),
        timestamp: instant(),
        idempotency_key: None,
        method: Some("get_device"),
        traceparent: None,
        payload: Arguments::new().with_text("device_id", "onu-1").encode(),
    }
}

fn read_request(wire: VolthaWire, payload: &[u8]) -> Result<IncomingRequest, String> {
    match wire.read_request(&record(Some(payload))) {
        Ok(Incoming::Request(request)) => Ok(*request),
        Ok(Incoming::Cancel(_)) => Err("a cancel record".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn read_reply(wire: VolthaWire, payload: &[u8]) -> Result<IncomingReply, String> {
    let reply = wire.read_reply(&record(Some(payload)));
    reply.map_err(|error| error.to_string())
}

fn write_request(wire: VolthaWire, request: RequestToWrite<'_>) -> Result<Written, String> {
    let written = wire.write_request(request);
    written.map_err(|error| error.to_string())
}

fn owned(payload: &Payload) -> &[u8] {
    match payload {
        Payload::Owned(bytes) => bytes,
        Payload::OfRecord => panic!("it must be taken out of the record"),
    }
}
