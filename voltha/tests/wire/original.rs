//! Records that the original wrote, with versions 3.1.12 and 3.1.5.

use livebus_core::calls::Refusal;
use livebus_runner::calls::{ApplicationError, ReadReply};
use livebus_voltha::messages::StrType;
use livebus_voltha::{Discovery, decode_result};

use super::*;

/// What one version wrote, in hexadecimal digits.
struct Written {
    form: TimestampForm,
    /// `Echo`, with the arguments `device_id` and `port`.
    request: &'static str,
    id: &'static str,
    /// The timestamp of the request, in nanoseconds since 1970.
    timestamp: u64,
    done: &'static str,
    failed: &'static str,
    without_result: &'static str,
    unknown_method: &'static str,
    discovery: &'static str,
}

const NEWER: Written = Written {
    form: TimestampForm::Message,
    request: "0a4a0a2434636636636464612d663965332d346538622d623166322d6139363530376632303935321a04636f72652207\
     616461707465722a056f6e752d31320c08d193a7d80610ad9bf68c0212b4010a34747970652e676f6f676c6561706973\
     2e636f6d2f766f6c7468612e496e746572436f6e7461696e657252657175657374426f6479127c12044563686f1a3a0a\
     096465766963655f6964122d0a22747970652e676f6f676c65617069732e636f6d2f766f6c7468612e53747254797065\
     12070a056f6e752d311a300a04706f727412280a22747970652e676f6f676c65617069732e636f6d2f766f6c7468612e\
     496e74547970651202080720012a04636f7265",
    id: "4cf6cdda-f9e3-4e8b-b1f2-a96507f20952",
    timestamp: 1_795_803_601_563_973_549,
    done: "0a4c0a2434636636636464612d663965332d346538622d623166322d61393635303766323039353210011a0761646170\
     7465722204636f72652a056f6e752d31320c08d193a7d80610e0ae868d0212690a35747970652e676f6f676c65617069\
     732e636f6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f6479123008011a2c0a2274\
     7970652e676f6f676c65617069732e636f6d2f766f6c7468612e5374725479706512060a0474657874",
    failed: "0a4c0a2464656538386530652d323861662d343766612d616637372d34363637633232663664393910011a0761646170\
     7465722204636f72652a056f6e752d31320c08d193a7d80610f3b1898d02126f0a35747970652e676f6f676c65617069\
     732e636f6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912361a340a20747970\
     652e676f6f676c65617069732e636f6d2f766f6c7468612e4572726f721210120e6e6f207375636820646576696365",
    without_result: "0a4c0a2463373335353536642d646632302d343265332d396235642d32333130383261326536326510011a0761646170\
     7465722204636f72652a056f6e752d31320c08d193a7d80610bb928c8d02123b0a35747970652e676f6f676c65617069\
     732e636f6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912020801",
    unknown_method: "0a4c0a2432333331643733392d646565362d343266652d396335312d34383030373362336430633610011a0761646170\
     7465722204636f72652a056f6e752d31320c08d193a7d8061092cc908d02127e0a35747970652e676f6f676c65617069\
     732e636f6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912451a430a20747970\
     652e676f6f676c65617069732e636f6d2f766f6c7468612e4572726f72121f121d6d6574686f642d6e6f742d666f756e\
     6420224765745f64657669636522",
    discovery: "0a470a2463323039346132612d306438352d343161332d386435392d35393430653861663766376310021a04636f7265\
     2209646973636f76657279320c08d193a7d806108aa8918d0212490a2b747970652e676f6f676c65617069732e636f6d\
     2f766f6c7468612e446576696365446973636f7665726564121a0a056f6e752d3112036f6c741a036f6e752207616461\
     70746572",
};

