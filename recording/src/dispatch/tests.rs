use std::time::Duration;

use livebus_core::dispatch::{
    CommitId, Config, DeadLetterId, Delivery, DoneRecord, FailurePolicy, Generation, Health,
    Limits, OnRemoved, Order, Pace, PartitionId, Position, Record, RecordFailure, Run, RunEnd,
    RunId, Settings, Start, Then,
};
use livebus_core::{Backoff, Failure, FailureClass};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::End;
use crate::header::StartState;

fn epoch() -> Epoch {
    static EPOCH: std::sync::LazyLock<Epoch> = std::sync::LazyLock::new(Epoch::for_reading);
    *EPOCH
}

fn instants() -> impl Strategy<Value = Instant> + Clone {
    (-1_000_i64..1_000_000_000_000).prop_map(|nanos| epoch().instant(nanos).expect("near enough"))
}

fn partitions() -> impl Strategy<Value = (PartitionId, Generation)> + Clone {
    (any::<u32>(), any::<u64>())
        .prop_map(|(partition, generation)| (PartitionId(partition), Generation(generation)))
}

fn classes() -> impl Strategy<Value = RecordFailure> + Clone {
    prop_oneof![
        Just(RecordFailure::Transient),
        Just(RecordFailure::Permanent),
        Just(RecordFailure::TimedOut),
        Just(RecordFailure::Panicked),
    ]
}

fn results() -> impl Strategy<Value = Result<(), Failure>> {
    let failures = (0..FailureClass::ALL.len(), option::of(any::<i32>())).prop_map(|(n, code)| {
        let class = FailureClass::ALL[n];
        code.map_or(Failure::new(class), |code| Failure::with_code(class, code))
    });
    option::of(failures).prop_map(|failure| failure.map_or(Ok(()), Err))
}

/// Offsets in order, with and without gaps; now and then repeated or far away.
fn offsets() -> impl Strategy<Value = Vec<i64>> {
    let steps = prop_oneof![6 => Just(1), 1 => 0_i64..5, 1 => any::<i64>()];
    (any::<i64>(), vec(steps, 0..20)).prop_map(|(first, steps)| {
        let mut next = first;
        let all = steps.into_iter().map(|step| {
            next = next.wrapping_add(step);
            next
        });
        all.collect()
    })
}

fn done_records() -> impl Strategy<Value = Vec<DoneRecord>> {
    (offsets(), vec(0_u32..2, 20)).prop_map(|(offsets, fingerprints)| {
        let all = offsets.into_iter().zip(fingerprints);
        let all = all.map(|(offset, fingerprint)| DoneRecord {
            offset,
            fingerprint,
        });
        all.collect()
    })
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let keys = option::of(prop_oneof![3 => 0_u64..2, 1 => any::<u64>()]);
    let others = vec((keys, 0_u32..3, any::<bool>()), 20);
    (offsets(), others).prop_map(|(offsets, others)| {
        let all = offsets.into_iter().zip(others);
        let all = all.map(|(offset, (key, bytes, is_old))| Record {
            offset,
            key,
            bytes,
            fingerprint: u32::from(is_old) * u32::MAX,
        });
        all.collect()
    })
}

fn ends_of_runs() -> impl Strategy<Value = RunEnd> {
    prop_oneof![
        Just(RunEnd::Done),
        (any::<u32>(), classes()).prop_map(|(done, class)| RunEnd::Failed { done, class }),
        any::<u32>().prop_map(|done| RunEnd::Cancelled { done }),
        any::<u32>().prop_map(|done| RunEnd::Returned { done }),
    ]
}

fn events() -> impl Strategy<Value = OwnedEvent> {
    let id = any::<u64>;
    let of = partitions;
    let plain = |event: Event<'_>| OwnedEvent::new(event, None);
    prop_oneof![
        (
            of(),
            any::<(bool, i64)>(),
            done_records(),
            option::of((".*", any::<i32>()))
        )
            .prop_map(
                |((partition, generation), (is_committed, position), done, name)| {
                    let start = if is_committed {
                        Start::Committed(position)
                    } else {
                        Start::Resolved(position)
                    };
                    let event = Event::Assigned {
                        partition,
                        generation,
                        start,
                        done: &done,
                    };
                    let name = name.map(|(topic, number)| PartitionName {
                        partition,
                        topic,
                        number,
                    });
                    OwnedEvent::new(event, name)
                }
            ),
        (of(), records()).prop_map(move |((partition, generation), records)| {
            plain(Event::Fetched {
                partition,
                generation,
                records: &records,
            })
        }),
        (id(), any::<u32>()).prop_map(move |(run, done)| {
            let run = RunId::from_number(run);
            plain(Event::Pending { run, done })
        }),
        (id(), ends_of_runs()).prop_map(move |(run, end)| {
            let run = RunId::from_number(run);
            plain(Event::RunEnded { run, end })
        }),
        (id(), results()).prop_map(move |(id, result)| {
            let id = DeadLetterId::from_number(id);
            plain(Event::DeadLetterAnswered { id, result })
        }),
        (id(), vec(any::<u32>().prop_map(PartitionId), 0..4)).prop_map(
            move |(id, acknowledged)| {
                let (id, acknowledged) = (CommitId::from_number(id), &*acknowledged);
                plain(Event::CommitAnswered { id, acknowledged })
            }
        ),
        of().prop_map(move |(partition, generation)| plain(Event::Revoked {
            partition,
            generation
        })),
        of().prop_map(move |(partition, generation)| plain(Event::Lost {
            partition,
            generation
        })),
        (of(), any::<(i64, i64)>()).prop_map(move |((partition, generation), (from, to))| {
            plain(Event::Removed {
                partition,
                generation,
                from,
                to,
            })
        }),
        Just(plain(Event::ClientLost)),
        any::<bool>().prop_map(move |usable| plain(Event::BusUsable(usable))),
        Just(plain(Event::Shutdown)),
    ]
}

