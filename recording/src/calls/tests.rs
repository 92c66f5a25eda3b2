use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Config, Correlation, Event, Health, Identity, Limits, NotSent,
    Outcome, Refusal, Reply, Request, Sent, Settings, Unknown,
};
use livebus_core::{Backoff, Cause, Failure, FailureClass, HandlerId};
use proptest::option;
use proptest::prelude::*;

use super::{CallerConfig, Content, Header, Line};
use crate::epoch::Epoch;
use crate::header::StartState;
use crate::line::End;
use livebus_runner::Entry;

fn epoch() -> Epoch {
    static EPOCH: std::sync::LazyLock<Epoch> = std::sync::LazyLock::new(Epoch::for_reading);
    *EPOCH
}

fn instants() -> impl Strategy<Value = Instant> + Clone {
    (-1_000_i64..1_000_000_000_000).prop_map(|nanos| epoch().instant(nanos).expect("near enough"))
}

fn failures() -> impl Strategy<Value = Failure> + Clone {
    (0..FailureClass::ALL.len(), option::of(any::<i32>())).prop_map(|(n, code)| {
        let class = FailureClass::ALL[n];
        code.map_or(Failure::new(class), |code| Failure::with_code(class, code))
    })
}

fn causes() -> impl Strategy<Value = Cause> {
    let handlers = (0_usize..9).prop_map(|n| HandlerId::from_index(n).expect("few"));
    prop_oneof![
        Just(Cause::Starting),
        Just(Cause::Unreported),
        Just(Cause::ShutDown),
        failures().prop_map(Cause::LivenessFailed),
        failures().prop_map(Cause::ClientLost),
        (handlers, failures())
            .prop_map(|(handler, failure)| Cause::HandlerFailed(handler, failure)),
    ]
}

fn correlations() -> impl Strategy<Value = Correlation> {
    any::<(u64, u64, u64)>().prop_map(|(instance, epoch, call)| Correlation {
        from: Identity { instance, epoch },
        call: CallId(call),
    })
}

fn refusals() -> impl Strategy<Value = Refusal> {
    prop_oneof![
        Just(Refusal::TooLate),
        Just(Refusal::Unsupported),
        Just(Refusal::Overloaded),
        Just(Refusal::Unavailable),
    ]
}

fn replies() -> impl Strategy<Value = Reply> {
    let refused = (refusals(), any::<bool>()).prop_map(|(refusal, never_began)| Reply::Refused {
        refusal,
        never_began,
    });
    prop_oneof![Just(Reply::Done), refused]
}

