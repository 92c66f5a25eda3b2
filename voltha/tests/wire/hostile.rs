//! Whatever comes is read or refused.

use livebus_voltha::Discovery;
use proptest::prelude::*;

use super::*;

/// Reads bytes in each way. What is refused has a short text.
fn read_all(payload: &[u8]) {
    for form in FORMS {
        let wire = VolthaWire::new(form);
        let record = record(Some(payload));
        let errors = [
            wire.read_request(&record).err().map(|it| it.to_string()),
            wire.read_reply(&record).err().map(|it| it.to_string()),
            Discovery::decode(Some(payload), form)
                .err()
                .map(|it| it.to_string()),
            Arguments::decode(payload).err().map(|it| it.to_string()),
        ];
        for error in errors.into_iter().flatten() {
            assert!(!error.is_empty() && error.len() < 1_000, "{error}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&payload);
    }

    #[test]
    fn a_damaged_request_is_read_or_refused(
        position in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        end in any::<prop::sample::Index>(),
        form in prop::sample::select(FORMS.to_vec()),
    ) {
        let wire = VolthaWire::new(form);
        let mut payload = write_request(wire, request(&replies())).expect("it is valid").payload;
        let index = position.index(payload.len());
        payload[index] = byte;
        read_all(&payload);
        payload.truncate(end.index(payload.len()));
        read_all(&payload);
    }

    #[test]
    fn a_request_that_is_written_is_read_again(
        instance in any::<u64>(), epoch in any::<u64>(), call in any::<u64>(),
        topic in "[a-zA-Z0-9_-]{1,249}",
        method in "[^\u{0}]{1,60}",
        key in ".{0,20}",
        text in ".{0,40}",
        form in prop::sample::select(FORMS.to_vec()),
    ) {
        let wire = VolthaWire::new(form);
        let correlation = Correlation { from: Identity { instance, epoch }, call: CallId(call) };
        let reply_to = ReplyAddress { topic: Arc::from(topic), partition: None };
        let request = RequestToWrite {
            correlation,
            method: Some(&method),
            payload: Arguments::new().with_text(key.clone(), text.clone()).encode(),
            ..request(&reply_to)
        };
        let written = write_request(wire, request).expect("it is valid");
        let read = read_request(wire, &written.payload).expect("it was written");
        prop_assert_eq!(read.correlation, correlation);
        prop_assert_eq!(read.reply_to, Some(reply_to));
        prop_assert_eq!(read.method, Some(method));
        let arguments = Arguments::decode(owned(&read.payload)).expect("they were written");
        prop_assert_eq!(arguments.text(&key), Ok(text));
    }
}
