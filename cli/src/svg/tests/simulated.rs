//! Recordings of buses that are only thought of, on a clock that is turned.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::{Action, Config, Event, FailureClass, Settings, Supervisor};
use livebus_recording::{Content, Epoch, Header, Line, Reader, StartState};
use livebus_runner::{Entry, ObservedSupervisor, Observer};

/// What a bus does to a liveness message.
pub(super) enum Bus {
    Works,
    Fails(FailureClass),
    Hangs,
}

/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(2);

/// The recording of a supervisor on a bus that does what `bus` says at each time since the beginning, for `length`.
pub(super) fn record(
    service: &str,
    mut settings: Settings,
    length: Duration,
    bus: impl Fn(Duration) -> Bus,
) -> Vec<u8> {
    let began = Instant::now();
    settings.seed = Some(7);
    let config = Config::new(settings).expect("a preset is right");
    let header = Header {
        service: service.to_owned(),
        began_unix_ms: 1_760_000_000_000,
        config: config.clone(),
        start_state: None,
    };
    let memory = Memory::begin(&header, Epoch::new(began));
    let supervisor = Supervisor::new(config, began);
    let mut supervisor = ObservedSupervisor::new(supervisor, began, vec![Box::new(memory.clone())]);
    let mut answer: Option<(Instant, Event)> = None;
    let mut now = began;
    while now < began + length {
        while let Some(action) = supervisor.poll_action() {
            let result = match bus(now - began) {
                Bus::Works => Some(Ok(())),
                Bus::Fails(class) => Some(Err(class.into())),
                Bus::Hangs => None,
            };
            let event = match action {
                Action::Start { id, .. } => Some(Event::StartAnswered { id, result: Ok(()) }),
                Action::SendLiveness { id, .. } => {
                    result.map(|result| Event::LivenessAnswered { id, result })
                }
                Action::RegisterHandler { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::SetStatus(_)
                | Action::Renew { .. }
                | Action::Stop { .. } => continue,
            };
            answer = event.map(|event| (now + ANSWER, event));
        }
        let due = supervisor.poll_timeout();
        let next = [due, answer.map(|(at, _)| at)].into_iter().flatten().min();
        now = next.expect("something is always due");
        if let Some((at, event)) = answer.take_if(|(at, _)| *at <= now) {
            supervisor.handle_event(at, event);
        }
        supervisor.handle_timeout(now);
    }
    memory.text()
}

/// The later half of the lines of a recording, as the file that goes on after the earlier half.
pub(super) fn second_half(text: &[u8]) -> Vec<u8> {
    let reader = Reader::new(text).expect("it is a recording");
    let (epoch, header) = (reader.epoch(), reader.header().clone());
    let lines: Vec<Line> = reader.map(|line| line.expect("it is whole").1).collect();
    let mut supervisor = Supervisor::new(header.config.clone(), epoch.began());
    let mut newest = epoch.began();
    let (before, after) = lines.split_at(lines.len() / 2);
    for Line { at, content } in before {
        match content {
            Content::Entry(Entry::Event(event)) => supervisor.handle_event(*at, *event),
            Content::Entry(Entry::Timeout) => supervisor.handle_timeout(*at),
            Content::Entry(Entry::Action(action)) => {
                assert_eq!(supervisor.poll_action(), Some(*action));
            }
            Content::End(_) => {}
        }
        newest = newest.max(*at);
    }
    let header = Header {
        start_state: Some(StartState {
            ns: epoch.nanos(newest),
            state: supervisor.snapshot(epoch.began()),
        }),
        ..header
    };
    let mut text = Vec::new();
    header.encode(&mut text).expect("it fits");
    for line in after {
        line.encode(epoch, &mut text).expect("it fits");
    }
    text
}

/// Keeps all that it is told, as the text of a file.
#[derive(Clone)]
struct Memory {
    epoch: Epoch,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Memory {
    fn begin(header: &Header, epoch: Epoch) -> Self {
        let mut text = Vec::new();
        header.encode(&mut text).expect("it fits");
        Self {
            epoch,
            text: Arc::new(Mutex::new(text)),
        }
    }

    fn text(&self) -> Vec<u8> {
        self.text.lock().expect("nobody panics").clone()
    }
}

impl Observer for Memory {
    fn observe(&mut self, at: Instant, entry: Entry) {
        let content = Content::Entry(entry);
        let mut text = self.text.lock().expect("nobody panics");
        let line = Line { at, content };
        line.encode(self.epoch, &mut text).expect("it fits");
    }
}
