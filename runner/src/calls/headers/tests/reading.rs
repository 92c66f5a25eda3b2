//! What is read of a request, and what is ignored.

use super::*;

#[test]
fn the_headers_of_a_request_are_read() {
    let request = read_request(&request()).expect("it is valid");
    let expected = IncomingRequest {
        correlation: correlation(),
        id: None,
        attempt: 1,
        reply_to: Some(ReplyAddress {
            topic: Arc::from("replies"),
            partition: Some(3),
        }),
        time: Some(Duration::from_millis(1_500)),
        timestamp: None,
        idempotency_key: Some(b"order-42".to_vec()),
        method: Some("reserve".to_owned()),
        traceparent: Some(TRACEPARENT.to_owned()),
        payload: Payload::OfRecord,
    };
    assert_eq!(request, expected);
}

#[test]
fn optional_headers_of_a_request_may_be_left_away() {
    let mut headers = request();
    for name in [
        "livebus.reply.partition",
        "livebus.reply.topic",
        "livebus.idempotency.key",
        "livebus.method",
        "traceparent",
    ] {
        headers = without(headers, name);
        assert!(read_request(&headers).is_ok(), "{name}");
    }
    assert_eq!(read_request(&headers).map(|it| it.reply_to), Ok(None));
}

#[test]
fn headers_that_are_not_known_are_ignored() {
    let mut headers = request();
    headers.push(("livebus.priority".to_owned(), Some(b"\xff".to_vec())));
    headers.push(("livebus.priority".to_owned(), None));
    headers.push(("x".to_owned(), None));
    // Of another type.
    headers.push(("livebus.refusal".to_owned(), Some(b"what".to_vec())));
    // A dead letter that was written again has these.
    headers.push(("livebus.attempts".to_owned(), Some(b"3".to_vec())));
    assert_eq!(read_request(&headers), read_request(&request()));
}

#[test]
fn a_bad_traceparent_ends_the_trace_and_not_the_request() {
    let mut twice = request();
    twice.push(("traceparent".to_owned(), Some(TRACEPARENT.into())));
    let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let longer = format!("{TRACEPARENT}-more");
    for headers in [
        twice,
        set(request(), "traceparent", "?"),
        set(request(), "traceparent", zero),
        set(request(), "traceparent", longer),
        set(request(), "traceparent", TRACEPARENT.to_uppercase()),
        set(
            request(),
            "traceparent",
            TRACEPARENT.replacen("00", "ff", 1),
        ),
    ] {
        assert_eq!(read_request(&headers).map(|it| it.traceparent), Ok(None));
    }
    let later = TRACEPARENT.replacen("00", "01", 1) + "-more";
    let headers = set(request(), "traceparent", &later);
    assert_eq!(
        read_request(&headers).map(|it| it.traceparent),
        Ok(Some(later))
    );
}
