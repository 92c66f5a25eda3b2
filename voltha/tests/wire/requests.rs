//! Requests.

use livebus_voltha::Discovery;
use livebus_voltha::messages::{
    DeviceDiscovered, Header, InterContainerMessage, InterContainerRequestBody, MessageType,
};
use livebus_voltha::pack;
use prost::Message;

use super::*;

#[test]
fn a_request_that_is_written_is_read_again_in_each_form() {
    for form in FORMS {
        let wire = VolthaWire::new(form);
        let written = write_request(wire, request(&replies())).expect("it is valid");
        assert_eq!(written.headers, []);
        let read = read_request(wire, &written.payload).expect("it was written");
        let arguments = Arguments::decode(owned(&read.payload)).expect("they were written");
        assert_eq!(arguments.text("device_id").as_deref(), Ok("onu-1"));
        let expected = IncomingRequest {
            correlation: correlation(),
            id: Some(Arc::from(
                "00000000000000a1-0000000000000002-0000000000000007",
            )),
            attempt: 1,
            // The original does not know of partitions.
            reply_to: Some(ReplyAddress {
                topic: Arc::from("replies"),
                partition: None,
            }),
            time: None,
            timestamp: Some(instant()),
            idempotency_key: None,
            method: Some("get_device".to_owned()),
            traceparent: None,
            payload: read.payload.clone(),
        };
        assert_eq!(read, expected);
    }
}

#[test]
fn a_request_has_the_fields_that_the_original_reads() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let written = write_request(wire, request(&replies())).expect("it is valid");
    let message = InterContainerMessage::decode(&*written.payload).expect("it was written");
    let header = message.header.expect("it has one");
    assert_eq!(header.r#type(), MessageType::Request);
    assert_eq!(
        (&*header.from_topic, &*header.to_topic),
        ("replies", "adapter")
    );
    let timestamp = header.timestamp.expect("it has one");
    assert_eq!(
        (timestamp.seconds, timestamp.nanos),
        (1_600_000_000, 123_000_000)
    );
    let body = message.body.expect("it has one");
    assert_eq!(
        body.type_url,
        "type.googleapis.com/voltha.InterContainerRequestBody"
    );
    let body = InterContainerRequestBody::decode(&*body.value).expect("it was written");
    assert_eq!(
        (&*body.rpc, &*body.reply_to_topic),
        ("get_device", "replies")
    );
    assert!(body.response_required);
    assert_eq!(body.args.len(), 1);
}

/// A service that passes a request on gives the payload as it received it.
#[test]
fn the_payload_of_a_request_can_be_that_of_another_call() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let first = write_request(wire, request(&replies())).expect("it is valid");
    let first = read_request(wire, &first.payload).expect("it was written");
    let elsewhere = ReplyAddress {
        topic: Arc::from("elsewhere"),
        partition: None,
    };
    let second = RequestToWrite {
        method: Some("other"),
        payload: owned(&first.payload).to_vec(),
        ..request(&elsewhere)
    };
    let second = write_request(wire, second).expect("it is valid");
    let second = read_request(wire, &second.payload).expect("it was written");
    assert_eq!(second.method.as_deref(), Some("other"));
    let arguments = Arguments::decode(owned(&second.payload)).expect("they were written");
    assert_eq!(arguments.iter().len(), 1);
}

#[test]
fn a_request_that_cannot_be_carried_is_refused_before_it_is_written() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let good = replies();
    let bad = ReplyAddress {
        topic: Arc::from("no topic"),
        partition: None,
    };
    let long = "m".repeat(256);
    let many = (0..1_001).fold(Arguments::new(), |all, _| all.with_bool("b", true));
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000_000_000);
    let base = || request(&good);
    let key = Some(&b"key"[..]);
    for (request, begin) in [
        (request(&bad), "header.from_topic is \"no topic\""),
        (
            RequestToWrite {
                idempotency_key: key,
                ..base()
            },
            "this wire cannot carry an idempotency key",
        ),
        (
            RequestToWrite {
                method: None,
                ..base()
            },
            "rpc is missing",
        ),
        (
            RequestToWrite {
                method: Some(""),
                ..base()
            },
            "rpc is missing",
        ),
        (
            RequestToWrite {
                method: Some(&long),
                ..base()
            },
            "rpc has 256 bytes",
        ),
        (
            RequestToWrite {
                payload: b"json".to_vec(),
                ..base()
            },
            "InterContainerRequestBody cannot be decoded",
        ),
        (
            RequestToWrite {
                payload: many.encode(),
                ..base()
            },
            "the request has 1001 arguments",
        ),
        (
            RequestToWrite {
                timestamp: far,
                ..base()
            },
            "header.timestamp cannot be",
        ),
    ] {
        let error = write_request(wire, request).expect_err(begin);
        assert!(error.starts_with(begin), "{error}");
    }
}

