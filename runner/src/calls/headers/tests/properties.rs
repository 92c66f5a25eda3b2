//! Anything that is written is read again, and anything that comes is read or refused.

use proptest::prelude::*;

use super::writing::{of, to_write};
use super::*;

fn any_correlation() -> impl Strategy<Value = Correlation> {
    (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(instance, epoch, call)| Correlation {
        from: Identity { instance, epoch },
        call: CallId(call),
    })
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let refusal = prop::sample::select(vec![
        Refusal::TooLate,
        Refusal::Unsupported,
        Refusal::Overloaded,
        Refusal::Unavailable,
    ]);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Reply::Done),
        (any::<i32>(), ".{0,40}")
            .prop_map(|(code, reason)| { Reply::Failed(ApplicationError { code, reason }) }),
        (refusal, any::<bool>(), any::<Duration>()).prop_map(|(refusal, never_began, age)| {
            Reply::Refused {
                refusal,
                never_began,
                age,
            }
        }),
    ]
}

/// Headers with names and values that come close to those of the wire.
fn hostile() -> impl Strategy<Value = Raw> {
    let name = prop_oneof![
        4 => prop::sample::select(names::ALL.to_vec()).prop_map(str::to_owned),
        1 => ".{0,20}",
    ];
    let words = [
        "1",
        "2",
        "request",
        "cancel",
        "reply",
        "done",
        "failed",
        "refused",
        "true",
        "too_late",
        "00000000000000a1-0000000000000002-0000000000000007",
        TRACEPARENT,
    ];
    let value = prop_oneof![
        4 => prop::sample::select(words.to_vec()).prop_map(|it| Some(it.as_bytes().to_vec())),
        2 => prop::collection::vec(any::<u8>(), 0..80).prop_map(Some),
        1 => Just(None),
    ];
    prop::collection::vec((name, value), 0..24)
}

proptest! {
    #[test]
    fn a_request_that_is_written_is_read_again(
        correlation in any_correlation(),
        attempt in 1_u32..,
        topic in "[a-zA-Z0-9_-]{1,249}",
        partition in prop::option::of(0_i32..),
        millis in 0..=text::MAX_MILLIS,
        key in prop::option::of(prop::collection::vec(any::<u8>(), 1..=1024)),
        method in prop::option::of(".{1,60}"),
        traced in any::<bool>(),
        payload in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let reply_to = ReplyAddress { topic: Arc::from(topic), partition };
        let request = RequestToWrite {
            correlation,
            attempt,
            time: Duration::from_millis(millis),
            idempotency_key: key.as_deref(),
            method: method.as_deref(),
            traceparent: traced.then_some(TRACEPARENT),
            payload: payload.clone(),
            ..to_write(&reply_to)
        };
        let written = HeaderWire.write_request(request).expect("it is valid");
        prop_assert_eq!(&written.payload, &payload);
        let read = read_request(&raw_of(&written)).expect("it was written");
        let expected = IncomingRequest {
            correlation,
            id: None,
            attempt,
            reply_to: Some(reply_to),
            time: Some(Duration::from_millis(millis)),
            timestamp: None,
            idempotency_key: key,
            method,
            traceparent: traced.then(|| TRACEPARENT.to_owned()),
            payload: Payload::OfRecord,
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn a_reply_that_is_written_is_read_again(to in any_correlation(), reply in any_reply()) {
        let mut request = read_request(&request()).expect("it is valid");
        request.correlation = to;
        let written = HeaderWire.write_reply(of(&request, reply.clone())).expect("it is valid");
        let read = read_reply(&raw_of(&written)).expect("it was written");
        let expected = match reply {
            Reply::Done(payload) => {
                prop_assert_eq!(&written.payload, &payload);
                ReadReply::Done(Payload::OfRecord)
            }
            Reply::Failed(error) => ReadReply::Failed(error),
            Reply::Refused { refusal, never_began, age: _ } => {
                ReadReply::Refused { refusal, never_began }
            }
        };
        prop_assert_eq!(read, IncomingReply { to, reply: expected });
    }

    #[test]
    fn whatever_comes_is_read_or_refused_with_the_name_of_a_header(headers in hostile()) {
        let record = record_of(&headers);
        for error in [HeaderWire.read_request(&record).err(), HeaderWire.read_reply(&record).err()] {
            let Some(error) = error else { continue };
            let text = error.to_string();
            let named = names::ALL.iter().any(|name| text.starts_with(&format!("header {name} ")));
            prop_assert!(named && text.len() < 500, "{}", text);
        }
    }
}
