//! What another policy would have done: with what was recorded, and what is said where that is not enough.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::dispatch::{
    Action, Config, Dispatcher, Event, FailurePolicy, Generation, Order, PartitionId, Record,
    RecordFailure, RunEnd, Settings, Start, Then,
};
use livebus_recording::dispatch::policy::{Analysis, Change, Fate, Report, Unknown};
use livebus_recording::dispatch::{Content, HandlerConfig, Header, Line, OwnedEvent, Replay};
use livebus_recording::{Epoch, Outcome};
use livebus_runner::{DispatchEntry, DispatchObserver, Entry, ObservedDispatcher};

const PARTITION: PartitionId = PartitionId(0);
const GENERATION: Generation = Generation(1);
const CALL: Duration = Duration::from_millis(10);
const BACKOFF: Duration = Duration::from_millis(100);

struct Memory(std::sync::mpsc::Sender<Line>);

impl DispatchObserver for Memory {
    fn observe(&mut self, at: Instant, entry: DispatchEntry<'_>) {
        let entry = match entry {
            Entry::Event(event) => Entry::Event(OwnedEvent::new(event, None)),
            Entry::Timeout => Entry::Timeout,
            Entry::Action(action) => Entry::Action(action.clone()),
        };
        let content = Content::Entry(entry);
        self.0.send(Line { at, content }).expect("it is read below");
    }
}

fn settings(retries: u32, then: Then) -> Settings {
    let policy = FailurePolicy::new(retries, Backoff::fixed(BACKOFF), then);
    Settings {
        transient: policy.clone(),
        permanent: policy.clone(),
        timed_out: policy.clone(),
        panicked: policy,
        ..Settings::default()
    }
}

/// Handles the records 0 to 3 of one partition. The record 1 fails so many times. Returns the recording.
fn recorded(settings: Settings, failures: u32, time: Duration) -> Vec<u8> {
    let began = Instant::now();
    let config = Config::new(settings).expect("it is valid");
    let (sender, lines) = channel();
    let dispatcher = Dispatcher::new(config.clone(), began);
    let observers = vec![Box::new(Memory(sender)) as Box<dyn DispatchObserver>];
    let mut dispatcher = ObservedDispatcher::new(dispatcher, began, observers);
    let mut now = began;
    dispatcher.handle_event(now, Event::BusUsable(true));
    dispatcher.handle_event(
        now,
        Event::Assigned {
            partition: PARTITION,
            generation: GENERATION,
            start: Start::Committed(0),
            done: &[],
        },
    );
    let records = [0, 1, 2, 3].map(|offset| Record {
        offset,
        key: Some(u64::try_from(offset % 2).expect("small")),
        bytes: 10,
        fingerprint: 0,
    });
    dispatcher.handle_event(
        now,
        Event::Fetched {
            partition: PARTITION,
            generation: GENERATION,
            records: &records,
        },
    );
    let mut left = failures;
    let mut runs = Vec::new();
    let mut commits = Vec::new();
    while now < began + time {
        while let Some(action) = dispatcher.poll_action() {
            match action {
                Action::Run(run) => runs.push(run),
                Action::Commit { id, .. } => commits.push(id),
                Action::WriteDeadLetter { .. }
                | Action::Cancel { .. }
                | Action::Forget { .. }
                | Action::SetPace(_)
                | Action::Seek { .. }
                | Action::Release { .. }
                | Action::SetHealth(_)
                | Action::Stopped { .. } => {}
            }
        }
        now += CALL;
        for id in commits.drain(..) {
            let acknowledged = &[PARTITION];
            dispatcher.handle_event(now, Event::CommitAnswered { id, acknowledged });
        }
        for run in runs.drain(..) {
            let last = run.offset + i64::from(run.records);
            let end = if left > 0 && (run.offset..last).contains(&1) {
                left -= 1;
                RunEnd::Failed {
                    done: u32::try_from(1 - run.offset).expect("small"),
                    class: RecordFailure::Transient,
                }
            } else {
                RunEnd::Done
            };
            dispatcher.handle_event(now, Event::RunEnded { run: run.id, end });
        }
        dispatcher.handle_timeout(now);
    }
    // A recording reaches to its last line.
    dispatcher.handle_event(now, Event::BusUsable(true));
    while dispatcher.poll_action().is_some() {}
    drop(dispatcher);
    text(config, began, &lines)
}

fn text(config: Config, began: Instant, lines: &Receiver<Line>) -> Vec<u8> {
    let header = Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 0,
        config: HandlerConfig::new("orders", config),
        start_state: None,
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    for line in lines.try_iter() {
        line.encode(Epoch::new(began), &mut text)
            .expect("it can be written");
    }
    text
}

fn analysis(text: &[u8]) -> Analysis {
    let replay = Replay::new(text).expect("it is a recording");
    let mut analysis = Analysis::new(&replay);
    let outcome = replay.run_with(|_, line, dispatcher| analysis.add(line, dispatcher));
    assert!(matches!(outcome, Ok(Outcome::Same(_))), "{outcome:?}");
    analysis
}

fn simulated(analysis: &Analysis, change: Change) -> Report {
    let config = change.apply(analysis.config()).expect("it is valid");
    analysis.simulate(&config)
}

fn offsets(fates: &[Fate]) -> Vec<(i64, u32)> {
    fates.iter().map(|it| (it.offset, it.attempts)).collect()
}

