//! Replies.

use livebus_core::calls::Refusal;
use livebus_runner::calls::{ApplicationError, ReadReply, Reply, ReplyToWrite};
use livebus_voltha::messages::{
    Error, ErrorCode, Header, InterContainerMessage, InterContainerResponseBody, MessageType,
    RefusalKind, Refused, StrType,
};
use livebus_voltha::{decode_result, encode_result, pack, unpack};
use prost::Message;

use super::*;

const WIRE: VolthaWire = VolthaWire::new(TimestampForm::Message);

fn incoming(wire: VolthaWire) -> IncomingRequest {
    let written = write_request(wire, request(&replies())).expect("it is valid");
    read_request(wire, &written.payload).expect("it was written")
}

fn write(wire: VolthaWire, reply: Reply) -> Result<Vec<u8>, String> {
    let written = wire.write_reply(ReplyToWrite {
        request: &incoming(wire),
        topic: "adapter",
        timestamp: instant(),
        reply,
    });
    written.map(|it| it.payload).map_err(|it| it.to_string())
}

/// Writes and reads a reply, in each form.
fn again(reply: &Reply) -> ReadReply {
    let [first, second, third] = FORMS.map(|form| {
        let wire = VolthaWire::new(form);
        let payload = write(wire, reply.clone()).expect("it is valid");
        let read = read_reply(wire, &payload).expect("it was written");
        assert_eq!(read.to, correlation());
        read.reply
    });
    assert!(first == second && second == third);
    first
}

#[test]
fn a_result_is_read_again() {
    let text = StrType {
        val: "onu-1".to_owned(),
    };
    let ReadReply::Done(payload) = again(&Reply::Done(encode_result(&text))) else {
        panic!("it is done");
    };
    assert_eq!(decode_result(owned(&payload)), Ok(Some(text)));
}

#[test]
fn a_reply_without_a_result_has_none() {
    let ReadReply::Done(payload) = again(&Reply::Done(Vec::new())) else {
        panic!("it is done");
    };
    assert_eq!(decode_result::<StrType>(owned(&payload)), Ok(None));
}

#[test]
fn a_result_that_is_not_packed_is_refused_before_it_is_written() {
    let bare = StrType {
        val: "x".to_owned(),
    }
    .encode_to_vec();
    // The same bytes are an `Any` with this text as the name of its type.
    assert!(write(WIRE, Reply::Done(bare)).is_ok());
    for payload in [b"json".to_vec(), vec![0x12, 0x01, 0x00]] {
        assert!(write(WIRE, Reply::Done(payload)).is_err());
    }
}

#[test]
fn an_error_is_read_again() {
    for (code, reason) in [(0, "no such device"), (1, ""), (-7, "x"), (i32::MAX, "y")] {
        let error = ApplicationError {
            code,
            reason: reason.to_owned(),
        };
        assert_eq!(
            again(&Reply::Failed(error.clone())),
            ReadReply::Failed(error)
        );
    }
}

#[test]
fn a_refusal_is_read_again() {
    let all = [
        Refusal::TooLate,
        Refusal::Unsupported,
        Refusal::Overloaded,
        Refusal::Unavailable,
    ];
    for (refusal, never_began) in all.into_iter().flat_map(|it| [(it, true), (it, false)]) {
        let reply = Reply::Refused {
            refusal,
            never_began,
            age: Duration::from_millis(1_704),
        };
        let expected = ReadReply::Refused {
            refusal,
            never_began,
        };
        assert_eq!(again(&reply), expected);
    }
}

#[test]
fn an_original_caller_sees_a_refusal_as_an_error() {
    let reason = |refusal| {
        let payload = write(
            WIRE,
            Reply::Refused {
                refusal,
                never_began: true,
                age: Duration::from_millis(1_704),
            },
        );
        let body = body_of(&payload.expect("it is valid"));
        assert!(!body.success);
        let error: Error = unpack(&body.result.expect("it has one")).expect("an error");
        (error.code(), error.reason)
    };
    let (code, text) = reason(Refusal::TooLate);
    assert_eq!(code, ErrorCode::DeadlineExceeded);
    assert!(text.contains("1704 ms old"), "{text}");
    let (code, text) = reason(Refusal::Unsupported);
    assert_eq!(code, ErrorCode::UnsupportedRequest);
    assert_eq!(text, "method-not-found \"get_device\"");
    for refusal in [Refusal::Overloaded, Refusal::Unavailable] {
        let (_, text) = reason(refusal);
        assert!(text.starts_with("the request was not run"), "{text}");
    }
}

#[test]
fn a_reason_that_is_too_long_is_cut_between_characters() {
    let reason = format!("{}üü", "r".repeat(4_093));
    let read = again(&Reply::Failed(ApplicationError { code: 0, reason }));
    let ReadReply::Failed(error) = read else {
        panic!("{read:?}");
    };
    assert_eq!(error.reason.len(), 4_095);
}

