use std::time::Instant;

use livebus_core::{
    Action, Cause, ClientId, Event, Failure, FailureClass, HandlerId, LivenessId, RegistrationId,
    Report, Status, StopId,
};
use proptest::option;
use proptest::prelude::*;

use crate::epoch::Epoch;
use crate::line::End;
use crate::{Content, Line};
use livebus_runner::Entry;

fn epoch() -> Epoch {
    static EPOCH: std::sync::LazyLock<Epoch> = std::sync::LazyLock::new(Epoch::for_reading);
    *EPOCH
}

fn instants() -> impl Strategy<Value = Instant> + Clone {
    let max = epoch().nanos(epoch().began() + Epoch::MAX_DISTANCE);
    prop_oneof![-max..=max, -1_000_i64..1_000_000_000_000]
        .prop_map(|nanos| epoch().instant(nanos).expect("near enough"))
}

fn failures() -> impl Strategy<Value = Failure> + Clone {
    (0..FailureClass::ALL.len(), option::of(any::<i32>())).prop_map(|(class, code)| {
        let class = FailureClass::ALL[class];
        code.map_or(Failure::new(class), |code| Failure::with_code(class, code))
    })
}

fn results() -> impl Strategy<Value = Result<(), Failure>> {
    option::of(failures()).prop_map(|failure| failure.map_or(Ok(()), Err))
}

fn clients() -> impl Strategy<Value = ClientId> {
    any::<u64>().prop_map(ClientId::from_number)
}

fn messages() -> impl Strategy<Value = LivenessId> {
    any::<u64>().prop_map(LivenessId::from_number)
}

fn registrations() -> impl Strategy<Value = RegistrationId> {
    any::<u64>().prop_map(RegistrationId::from_number)
}

fn stops() -> impl Strategy<Value = StopId> {
    any::<u64>().prop_map(StopId::from_number)
}

fn handlers() -> impl Strategy<Value = HandlerId> {
    any::<u16>().prop_map(|n| HandlerId::from_index(usize::from(n)).expect("in range"))
}

fn causes() -> impl Strategy<Value = Cause> {
    let plain = [
        Cause::Unreported,
        Cause::Configured,
        Cause::Starting,
        Cause::Evidence,
        Cause::Starved,
        Cause::ShuttingDown,
        Cause::ShutDown,
        Cause::ForcedStop,
        Cause::Reported,
    ];
    prop_oneof![
        (0..plain.len()).prop_map(move |n| plain[n]),
        failures().prop_map(Cause::StartFailed),
        failures().prop_map(Cause::LivenessFailed),
        failures().prop_map(Cause::ClientLost),
        (handlers(), failures()).prop_map(|(handler, f)| Cause::HandlerFailed(handler, f)),
    ]
}

fn reports() -> impl Strategy<Value = Report> {
    (
        0..Status::ALL.len(),
        causes(),
        option::of(failures()),
        instants(),
        option::of(instants()),
        option::of(instants()),
        any::<u32>(),
    )
        .prop_map(
            |(status, cause, warning, since, evidence, lease, attempt)| Report {
                status: Status::ALL[status],
                cause,
                warning,
                since,
                evidence,
                lease,
                attempt,
            },
        )
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        (clients(), results()).prop_map(|(id, result)| Event::StartAnswered { id, result }),
        (messages(), results()).prop_map(|(id, result)| Event::LivenessAnswered { id, result }),
        (registrations(), results())
            .prop_map(|(id, result)| Event::RegistrationAnswered { id, result }),
        (stops(), results()).prop_map(|(id, result)| Event::StopAnswered { id, result }),
        instants().prop_map(|at| Event::Live { at }),
        failures().prop_map(Event::Suspicion),
        (clients(), failures()).prop_map(|(client, failure)| Event::ClientLost { client, failure }),
        Just(Event::Shutdown),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let attempts = any::<u32>;
    prop_oneof![
        (clients(), attempts(), instants()).prop_map(|(id, attempt, deadline)| Action::Start {
            id,
            attempt,
            deadline
        }),
        (messages(), instants()).prop_map(|(id, deadline)| Action::SendLiveness { id, deadline }),
        (registrations(), handlers(), attempts(), instants()).prop_map(
            |(id, handler, attempt, deadline)| {
                Action::RegisterHandler {
                    id,
                    handler,
                    attempt,
                    deadline,
                }
            }
        ),
        clients().prop_map(|client| Action::DiscardClient { client }),
        registrations().prop_map(|registration| Action::DiscardRegistration { registration }),
        reports().prop_map(Action::SetStatus),
        (instants(), instants()).prop_map(|(evidence, lease)| Action::Renew { evidence, lease }),
        (stops(), instants()).prop_map(|(id, deadline)| Action::Stop { id, deadline }),
    ]
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![
        Just(End::Stopped),
        Just(End::ForcedStop),
        any::<u64>().prop_map(|queued| End::Continued { queued }),
        Just(End::TooSlow),
        any::<String>().prop_map(End::Failed),
    ]
}