#[test]
fn report_says_what_became_of_each_record() {
    // It stops its partition at the third failure, and succeeds at the fifth call.
    let text = recorded(settings(2, Then::Stop), 4, Duration::from_secs(2));
    let report = analysis(&text).report();
    assert_eq!(report.counters.done, 4);
    assert_eq!(report.counters.failed, 4);
    assert_eq!(offsets(&report.stopped), [(1, 3)]);
    assert!(report.stopped[0].until > Some(report.stopped[0].at));
    assert_eq!((report.skipped.len(), report.dead_letters.len()), (0, 0));
    assert_eq!(report.committed, [(PARTITION, 4)]);
    assert_eq!((report.duplicates_at_end, report.held_at_end), (0, 0));
    // Five calls of 10 ms, and four back-offs.
    let stall = 5 * CALL + 4 * BACKOFF;
    let is_near = report.longest_stall >= stall && report.longest_stall < stall + 6 * CALL;
    assert!(is_near, "{:?}", report.longest_stall);
}

#[test]
fn same_policy_has_the_same_fates() {
    for (retries, then, failures) in [
        (2, Then::Stop, 4),
        (2, Then::Stop, 1_000),
        (0, Then::Skip, 1),
        (3, Then::Skip, 2),
    ] {
        let text = recorded(settings(retries, then), failures, Duration::from_secs(2));
        let analysis = analysis(&text);
        let (recorded, simulated) = (analysis.report(), simulated(&analysis, Change::default()));
        assert_eq!(offsets(&simulated.stopped), offsets(&recorded.stopped));
        assert_eq!(offsets(&simulated.skipped), offsets(&recorded.skipped));
        assert_eq!(simulated.counters.done, recorded.counters.done);
        assert_eq!(simulated.committed, recorded.committed);
        assert_eq!(simulated.held_at_end, recorded.held_at_end);
        assert_eq!(simulated.unknown.calls, []);
    }
}

#[test]
fn policy_that_the_recording_has_all_calls_for_is_known() {
    let text = recorded(settings(2, Then::Stop), 4, Duration::from_secs(2));
    let analysis = analysis(&text);
    let skips = simulated(
        &analysis,
        Change {
            then: Some(Then::Skip),
            ..Change::default()
        },
    );
    assert_eq!(offsets(&skips.skipped), [(1, 3)]);
    assert_eq!((skips.counters.done, skips.stopped.len()), (3, 0));
    assert_eq!(skips.unknown, Unknown::default());
    let patient = simulated(
        &analysis,
        Change {
            retries: Some(9),
            ..Change::default()
        },
    );
    assert_eq!((patient.counters.done, patient.stopped.len()), (4, 0));
    assert_eq!(patient.unknown, Unknown::default());
    assert!(patient.longest_stall >= 4 * BACKOFF);
}

#[test]
fn dead_letters_that_were_never_written_are_assumed_to_be_acknowledged() {
    let text = recorded(settings(2, Then::Stop), 4, Duration::from_secs(2));
    let letters = simulated(
        &analysis(&text),
        Change {
            then: Some(Then::DeadLetter),
            retries: Some(0),
            ..Change::default()
        },
    );
    assert_eq!(offsets(&letters.dead_letters), [(1, 1)]);
    assert_eq!(letters.unknown.dead_letters, [(PARTITION, 1)]);
    assert_eq!(letters.committed, [(PARTITION, 4)]);
}

#[test]
fn call_that_never_happened_is_unknown() {
    // It was skipped at its first failure: whether a second call would have succeeded, nobody knows.
    let text = recorded(settings(0, Then::Skip), 1, Duration::from_secs(2));
    let retried = simulated(
        &analysis(&text),
        Change {
            retries: Some(2),
            ..Change::default()
        },
    );
    assert_eq!(retried.unknown.retries, [(PARTITION, 1)]);
    assert_eq!(offsets(&retried.skipped), [(1, 3)]);
    // Its partition stopped to the end: what is behind it was never called.
    let text = recorded(settings(0, Then::Stop), 1_000, Duration::from_secs(2));
    let stopped = analysis(&text);
    let recorded = stopped.report();
    assert_eq!(recorded.held_at_end, 3);
    assert_eq!(recorded.duplicates_at_end, 1);
    assert_eq!(recorded.stopped[0].until, None);
    let skips = simulated(
        &stopped,
        Change {
            then: Some(Then::Skip),
            ..Change::default()
        },
    );
    assert_eq!(
        skips.unknown.calls,
        [(PARTITION, 2), (PARTITION, 3)],
        "{skips:?}"
    );
}

#[test]
fn order_by_key_lets_other_keys_pass_a_record_that_fails() {
    let text = recorded(settings(0, Then::Skip), 0, Duration::from_secs(2));
    let in_order = analysis(&text);
    let by_key = simulated(
        &in_order,
        Change {
            order: Some(Order::Key),
            runs: Some(4),
            ..Change::default()
        },
    );
    assert_eq!(by_key.counters.done, 4);
    assert!(by_key.longest_stall <= in_order.report().longest_stall);
    let one_at_once = simulated(
        &in_order,
        Change {
            order: Some(Order::Key),
            runs: Some(1),
            ..Change::default()
        },
    );
    assert!(one_at_once.longest_stall >= by_key.longest_stall);
}