fn healths() -> impl Strategy<Value = Health> {
    let at = || (any::<u32>().prop_map(PartitionId), any::<i64>());
    prop_oneof![
        Just(Health::Working),
        (at(), classes()).prop_map(|((partition, offset), class)| Health::Stopped {
            partition,
            offset,
            class
        }),
        at().prop_map(|(partition, offset)| Health::RecordsRemoved { partition, offset }),
        at().prop_map(|(partition, offset)| Health::DeadLetterFailed { partition, offset }),
        at().prop_map(|(partition, offset)| Health::Stalled { partition, offset }),
    ]
}

fn actions() -> impl Strategy<Value = Action> {
    let id = any::<u64>;
    let of = partitions;
    let positions =
        (of(), any::<i64>(), done_records()).prop_map(|((partition, generation), offset, done)| {
            Position {
                partition,
                generation,
                offset,
                done,
            }
        });
    prop_oneof![
        (id(), of(), any::<i64>(), any::<(u32, u32)>()).prop_map(
            |(id, (partition, generation), offset, (records, attempt))| Action::Run(Run {
                id: RunId::from_number(id),
                partition,
                generation,
                offset,
                records,
                attempt,
            })
        ),
        id().prop_map(|run| Action::Cancel {
            run: RunId::from_number(run)
        }),
        (id(), vec(positions, 0..3), instants()).prop_map(|(id, positions, deadline)| {
            Action::Commit {
                id: CommitId::from_number(id),
                positions,
                deadline,
            }
        }),
        (id(), of(), any::<i64>(), any::<u32>(), classes()).prop_map(
            |(id, (partition, generation), offset, attempts, class)| Action::WriteDeadLetter {
                id: DeadLetterId::from_number(id),
                partition,
                generation,
                offset,
                attempts,
                class,
            }
        ),
        (of(), any::<i64>()).prop_map(|((partition, generation), offset)| Action::Forget {
            partition,
            generation,
            offset
        }),
        prop_oneof![Just(Pace::Full), Just(Pace::Slow), Just(Pace::Paused)]
            .prop_map(Action::SetPace),
        (of(), any::<i64>()).prop_map(|((partition, generation), offset)| Action::Seek {
            partition,
            generation,
            offset
        }),
        (of(), any::<u32>()).prop_map(|((partition, generation), duplicates)| Action::Release {
            partition,
            generation,
            duplicates
        }),
        healths().prop_map(Action::SetHealth),
        any::<u32>().prop_map(|duplicates| Action::Stopped { duplicates }),
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
        let name = ["queued", "number", "code"][surplus];
        let text = String::from_utf8(encoded(&line)).expect("JSON");
        let open = text.strip_suffix("}\n").expect("an object");
        if !text.contains("\"failure\"") {
            let more = format!("{open},\"{name}\":1}}");
            prop_assert!(Line::decode(more.as_bytes(), epoch()).is_err(), "{more}");
        }
    }
}

fn fetched(records: &[Record]) -> Line {
    let event = Event::Fetched {
        partition: PartitionId(0),
        generation: Generation(1),
        records,
    };
    Line {
        at: epoch().began(),
        content: Content::Entry(Entry::Event(OwnedEvent::new(event, None))),
    }
}