fn lines() -> impl Strategy<Value = Line> {
    let contents = prop_oneof![
        1 => Just(Content::Entry(Entry::Timeout)),
        4 => events().prop_map(|event| Content::Entry(Entry::Event(event))),
        4 => actions().prop_map(|action| Content::Entry(Entry::Action(action))),
        1 => ends().prop_map(Content::End),
    ];
    (instants(), contents).prop_map(|(at, content)| Line { at, content })
}

fn encoded(line: &Line) -> Vec<u8> {
    let mut text = Vec::new();
    line.encode(epoch(), &mut text)
        .expect("every line can be written");
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_round_trips(line in lines()) {
        let text = encoded(&line);
        prop_assert_eq!(text.iter().position(|byte| *byte == b'\n'), Some(text.len() - 1));
        prop_assert_eq!(Line::decode(&text, epoch()), Ok(line));
    }

    #[test]
    fn a_field_of_another_kind_of_line_is_rejected(line in lines(), surplus in 0_usize..4) {
        let name = ["lease", "queued", "client", "warning_code"][surplus];
        let text = String::from_utf8(encoded(&line)).expect("JSON");
        let open = text.strip_suffix("}\n").expect("an object");
        // A status may have any of them; a duplicate is rejected as well.
        if !text.contains("SetStatus") {
            let more = format!("{open},\"{name}\":1}}");
            prop_assert!(Line::decode(more.as_bytes(), epoch()).is_err(), "{more}");
        }
    }
}

#[test]
fn the_error_of_a_line_says_what_is_wrong() {
    for (text, what) in [
        ("{}", "missing field `ns`"),
        (r#"{"ns":1}"#, "it has no `event`, no `action` and no `end`"),
        (
            r#"{"ns":1,"event":"Timeout","end":"stopped"}"#,
            "it has more than one of `event`, `action` and `end`",
        ),
        (
            r#"{"ns":1,"event":"Nap"}"#,
            r#"`event` is "Nap", which is unknown"#,
        ),
        (r#"{"ns":1,"event":"StartAnswered"}"#, "`id` is missing"),
        (
            r#"{"ns":1,"action":"Discard","id":1}"#,
            r#"`action` is "Discard", which is unknown"#,
        ),
        (
            r#"{"ns":1,"event":"Timeout","id":1}"#,
            "it has a field that this kind of line does not have",
        ),
        (
            r#"{"ns":3153600000000000001,"event":"Timeout"}"#,
            "`ns` is more than 100 years from the start",
        ),
        (
            r#"{"ns":1,"action":"RegisterHandler","id":1,"handler":65536,"attempt":1,"deadline":1}"#,
            "`handler` is more than the maximum",
        ),
    ] {
        let damage = Line::decode(text.as_bytes(), epoch()).expect_err(text);
        assert_eq!(damage.what, what, "{text}");
    }
}

#[test]
fn the_error_of_a_line_that_is_not_json_has_the_column() {
    let damage = Line::decode(br#"{"ns":1,"event":Timeout}"#, epoch()).expect_err("no JSON");
    assert_eq!(damage.column, Some(17), "{damage}");
    assert!(!damage.what.contains("column"), "{damage}");
    // The JSON ends in a second line, which has no column yet.
    let damage = Line::decode(b"{\n\n", epoch()).expect_err("no JSON");
    assert_eq!(damage.column, None, "{damage}");
    assert!(!damage.what.contains("column"), "{damage}");
}

#[test]
fn only_a_recording_with_all_entries_ended_in_order() {
    for (end, in_order, text) in [
        (End::Stopped, true, "stopped"),
        (End::ForcedStop, true, "forced stop"),
        (End::Continued { queued: 1 }, true, "continued"),
        (End::TooSlow, false, "too slow"),
        (
            End::Failed("it is full".to_owned()),
            false,
            "failed: it is full",
        ),
    ] {
        assert_eq!(
            (end.is_in_order(), end.to_string()),
            (in_order, text.to_owned())
        );
    }
}