/// What an original caller writes, with one change.
fn foreign(
    change: impl FnOnce(&mut InterContainerMessage, &mut InterContainerRequestBody),
) -> Vec<u8> {
    let mut message = InterContainerMessage {
        header: Some(Header {
            id: "9f6c1f0e-2a54-4d38-8f3c-6b8d6a8d3c11".to_owned(),
            r#type: MessageType::Request.into(),
            from_topic: "rwcore".to_owned(),
            to_topic: "adapter".to_owned(),
            key_topic: "key".to_owned(),
            timestamp: None,
        }),
        body: None,
    };
    let mut body = InterContainerRequestBody {
        rpc: "get_device".to_owned(),
        args: Vec::new(),
        response_required: true,
        reply_to_topic: "ignored".to_owned(),
    };
    change(&mut message, &mut body);
    if message.body.is_none() {
        message.body = Some(pack(&body));
    }
    message.encode_to_vec()
}

fn header(message: &mut InterContainerMessage) -> &mut Header {
    message.header.as_mut().expect("it has one")
}

#[test]
fn a_foreign_request_keeps_its_id_and_its_reply_topic() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let read = read_request(wire, &foreign(|_, _| {})).expect("it is valid");
    assert_eq!(
        read.id.as_deref(),
        Some("9f6c1f0e-2a54-4d38-8f3c-6b8d6a8d3c11")
    );
    assert_eq!(read.timestamp, None);
    // The original's callee replies to `from_topic`, so its callers wait there.
    let topic = read.reply_to.as_ref().map(|to| &*to.topic);
    assert_eq!(topic, Some("rwcore"));
    let again = read_request(wire, &foreign(|_, _| {})).expect("it is valid");
    assert_eq!(again.correlation, read.correlation);
    let other = foreign(|message, _| header(message).from_topic = "other".to_owned());
    let other = read_request(wire, &other).expect("it is valid");
    assert_ne!(other.correlation, read.correlation);
}

#[test]
fn a_request_that_wants_no_reply_has_no_reply_topic() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let request = foreign(|message, body| {
        body.response_required = false;
        header(message).from_topic.clear();
    });
    let read = read_request(wire, &request).expect("it is valid");
    assert_eq!(read.reply_to, None);
}

