//! Arguments and packed messages.

use livebus_voltha::messages::{Any, BoolType, StrType};
use livebus_voltha::{Arguments, VolthaError, pack, unpack};

#[test]
fn arguments_that_are_written_are_read_again() {
    let arguments = Arguments::new()
        .with_text("text", "onu-1")
        .with_int("int", i64::MIN)
        .with_bool("bool", true)
        .with(
            "message",
            &StrType {
                val: "m".to_owned(),
            },
        );
    let read = Arguments::decode(&arguments.clone().encode()).expect("they were written");
    assert_eq!(read, arguments);
    assert_eq!(read.text("text").as_deref(), Ok("onu-1"));
    assert_eq!(read.int("int"), Ok(i64::MIN));
    assert_eq!(read.bool("bool"), Ok(true));
    assert_eq!(read.text("message").as_deref(), Ok("m"));
    let keys: Vec<&str> = read.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["text", "int", "bool", "message"]);
    assert_eq!(Arguments::decode(&[]), Ok(Arguments::new()));
}

#[test]
fn an_argument_that_is_missing_or_of_another_type_is_named() {
    let arguments = Arguments::new().with_text("text", "onu-1");
    let error = arguments.text("other").expect_err("it is missing");
    assert_eq!(
        error.to_string(),
        "argument other is missing: the caller must give it"
    );
    let error = arguments.int("text").expect_err("it is text");
    assert_eq!(
        error.to_string(),
        "argument text has type type.googleapis.com/voltha.StrType: it must have voltha.IntType"
    );
}

#[test]
fn the_last_argument_of_a_name_counts() {
    let arguments = Arguments::new().with_int("n", 1).with_int("n", 2);
    assert_eq!(arguments.int("n"), Ok(2));
}

#[test]
fn more_arguments_than_the_bound_are_refused_before_they_are_decoded() {
    // Each of these empty arguments is two bytes.
    let payload = [0x1a, 0x00].repeat(Arguments::MAX);
    assert!(Arguments::decode(&payload).is_ok());
    let payload = [0x1a, 0x00].repeat(Arguments::MAX + 1);
    let expected = VolthaError::TooManyArguments {
        count: 1_001,
        max: 1_000,
    };
    assert_eq!(Arguments::decode(&payload), Err(expected));
}

#[test]
fn the_name_after_the_last_slash_is_the_type() {
    let mut any = pack(&BoolType { val: true });
    assert_eq!(any.type_url, "type.googleapis.com/voltha.BoolType");
    for url in ["voltha.BoolType", "/voltha.BoolType", "a/b/voltha.BoolType"] {
        url.clone_into(&mut any.type_url);
        assert_eq!(unpack(&any), Ok(BoolType { val: true }));
    }
    for url in ["", "BoolType", "voltha.BoolType/", "voltha.StrType"] {
        url.clone_into(&mut any.type_url);
        assert!(unpack::<BoolType>(&any).is_err(), "{url}");
    }
}

#[test]
fn a_packed_message_that_cannot_be_decoded_is_an_error() {
    let any = Any {
        type_url: "voltha.BoolType".to_owned(),
        value: vec![0x08],
    };
    let error = unpack::<BoolType>(&any).expect_err("the value ends too early");
    assert!(
        error.to_string().starts_with("BoolType cannot be decoded"),
        "{error}"
    );
}