fn events() -> impl Strategy<Value = Event> {
    let call = || any::<u64>().prop_map(CallId);
    let sent = prop_oneof![
        Just(Sent::Acknowledged),
        failures().prop_map(Sent::NotSent),
        failures().prop_map(Sent::Unknown),
    ];
    let requests =
        (instants(), any::<u32>(), any::<bool>()).prop_map(|(deadline, bytes, is_idempotent)| {
            Request {
                deadline,
                bytes,
                is_idempotent,
            }
        });
    prop_oneof![
        (call(), requests).prop_map(|(call, request)| Event::Called { call, request }),
        (call(), any::<u32>(), sent).prop_map(|(call, attempt, result)| Event::SendAnswered {
            call,
            attempt,
            result
        }),
        (correlations(), replies()).prop_map(|(to, reply)| Event::ReplyFetched { to, reply }),
        call().prop_map(|call| Event::Cancelled { call }),
        Just(Event::BusReady),
        causes().prop_map(Event::BusNotReady),
        (any::<u64>(), option::of(failures())).prop_map(|(id, failure)| Event::RepliesAssigned {
            id: AssignmentId::from_number(id),
            result: failure.map_or(Ok(()), Err),
        }),
        failures().prop_map(Event::RepliesLost),
        failures().prop_map(Event::RepliesUnreachable),
        Just(Event::RepliesReachable),
        Just(Event::Shutdown),
    ]
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    let not_sent = prop_oneof![
        causes().prop_map(NotSent::Bus),
        failures().prop_map(NotSent::Replies),
        failures().prop_map(NotSent::Send),
        Just(NotSent::Deadline),
        Just(NotSent::TooLarge),
        any::<u64>().prop_map(|nanos| NotSent::Overloaded {
            retry_after: Duration::from_nanos(nanos)
        }),
        Just(NotSent::ShuttingDown),
    ];
    let unknown = prop_oneof![
        failures().prop_map(Unknown::Send),
        refusals().prop_map(Unknown::Refused),
    ];
    prop_oneof![
        Just(Outcome::Replied),
        refusals().prop_map(Outcome::Refused),
        not_sent.prop_map(Outcome::NotSent),
        unknown.prop_map(Outcome::SentUnknown),
        Just(Outcome::Expired),
        Just(Outcome::Cancelled),
        Just(Outcome::ShuttingDown),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let health = prop_oneof![
        Just(Health::Starting),
        Just(Health::Working),
        failures().prop_map(Health::RepliesFailed),
    ];
    prop_oneof![
        (any::<(u64, u32)>(), instants()).prop_map(|((id, attempt), deadline)| {
            Action::AssignReplies {
                id: AssignmentId::from_number(id),
                attempt,
                deadline,
            }
        }),
        (correlations(), any::<u32>(), instants()).prop_map(|(correlation, attempt, deadline)| {
            Action::Send {
                correlation,
                attempt,
                deadline,
            }
        }),
        correlations().prop_map(|correlation| Action::SendCancel { correlation }),
        (any::<u64>(), outcomes()).prop_map(|(call, outcome)| Action::End {
            call: CallId(call),
            outcome
        }),
        health.prop_map(Action::SetHealth),
        Just(Action::Stopped),
    ]
}

fn lines() -> impl Strategy<Value = Line> {
    let contents = prop_oneof![
        1 => Just(Content::Entry(Entry::Timeout)),
        8 => events().prop_map(|event| Content::Entry(Entry::Event(event))),
        8 => actions().prop_map(|action| Content::Entry(Entry::Action(action))),
        1 => Just(Content::End(End::Continued { queued: 3 })),
        1 => Just(Content::End(End::Failed("full".to_owned()))),
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
    fn field_of_another_kind_of_line_is_rejected(line in lines(), surplus in 0_usize..3) {
        let name = ["queued", "handler", "retry_after"][surplus];
        let text = String::from_utf8(encoded(&line)).expect("JSON");
        let open = text.strip_suffix("}\n").expect("an object");
        let more = format!("{open},\"{name}\":1}}");
        prop_assert!(Line::decode(more.as_bytes(), epoch()).is_err(), "{more}");
    }
}

#[test]
fn error_of_a_line_says_what_is_wrong() {
    for (text, what) in [
        (
            r#"{"ns":1,"event":"Nap"}"#,
            r#"`event` is "Nap", which is unknown"#,
        ),
        (r#"{"ns":1,"event":"Cancelled"}"#, "`call` is missing"),
        (
            r#"{"ns":1,"event":"Called","call":1,"deadline":5,"bytes":3}"#,
            "`idempotent` is missing",
        ),
        (
            r#"{"ns":1,"event":"ReplyFetched","instance":1,"epoch":1,"call":1,"reply":"Refused","refusal":"Tired"}"#,
            r#"`refusal` is "Tired", which is unknown"#,
        ),
        (
            r#"{"ns":1,"event":"BusNotReady","cause":"HandlerFailed","handler":70000,"failure":"Other"}"#,
            "`handler` is more than the maximum",
        ),
        (
            r#"{"ns":1,"action":"End","call":1,"outcome":"NotSent","reason":"Send"}"#,
            "`failure` is missing",
        ),
        (
            r#"{"ns":1,"action":"Stopped","event":"Shutdown"}"#,
            "it has more than one of `event`, `action` and `end`",
        ),
    ] {
        let damage = Line::decode(text.as_bytes(), epoch()).expect_err(text);
        assert_eq!(damage.what, what, "{text}");
    }
}

fn header(settings: Settings) -> Header {
    let identity = Identity {
        instance: u64::MAX,
        epoch: 3,
    };
    let config = Config::new(settings).expect("it is valid");
    Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 1_760_000_000_000,
        config: CallerConfig::new("billing\nof all kinds", identity, config),
        start_state: None,
    }
}

#[test]
fn every_setting_round_trips() {
    let backoff = |n| Backoff {
        first: Duration::from_millis(n),
        max: Duration::from_secs(n),
        jitter_percent: 7,
    };
    let all_different = Settings {
        limits: Limits {
            calls: 1,
            bytes: 300,
            call_bytes: 3,
            remembered: 4,
        },
        assign_timeout: Duration::from_millis(5),
        assign_backoff: backoff(6),
        attempts: 7,
        attempt_timeout: Duration::from_millis(8),
        retry_backoff: backoff(9),
        overload_hint: Duration::from_millis(10),
        drain: Duration::from_millis(11),
        seed: 12,
    };
    for settings in [Settings::default(), all_different] {
        let mut header = header(settings);
        for start_state in [
            None,
            Some(StartState {
                ns: -5,
                state: vec![1, u64::MAX],
            }),
        ] {
            header.start_state = start_state;
            let mut text = Vec::new();
            header.encode(&mut text).expect("it can be written");
            assert_eq!(Header::decode(&text), Ok(header.clone()));
            let other = crate::dispatch::Header::decode(&text);
            assert!(other.is_err(), "{other:?}");
        }
    }
}

#[test]
fn settings_that_cannot_be_right_are_refused_with_their_field() {
    let mut text = Vec::new();
    let header = header(Settings::default());
    header.encode(&mut text).expect("it can be written");
    let text = String::from_utf8(text).expect("JSON");
    let changed = text.replace("\"attempts\":3", "\"attempts\":0");
    let damage = Header::decode(changed.as_bytes()).expect_err("no attempt");
    assert!(damage.what.contains("attempts"), "{}", damage.what);
    let missing = text.replace("\"seed\":0", "\"sead\":0");
    assert!(Header::decode(missing.as_bytes()).is_err());
}