const OLDER: Written = Written {
    form: TimestampForm::Nanoseconds,
    request: "0a460a2462303430363132622d336238372d343337392d396236392d3466353631663131393736331a04636f72652207\
     616461707465722a056f6e752d31308fbebcbecabbfef51812b4010a34747970652e676f6f676c65617069732e636f6d\
     2f766f6c7468612e496e746572436f6e7461696e657252657175657374426f6479127c12044563686f1a3a0a09646576\
     6963655f6964122d0a22747970652e676f6f676c65617069732e636f6d2f766f6c7468612e5374725479706512070a05\
     6f6e752d311a300a04706f727412280a22747970652e676f6f676c65617069732e636f6d2f766f6c7468612e496e7454\
     7970651202080720012a04636f7265",
    id: "b040612b-3b87-4379-9b69-4f561f119763",
    timestamp: 1_795_803_602_540_764_943,
    done: "0a480a2462303430363132622d336238372d343337392d396236392d34663536316631313937363310011a0761646170\
     7465722204636f72652a056f6e752d3130a0c2cbbecabbfef51812690a35747970652e676f6f676c65617069732e636f\
     6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f6479123008011a2c0a22747970652e\
     676f6f676c65617069732e636f6d2f766f6c7468612e5374725479706512060a0474657874",
    failed: "0a480a2432336338333736322d303733362d343465392d626366382d39643164373633643435356510011a0761646170\
     7465722204636f72652a056f6e752d3130feb5cebecabbfef518126f0a35747970652e676f6f676c65617069732e636f\
     6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912361a340a20747970652e676f\
     6f676c65617069732e636f6d2f766f6c7468612e4572726f721210120e6e6f207375636820646576696365",
    without_result: "0a480a2466333139396561322d323233662d346235362d623338622d34363634326365373263326410011a0761646170\
     7465722204636f72652a056f6e752d3130cbbdd1becabbfef518123b0a35747970652e676f6f676c65617069732e636f\
     6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912020801",
    unknown_method: "0a480a2461396237333635352d626633302d343632662d393438362d62373039366363366138356610011a0761646170\
     7465722204636f72652a056f6e752d3130abced2becabbfef518127e0a35747970652e676f6f676c65617069732e636f\
     6d2f766f6c7468612e496e746572436f6e7461696e6572526573706f6e7365426f647912451a430a20747970652e676f\
     6f676c65617069732e636f6d2f766f6c7468612e4572726f72121f121d6d6574686f642d6e6f742d666f756e64202247\
     65745f64657669636522",
    discovery: "0a430a2439303530343165312d346536312d343664362d383536662d33656665383734613934363510021a04636f7265\
     2209646973636f76657279309fadd3becabbfef51812490a2b747970652e676f6f676c65617069732e636f6d2f766f6c\
     7468612e446576696365446973636f7665726564121a0a056f6e752d3112036f6c741a036f6e75220761646170746572",
};

const ALL: [Written; 2] = [NEWER, OLDER];

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    let digits = pairs.map(|pair| str::from_utf8(pair).expect("they are digits"));
    let byte = |digits| u8::from_str_radix(digits, 16).expect("they are digits");
    digits.map(byte).collect()
}

#[test]
fn requests_of_the_original_are_read() {
    for written in ALL {
        let wire = VolthaWire::new(written.form);
        let read = read_request(wire, &bytes(written.request)).expect("the original wrote it");
        assert_eq!(read.id.as_deref(), Some(written.id));
        let timestamp = SystemTime::UNIX_EPOCH + Duration::from_nanos(written.timestamp);
        assert_eq!(read.timestamp, Some(timestamp));
        assert_eq!(read.method.as_deref(), Some("Echo"));
        assert_eq!(read.reply_to.as_ref().map(|to| &*to.topic), Some("core"));
        let arguments = Arguments::decode(owned(&read.payload)).expect("they were written");
        assert_eq!(arguments.text("device_id").as_deref(), Ok("onu-1"));
        assert_eq!(arguments.int("port"), Ok(7));
    }
}

#[test]
fn replies_of_the_original_are_read() {
    for written in ALL {
        let wire = VolthaWire::new(written.form);
        let read = |hex| read_reply(wire, &bytes(hex)).expect("the original wrote it");
        let result = |hex| match read(hex).reply {
            ReadReply::Done(payload) => decode_result::<StrType>(owned(&payload)),
            ReadReply::Failed(error) => panic!("{error}"),
            ReadReply::Refused { .. } => panic!("it was run"),
        };
        let text = StrType {
            val: "text".to_owned(),
        };
        assert_eq!(result(written.done), Ok(Some(text)));
        assert_eq!(result(written.without_result), Ok(None));
        let error = ApplicationError {
            code: 0,
            reason: "no such device".to_owned(),
        };
        assert_eq!(read(written.failed).reply, ReadReply::Failed(error));
        let refused = ReadReply::Refused {
            refusal: Refusal::Unsupported,
            never_began: false,
        };
        assert_eq!(read(written.unknown_method).reply, refused);
        // The request and its reply stand for the same call.
        let request = read_request(wire, &bytes(written.request)).expect("the original wrote it");
        assert_eq!(read(written.done).to, request.correlation);
    }
}

#[test]
fn announcements_of_the_original_are_read() {
    for written in ALL {
        let read = Discovery::decode(Some(&bytes(written.discovery)), written.form);
        let read = read.expect("the original wrote it");
        assert_eq!((&*read.from_topic, &*read.to_topic), ("core", "discovery"));
        assert!(read.timestamp.is_some());
        let device = read.device;
        assert_eq!(
            [
                &device.id,
                &device.device_type,
                &device.parent_id,
                &device.publisher
            ],
            ["onu-1", "onu", "olt", "adapter"]
        );
    }
}

#[test]
fn a_version_is_not_read_with_the_form_of_the_other() {
    for (written, other) in [(NEWER, OLDER), (OLDER, NEWER)] {
        let wire = VolthaWire::new(other.form);
        for hex in [written.done, written.failed] {
            let error = read_reply(wire, &bytes(hex)).expect_err("another form");
            assert!(error.starts_with("header.timestamp is"), "{error}");
        }
        assert!(read_request(wire, &bytes(written.request)).is_err());
    }
}
