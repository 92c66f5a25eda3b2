//! What other limits, attempts and deadlines would have done: with what was recorded, and what is said where that is not enough.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::calls::{
    Action, CallId, Calls, Config, Event, Outcome, Reply, Request, Sent, Settings,
};
use livebus_recording::calls::policy::{Analysis, Change, Report};
use livebus_recording::calls::{CallerConfig, Content, Header, Line, Replay};
use livebus_recording::{Epoch, Outcome as Replayed};
use livebus_runner::{CallsEntry, CallsObserver, ObservedCalls};

use crate::callers;
use crate::calls_run::{IDENTITY, MS};

struct Memory(Sender<Line>);

impl CallsObserver for Memory {
    fn observe(&mut self, at: Instant, entry: CallsEntry) {
        let content = Content::Entry(entry);
        self.0.send(Line { at, content }).expect("it is read below");
    }
}

/// A call: when it comes, how long it may take, and when its callee replies to each attempt, if it does.
struct Scripted {
    comes: Duration,
    time: Duration,
    is_idempotent: bool,
    replied_after: &'static [Option<Duration>],
}

/// Returns the recording of these calls, of 10 bytes each.
fn recorded(settings: Settings, script: &[Scripted], time: Duration) -> Vec<u8> {
    let began = Instant::now();
    let config = Config::new(settings).expect("it is valid");
    let (sender, lines) = channel();
    let calls = Calls::new(config.clone(), IDENTITY, began);
    let observers = vec![Box::new(Memory(sender)) as Box<dyn CallsObserver>];
    let mut calls = ObservedCalls::new(calls, began, observers);
    // The recording goes on to the end of the time.
    let mut inputs = vec![(began, Event::BusReady), (began + time, Event::BusReady)];
    inputs.extend(script.iter().zip(1..).map(|(it, number)| {
        let request = Request {
            deadline: began + it.comes + it.time,
            bytes: 10,
            is_idempotent: it.is_idempotent,
        };
        let call = CallId(number);
        (began + it.comes, Event::Called { call, request })
    }));
    loop {
        inputs.sort_by_key(|(at, _)| *at);
        let first = inputs.first().map(|(at, _)| *at);
        let timer = calls.poll_timeout();
        let now = [first, timer].into_iter().flatten().min();
        let Some(now) = now.filter(|now| *now <= began + time) else {
            break;
        };
        if first == Some(now) {
            let (_, event) = inputs.remove(0);
            calls.handle_event(now, event);
        } else {
            calls.handle_timeout(now);
        }
        while let Some(action) = calls.poll_action() {
            match action {
                Action::AssignReplies { id, .. } => {
                    let result = Ok(());
                    inputs.push((now, Event::RepliesAssigned { id, result }));
                }
                Action::Send {
                    correlation: to,
                    attempt,
                    ..
                } => {
                    let (call, result) = (to.call, Sent::Acknowledged);
                    let answered = Event::SendAnswered {
                        call,
                        attempt,
                        result,
                    };
                    inputs.push((now + MS, answered));
                    let index = usize::try_from(call.0 - 1).expect("few");
                    let replies = script[index].replied_after;
                    let attempt = usize::try_from(attempt - 1).expect("few");
                    if let Some(after) = replies.get(attempt).copied().flatten() {
                        let reply = Reply::Done;
                        inputs.push((now + after, Event::ReplyFetched { to, reply }));
                    }
                }
                Action::SendCancel { .. }
                | Action::End { .. }
                | Action::SetHealth(_)
                | Action::Stopped => {}
            }
        }
    }
    drop(calls);
    let header = Header {
        service: "bus".to_owned(),
        began_unix_ms: 0,
        config: CallerConfig::new("billing", IDENTITY, config),
        start_state: None,
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    let epoch = Epoch::new(began);
    for line in lines {
        line.encode(epoch, &mut text).expect("it can be written");
    }
    text
}

fn settings() -> Settings {
    Settings {
        attempt_timeout: 50 * MS,
        retry_backoff: Backoff::fixed(10 * MS),
        ..Settings::default()
    }
}

/// Returns what was recorded, and what another policy would have done.
fn analysed(text: &[u8], change: Change) -> (Report, Report) {
    let replay = Replay::new(text).expect("it is a recording");
    let mut analysis = Analysis::new(&replay);
    let outcome = replay.run_with(|_, line, calls| analysis.add(line, calls));
    assert!(matches!(outcome, Ok(Replayed::Same(_))), "{outcome:?}");
    assert!(analysis.can_simulate());
    let simulated = analysis.simulate(&change).expect("it is valid");
    (analysis.report().clone(), simulated)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Three calls at once: one that is replied at 20 ms, one at 150 ms that has 100 ms, and one that is never replied.
const CALLS: [Scripted; 3] = [
    Scripted {
        comes: Duration::ZERO,
        time: ms(100),
        is_idempotent: false,
        replied_after: &[Some(ms(20))],
    },
    Scripted {
        comes: ms(1),
        time: ms(100),
        is_idempotent: false,
        replied_after: &[Some(ms(150))],
    },
    Scripted {
        comes: ms(2),
        time: ms(100),
        is_idempotent: false,
        replied_after: &[],
    },
];

fn numbers(report: &Report) -> Vec<(u64, Outcome)> {
    let ends = report.without_reply.iter();
    ends.map(|ended| (ended.call.0, ended.outcome)).collect()
}

#[test]
fn unchanged_policy_does_what_was_recorded() {
    for seed in 0..40 {
        let text = callers::recorded(seed, 400, seed % 2 == 0);
        let (recorded, simulated) = analysed(&text, Change::default());
        let counted = recorded.counters;
        assert!(counted.called > 100, "{counted:?}");
        // Nobody knows of which call a reply to an unknown one was, or an answer to an old assignment.
        assert_eq!(recorded.without_reply, simulated.without_reply, "{seed}");
        assert_eq!(recorded.not_sent, simulated.not_sent, "{seed}");
        assert_eq!(counted.replied, simulated.counters.replied, "{seed}");
        assert_eq!(counted.sends, simulated.counters.sends, "{seed}");
        assert_eq!(recorded.longest, simulated.longest, "{seed}");
        assert_eq!(recorded.longest_replied, simulated.longest_replied);
        assert_eq!(recorded.max_in_flight, simulated.max_in_flight, "{seed}");
        assert_eq!(recorded.in_flight_at_end, simulated.in_flight_at_end);
        assert_eq!(simulated.unknown, recorded.unknown, "{seed}");
    }
}

#[test]
fn more_time_delivers_the_late_reply_and_says_which_reply_nobody_knows() {
    let text = recorded(settings(), &CALLS, 400 * MS);
    let change = Change {
        min_time: Some(ms(200)),
        ..Change::default()
    };
    let (before, with) = analysed(&text, change);
    let expired = [(2, Outcome::Expired), (3, Outcome::Expired)];
    assert_eq!(numbers(&before), expired);
    assert_eq!(before.counters.late_replies, 1);
    assert_eq!(before.longest_replied, 20 * MS);
    assert_eq!(numbers(&with), [(3, Outcome::Expired)]);
    assert_eq!(with.longest_replied, 150 * MS);
    assert_eq!(with.counters.late_replies, 0);
    assert_eq!(with.unknown.replies, [CallId(3)].into());
}

#[test]
fn less_time_ends_calls_earlier() {
    let text = recorded(settings(), &CALLS, 400 * MS);
    let change = Change {
        max_time: Some(ms(10)),
        ..Change::default()
    };
    let (_, with) = analysed(&text, change);
    assert_eq!(numbers(&with).len(), 3);
    assert_eq!((with.longest, with.counters.late_replies), (10 * MS, 2));
    assert!(with.unknown.replies.is_empty());
}

#[test]
fn lower_limit_refuses_and_higher_limit_assumes_what_came_of_it() {
    let text = recorded(settings(), &CALLS, 400 * MS);
    let change = Change {
        calls: Some(1),
        ..Change::default()
    };
    let (_, with) = analysed(&text, change);
    assert_eq!(with.not_sent.overloaded, 2);
    assert_eq!((with.max_in_flight, with.counters.replied), (1, 1));

    let mut one_call = settings();
    one_call.limits.calls = 1;
    let text = recorded(one_call, &CALLS, 400 * MS);
    let change = Change {
        calls: Some(9),
        ..Change::default()
    };
    let (before, with) = analysed(&text, change);
    assert_eq!(before.not_sent.overloaded, 2);
    assert_eq!(with.counters.replied, 3, "after the median, 20 ms");
    assert_eq!(with.unknown.calls, [CallId(2), CallId(3)].into());
    assert_eq!((with.max_in_flight, with.max_bytes_in_flight), (3, 30));
}

#[test]
fn fewer_attempts_lose_the_reply_to_a_later_one_and_more_are_unknown() {
    let script = [Scripted {
        comes: Duration::ZERO,
        time: 300 * MS,
        is_idempotent: true,
        replied_after: const { &[None, Some(ms(5))] },
    }];
    let text = recorded(settings(), &script, 400 * MS);
    let attempts = |attempts| Change {
        attempts: Some(attempts),
        ..Change::default()
    };
    let (before, with) = analysed(&text, attempts(1));
    assert_eq!((before.counters.replied, before.counters.retries), (1, 1));
    assert_eq!(numbers(&with), [(1, Outcome::Expired)]);

    let two = Settings {
        attempts: 2,
        ..settings()
    };
    let script = [Scripted {
        replied_after: &[None, None],
        ..script.into_iter().next().expect("one")
    }];
    let text = recorded(two, &script, 400 * MS);
    let (_, with) = analysed(&text, attempts(3));
    assert_eq!(with.counters.sends, 3);
    assert_eq!(with.unknown.attempts, [CallId(1)].into());
}

#[test]
fn invalid_change_is_refused_with_its_field() {
    let text = recorded(settings(), &CALLS, 10 * MS);
    let replay = Replay::new(text.as_slice()).expect("it is a recording");
    let analysis = Analysis::new(&replay);
    let change = Change {
        attempts: Some(0),
        ..Change::default()
    };
    let error = analysis.simulate(&change).expect_err("no attempt");
    assert_eq!(error.field, "attempts");
}
