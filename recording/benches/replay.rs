//! The time to write a million events as lines, to read them, and to replay them. The target: replayed in under two seconds.
//!
//! `cargo bench -p livebus-recording` prints a table. It runs in memory, so that no disk is measured.

use std::hint::black_box;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use livebus_core::{
    Action, ClientId, Config, Event, Failure, FailureClass, LivenessId, Settings, Supervisor,
};
use livebus_recording::{Content, End, Epoch, Header, Line, Outcome, Reader, Replay};
use livebus_runner::{Entry, ObservedSupervisor};

const EVENTS: u64 = 1_000_000;

const STEP: Duration = Duration::from_millis(20);

/// The number of measurements; the fastest counts.
const RUNS: usize = 5;

fn main() {
    let (config, began, entries) = script();
    let (encoding, text) = fastest(|| encode(&config, began, &entries));
    let (reading, lines) = fastest(|| {
        let mut lines = 0;
        for line in Reader::new(&text[..]).expect("a recording") {
            black_box(line.expect("whole"));
            lines += 1;
        }
        lines
    });
    let (replaying, summary) = fastest(|| {
        let outcome = Replay::new(&text[..]).and_then(|replay| replay.run(|_, _| {}));
        match outcome.expect("it can be read") {
            Outcome::Same(summary) => summary,
            Outcome::Different(difference) => panic!("{difference}"),
        }
    });
    assert!(summary.inputs >= EVENTS && lines + 1 == summary.lines);

    println!(
        "{} inputs and {} actions, {} MB\n",
        summary.inputs,
        summary.actions,
        text.len() / 1_000_000
    );
    println!("| what | seconds | inputs/s | MB/s |\n|---|---|---|---|");
    for (what, took) in [
        ("written as lines", encoding),
        ("read", reading),
        ("read, replayed and compared", replaying),
    ] {
        let per_second = |count: u64| u128::from(count) * 1_000_000_000 / took.as_nanos();
        println!(
            "| {what} | {:.2} | {} | {} |",
            took.as_secs_f64(),
            per_second(summary.inputs),
            per_second(text.len() as u64) / 1_000_000
        );
    }
}

fn fastest<T>(work: impl Fn() -> T) -> (Duration, T) {
    let measured = |_| {
        let begin = Instant::now();
        let result = work();
        (begin.elapsed(), result)
    };
    (0..RUNS)
        .map(measured)
        .min_by_key(|(took, _)| *took)
        .expect("at least one run")
}

type Entries = Vec<(Instant, Entry)>;

/// A run of a bus with traffic, with failures of every class now and then: each event has an action or two.
fn script() -> (Config, Instant, Entries) {
    let config = Config::new(Settings::fast()).expect("valid");
    let began = Instant::now();
    let (sender, entries) = channel();
    let record = move |at, entry| sender.send((at, entry)).expect("it is read below");
    let supervisor = Supervisor::new(config.clone(), began);
    let mut supervisor = ObservedSupervisor::new(supervisor, began, vec![Box::new(record)]);
    let mut open = drain(&mut supervisor, None);
    for n in 0..EVENTS {
        let now = began + STEP * u32::try_from(n).expect("small");
        let event = match (n % 20, open.take()) {
            (19, None) => Event::Suspicion(failure(n)),
            (_, None) => Event::Live { at: now },
            (_, Some(Open::Start(id))) => Event::StartAnswered { id, result: Ok(()) },
            (_, Some(Open::Liveness(id))) => Event::LivenessAnswered {
                id,
                result: if n % 3 == 0 { Err(failure(n)) } else { Ok(()) },
            },
        };
        supervisor.handle_event(now, event);
        supervisor.handle_timeout(now);
        open = drain(&mut supervisor, open);
    }
    (config, began, entries.try_iter().collect())
}

enum Open {
    Start(ClientId),
    Liveness(LivenessId),
}

fn failure(n: u64) -> Failure {
    let class = usize::try_from(n).expect("small") / 20 % FailureClass::ALL.len();
    Failure::with_code(FailureClass::ALL[class], -195)
}

fn drain(supervisor: &mut ObservedSupervisor, mut open: Option<Open>) -> Option<Open> {
    while let Some(action) = supervisor.poll_action() {
        match action {
            Action::Start { id, .. } => open = Some(Open::Start(id)),
            Action::SendLiveness { id, .. } => open = Some(Open::Liveness(id)),
            Action::RegisterHandler { .. }
            | Action::DiscardClient { .. }
            | Action::DiscardRegistration { .. }
            | Action::SetStatus(_)
            | Action::Renew { .. }
            | Action::Stop { .. } => {}
        }
    }
    open
}

fn encode(config: &Config, began: Instant, entries: &Entries) -> Vec<u8> {
    let header = Header {
        service: "message-bus".to_owned(),
        began_unix_ms: 0,
        config: config.clone(),
        start_state: None,
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("it can be written");
    let last = entries.last().map_or(began, |(at, _)| *at);
    entries
        .iter()
        .map(|(at, entry)| (*at, Content::Entry(*entry)))
        .chain([(last, Content::End(End::ForcedStop))])
        .for_each(|(at, content)| {
            let line = Line { at, content };
            line.encode(Epoch::new(began), &mut text)
                .expect("it can be written");
        });
    text
}
