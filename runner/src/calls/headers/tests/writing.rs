//! What cannot be carried is refused; what has a bound is cut.

use super::*;

pub(super) fn to_write(reply_to: &ReplyAddress) -> RequestToWrite<'_> {
    RequestToWrite {
        correlation: correlation(),
        attempt: 1,
        topic: "requests",
        reply_to,
        time: Duration::from_millis(1_500),
        timestamp: SystemTime::UNIX_EPOCH,
        idempotency_key: None,
        method: None,
        traceparent: None,
        payload: b"payload".to_vec(),
    }
}

#[test]
fn a_request_that_cannot_be_carried_is_refused_before_it_is_written() {
    let address = |topic: &str, partition| ReplyAddress {
        topic: Arc::from(topic),
        partition,
    };
    let (good, long_key) = (address("replies", None), [0; MAX_KEY_BYTES + 1]);
    let long_method = "m".repeat(MAX_METHOD_BYTES + 1);
    let (no_topic, negative) = (address("no topic", None), address("replies", Some(-1)));
    let base = || to_write(&good);
    for (request, name) in [
        (to_write(&no_topic), names::REPLY_TOPIC),
        (to_write(&negative), names::REPLY_PARTITION),
        (
            RequestToWrite {
                idempotency_key: Some(b""),
                ..base()
            },
            names::IDEMPOTENCY_KEY,
        ),
        (
            RequestToWrite {
                idempotency_key: Some(&long_key),
                ..base()
            },
            names::IDEMPOTENCY_KEY,
        ),
        (
            RequestToWrite {
                method: Some(""),
                ..base()
            },
            names::METHOD,
        ),
        (
            RequestToWrite {
                method: Some(&long_method),
                ..base()
            },
            names::METHOD,
        ),
        (
            RequestToWrite {
                traceparent: Some("?"),
                ..base()
            },
            names::TRACEPARENT,
        ),
    ] {
        let error = HeaderWire
            .write_request(request)
            .expect_err(name)
            .to_string();
        assert!(error.starts_with(&format!("header {name} ")), "{error}");
    }
}

#[test]
fn a_time_is_written_in_whole_milliseconds_that_are_bounded() {
    let address = ReplyAddress {
        topic: Arc::from("replies"),
        partition: None,
    };
    for (time, expected) in [
        (Duration::from_micros(1_999), 1),
        (Duration::ZERO, 0),
        (Duration::MAX, 1_000_000_000_000),
    ] {
        let request = RequestToWrite {
            time,
            ..to_write(&address)
        };
        let written = HeaderWire.write_request(request).expect("it is valid");
        let read = read_request(&raw_of(&written)).expect("it was written");
        assert_eq!(read.time, Some(Duration::from_millis(expected)));
    }
}

#[test]
fn a_cancel_record_names_its_call() {
    let written = HeaderWire
        .write_cancel(correlation())
        .expect("this wire has them");
    let read = HeaderWire.read_request(&record_of(&raw_of(&written)));
    assert_eq!(
        read.expect("it was written"),
        Incoming::Cancel(correlation())
    );
}

#[test]
fn a_reason_that_is_too_long_is_cut_between_characters() {
    let request = read_request(&request()).expect("it is valid");
    let reason = format!("{}üü", "r".repeat(MAX_REASON_BYTES - 3));
    let reply = Reply::Failed(ApplicationError { code: 0, reason });
    let written = HeaderWire
        .write_reply(of(&request, reply))
        .expect("it is valid");
    let read = read_reply(&raw_of(&written)).expect("it was written");
    let ReadReply::Failed(error) = read.reply else {
        panic!("{read:?}");
    };
    assert_eq!(error.reason.len(), MAX_REASON_BYTES - 1);
}

pub(super) fn of(request: &IncomingRequest, reply: Reply) -> ReplyToWrite<'_> {
    ReplyToWrite {
        request,
        topic: "requests",
        timestamp: SystemTime::UNIX_EPOCH,
        reply,
    }
}