#[test]
fn fetch_of_many_records_in_a_row_is_one_short_line() {
    let record = |offset| Record {
        offset,
        key: Some(7),
        bytes: 140,
        fingerprint: 99,
    };
    let records: Vec<_> = (0..100_000).chain([100_005]).map(record).collect();
    let text = String::from_utf8(encoded(&fetched(&records))).expect("JSON");
    let expected = concat!(
        r#"{"ns":0,"event":"Fetched","partition":0,"generation":1,"offsets":[[0,100000],100005],"#,
        r#""bytes":[[140,100001]],"fingerprints":[[99,100001]],"keys":[[7,100001]]}"#,
        "\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn error_of_a_line_says_what_is_wrong() {
    let fetch =
        |rest: &str| format!(r#"{{"ns":1,"event":"Fetched","partition":0,"generation":1,{rest}}}"#);
    for (text, what) in [
        (
            r#"{"ns":1,"event":"Nap"}"#.to_owned(),
            r#"`event` is "Nap", which is unknown"#,
        ),
        (
            r#"{"ns":1,"event":"RunEnded"}"#.to_owned(),
            "`run` is missing",
        ),
        (
            r#"{"ns":1,"event":"Lost","partition":1}"#.to_owned(),
            "`generation` is missing",
        ),
        (
            r#"{"ns":1,"event":"Assigned","partition":1,"generation":1}"#.to_owned(),
            "it has not one of `committed` and `resolved`",
        ),
        (
            fetch(r#""offsets":[[1,2]],"bytes":[1],"fingerprints":[[1,2]]"#),
            "its columns are not equally long",
        ),
        (
            fetch(r#""offsets":[1,2],"bytes":[[1,2]],"fingerprints":[[1,2]]"#),
            "`offsets` is not as it is written",
        ),
        (
            fetch(r#""offsets":[[1,99999999999]],"bytes":[[1,2]],"fingerprints":[[1,2]]"#),
            "`offsets` has more than 10000000 values",
        ),
    ] {
        let damage = Line::decode(text.as_bytes(), epoch()).expect_err(&text);
        assert_eq!(damage.what, what, "{text}");
    }
}

fn header(settings: Settings) -> Header {
    let mut config = HandlerConfig::new(
        "orders\nof all kinds",
        Config::new(settings).expect("it is valid"),
    );
    config.partitions.push(PartitionName {
        partition: PartitionId(3),
        topic: "orders".to_owned(),
        number: 7,
    });
    Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 1_760_000_000_000,
        config,
        start_state: None,
    }
}

#[test]
fn every_setting_round_trips() {
    let policy = |retries: u32, then| {
        let backoff = Backoff {
            first: Duration::from_millis(u64::from(retries)),
            max: Duration::from_secs(u64::from(retries)),
            jitter_percent: 7,
        };
        FailurePolicy::new(retries, backoff, then)
    };
    let all_different = Settings {
        order: Order::Key,
        delivery: Delivery::Broadcast,
        limits: Limits {
            runs: 1,
            run_records: 2,
            unacknowledged: 3,
            records: 4,
            high_water_bytes: 5,
            bytes: 99,
            record_bytes: 6,
        },
        record_timeout: None,
        stall_timeout: Duration::from_secs(1),
        commit_interval: Duration::from_secs(2),
        commit_timeout: Duration::from_secs(3),
        revocation_drain: Duration::from_secs(4),
        drain: Duration::from_secs(5),
        transient: policy(1, Then::Stop),
        permanent: policy(2, Then::Skip),
        timed_out: policy(3, Then::DeadLetter),
        panicked: policy(4, Then::Skip),
        dead_letter_backoff: Backoff::fixed(Duration::from_secs(8)),
        on_removed: OnRemoved::Continue,
        seed: u64::MAX,
    };
    for settings in [Settings::default(), all_different] {
        let mut header = header(settings);
        let dispatcher = Dispatcher::new(header.config.config.clone(), epoch().began());
        for start_state in [
            None,
            Some(StartState {
                ns: 5,
                state: dispatcher.snapshot(epoch().began()),
            }),
        ] {
            header.start_state = start_state;
            let mut text = Vec::new();
            header.encode(&mut text).expect("it can be written");
            assert_eq!(Header::decode(&text), Ok(header.clone()));
            let read = header.machine(epoch()).expect("it is valid");
            assert_eq!(read.0, dispatcher);
        }
    }
}

#[test]
fn recording_of_another_state_machine_is_refused_by_its_name() {
    let mut text = Vec::new();
    header(Settings::default())
        .encode(&mut text)
        .expect("it can be written");
    let refused = crate::Reader::new(&*text).expect_err("it is of a dispatcher");
    assert_eq!(refused.to_string(), "it is the recording of a dispatcher");
    let supervisor = crate::Header {
        service: "bus".to_owned(),
        began_unix_ms: 0,
        config: livebus_core::Config::new(livebus_core::Settings::default()).expect("valid"),
        start_state: None,
    };
    let mut text = Vec::new();
    supervisor.encode(&mut text).expect("it can be written");
    let refused = Reader::new(&*text).expect_err("it is of a supervisor");
    assert_eq!(refused.to_string(), "it is the recording of a supervisor");
}