#[test]
fn a_foreign_reason_that_is_too_long_is_cut() {
    let error = Error {
        reason: "r".repeat(5_000),
        ..Error::default()
    };
    let Ok(ReadReply::Failed(error)) = read(&failure(&error)) else {
        panic!("it failed");
    };
    assert_eq!(error.reason.len(), 4_096);
}

fn body_of(payload: &[u8]) -> InterContainerResponseBody {
    let message = InterContainerMessage::decode(payload).expect("it was written");
    let header = message.header.expect("it has one");
    assert_eq!(header.r#type(), MessageType::Response);
    assert_eq!(
        (&*header.from_topic, &*header.to_topic),
        ("adapter", "replies")
    );
    unpack(&message.body.expect("it has one")).expect("a reply")
}

/// What an original callee writes.
fn foreign(id: &str, body: &InterContainerResponseBody) -> Vec<u8> {
    let message = InterContainerMessage {
        header: Some(Header {
            id: id.to_owned(),
            r#type: MessageType::Response.into(),
            from_topic: "adapter".to_owned(),
            to_topic: "replies".to_owned(),
            key_topic: String::new(),
            timestamp: None,
        }),
        body: Some(pack(body)),
    };
    message.encode_to_vec()
}

fn failure(error: &Error) -> InterContainerResponseBody {
    InterContainerResponseBody {
        success: false,
        result: Some(pack(error)),
    }
}

fn read(body: &InterContainerResponseBody) -> Result<ReadReply, String> {
    let reply = read_reply(WIRE, &foreign("1", body));
    reply.map(|reply| reply.reply)
}

#[test]
fn the_originals_errors_have_code_zero_and_are_no_refusals() {
    for reason in [
        "no such device",
        "",
        "method-not-found",
        "method-not-found \"A\" \"B\"",
        "rpc error: code = Internal desc = method-not-found \"GetDevice\"",
        "method-not-found \"GetDevice\", which the adapter needs",
    ] {
        let error = Error {
            code: 0,
            reason: reason.to_owned(),
            refused: None,
        };
        let expected = ApplicationError {
            code: 0,
            reason: reason.to_owned(),
        };
        assert_eq!(read(&failure(&error)), Ok(ReadReply::Failed(expected)));
    }
}

#[test]
fn the_originals_answer_to_an_unknown_method_is_a_refusal_that_may_have_been_run() {
    let error = Error {
        code: 0,
        reason: "method-not-found \"Get_device\"".to_owned(),
        refused: None,
    };
    let expected = ReadReply::Refused {
        refusal: Refusal::Unsupported,
        never_began: false,
    };
    assert_eq!(read(&failure(&error)), Ok(expected));
    let other = Error { code: 1, ..error };
    assert!(matches!(read(&failure(&other)), Ok(ReadReply::Failed(_))));
}

#[test]
fn a_failure_without_an_error_is_a_failure() {
    for result in [
        None,
        Some(pack(&StrType {
            val: "x".to_owned(),
        })),
    ] {
        let body = InterContainerResponseBody {
            success: false,
            result,
        };
        let read = read(&body).expect("it is valid");
        let ReadReply::Failed(error) = read else {
            panic!("{read:?}");
        };
        assert!(error.reason.starts_with("the callee gave no reason"));
    }
}

#[test]
fn a_refusal_of_an_unknown_kind_is_an_error() {
    for kind in [RefusalKind::Unspecified.into(), 9] {
        let refused = Some(Refused {
            kind,
            never_began: true,
            age_ms: 0,
        });
        let error = Error {
            refused,
            ..Error::default()
        };
        let error = read(&failure(&error)).expect_err("it is not known");
        assert!(error.starts_with("refused.kind of the error is"), "{error}");
    }
}

#[test]
fn the_reply_to_a_foreign_request_has_its_id() {
    let mut request = incoming(WIRE);
    request.id = Some(Arc::from("uuid"));
    let written = WIRE.write_reply(ReplyToWrite {
        request: &request,
        topic: "adapter",
        timestamp: instant(),
        reply: Reply::Done(Vec::new()),
    });
    let written = written.expect("it is valid");
    let message = InterContainerMessage::decode(&*written.payload).expect("it was written");
    assert_eq!(message.header.expect("it has one").id, "uuid");
}

#[test]
fn a_reply_to_another_caller_belongs_to_no_call_of_ours() {
    let body = InterContainerResponseBody::default();
    let read = read_reply(
        WIRE,
        &foreign("9f6c1f0e-2a54-4d38-8f3c-6b8d6a8d3c11", &body),
    );
    assert_ne!(read.expect("it is valid").to.from, correlation().from);
}

#[test]
fn a_request_on_the_reply_topic_is_refused() {
    let written = write_request(WIRE, request(&replies())).expect("it is valid");
    let error = read_reply(WIRE, &written.payload).expect_err("a request");
    assert!(
        error.starts_with("header.type is \"REQUEST\": it must be RESPONSE"),
        "{error}"
    );
}