#[test]
fn a_malformed_request_is_refused_with_the_name_of_the_field() {
    let wire = VolthaWire::new(TimestampForm::Message);
    let long = "x".repeat(256);
    let device = DeviceDiscovered::default();
    let cases: [(Vec<u8>, &str); 13] = [
        (Vec::new(), "header is missing"),
        (
            b"not protobuf".to_vec(),
            "InterContainerMessage cannot be decoded",
        ),
        (foreign(|it, _| it.header = None), "header is missing"),
        (
            foreign(|it, _| header(it).id.clear()),
            "header.id is missing",
        ),
        (
            foreign(|it, _| header(it).id.clone_from(&long)),
            "header.id has 256 bytes",
        ),
        (
            foreign(|it, _| header(it).r#type = 1),
            "header.type is \"RESPONSE\": it must be REQUEST",
        ),
        (
            foreign(|it, _| header(it).r#type = 2),
            "header.type is \"DEVICE_DISCOVERED\": it must be REQUEST",
        ),
        (
            foreign(|it, _| header(it).r#type = 9),
            "header.type is \"9\"",
        ),
        (
            foreign(|it, _| header(it).from_topic.clear()),
            "header.from_topic is \"\"",
        ),
        (
            foreign(|it, _| header(it).to_topic.clone_from(&long)),
            "header.to_topic has 256 bytes",
        ),
        (foreign(|_, body| body.rpc.clear()), "rpc is missing"),
        (
            foreign(|_, body| body.rpc.clone_from(&long)),
            "rpc has 256 bytes",
        ),
        (
            foreign(|it, _| it.body = Some(pack(&device))),
            "body has type type.googleapis.com/voltha.DeviceDiscovered: it must have voltha.InterContainerRequestBody",
        ),
    ];
    for (payload, begin) in cases {
        let error = read_request(wire, &payload).expect_err(begin);
        assert!(error.starts_with(begin), "{error}");
    }
    let error = wire.read_request(&record(None)).expect_err("no payload");
    assert!(
        error.to_string().starts_with("the record has no payload"),
        "{error}"
    );
}

#[test]
fn another_form_of_the_timestamp_is_an_error_of_its_own() {
    let payload = |form| {
        let wire = VolthaWire::new(form);
        write_request(wire, request(&replies()))
            .expect("it is valid")
            .payload
    };
    let [message, nanoseconds, milliseconds] = FORMS.map(payload);
    for (form, payload, found) in [
        (TimestampForm::Message, &nanoseconds, "a number"),
        (TimestampForm::Message, &milliseconds, "a number"),
        (TimestampForm::Nanoseconds, &message, "a message"),
        (TimestampForm::Milliseconds, &message, "a message"),
    ] {
        let error = read_request(VolthaWire::new(form), payload).expect_err(found);
        let expected = format!("header.timestamp is {found}, but the chosen form is {form:?}");
        assert!(error.starts_with(&expected), "{error}");
    }
    // Of two numbers, none says its unit: a wrong choice is a wrong time.
    let wrong = read_request(VolthaWire::new(TimestampForm::Nanoseconds), &milliseconds);
    assert!(wrong.expect("it is a number").timestamp < Some(instant()));
}

#[test]
fn a_timestamp_outside_of_64_bits_is_refused() {
    let wire = VolthaWire::new(TimestampForm::Message);
    for (seconds, nanos) in [
        (i64::MAX, 0),
        (i64::MIN, 0),
        (0, -1),
        (0, 1_000_000_000),
        (1 << 40, 0),
    ] {
        let timestamp = prost_types::Timestamp { seconds, nanos };
        let payload = foreign(|it, _| header(it).timestamp = Some(timestamp));
        let error = read_request(wire, &payload).expect_err("it is out of range");
        assert!(error.starts_with("header.timestamp cannot be"), "{error}");
    }
    let before = prost_types::Timestamp {
        seconds: -1,
        nanos: 500_000_000,
    };
    let payload = foreign(|it, _| header(it).timestamp = Some(before));
    let read = read_request(wire, &payload).expect("it is valid").timestamp;
    assert_eq!(
        read,
        SystemTime::UNIX_EPOCH.checked_sub(Duration::from_millis(500))
    );
}

#[test]
fn there_is_no_cancel_record() {
    let wire = VolthaWire::new(TimestampForm::Message);
    assert_eq!(wire.write_cancel(correlation()), None);
}

#[test]
fn a_discovery_that_is_written_is_read_again_in_each_form() {
    let discovery = Discovery {
        id: "1".to_owned(),
        from_topic: "adapter".to_owned(),
        to_topic: "discovery".to_owned(),
        timestamp: Some(instant()),
        device: DeviceDiscovered {
            id: "onu-1".to_owned(),
            parent_id: "olt-1".to_owned(),
            device_type: "onu".to_owned(),
            publisher: "adapter".to_owned(),
        },
    };
    for form in FORMS {
        let payload = discovery.clone().encode(form).expect("it is valid");
        let read = Discovery::decode(Some(&payload), form);
        assert_eq!(read, Ok(discovery.clone()));
    }
    let encode = |change: fn(&mut Discovery)| {
        let mut changed = discovery.clone();
        change(&mut changed);
        changed
            .encode(TimestampForm::Message)
            .map_err(|it| it.to_string())
    };
    let changes: [fn(&mut Discovery); 5] = [
        |it| it.id.clear(),
        |it| it.device.id.clear(),
        |it| it.device.device_type.clear(),
        |it| it.from_topic.clear(),
        |it| it.to_topic = "a b".to_owned(),
    ];
    for change in changes {
        assert!(encode(change).is_err());
    }
    let request = foreign(|_, _| {});
    let error = Discovery::decode(Some(&request), TimestampForm::Message);
    let error = error.expect_err("a request").to_string();
    assert!(error.contains("header.type is \"REQUEST\""), "{error}");
}
