//! Recordings of simulated buses, with a manual clock.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::{Action, Config, Event, FailureClass, Settings, Supervisor};
use livebus_recording::{Content, Epoch, Header, Line, Reader, StartState};
use livebus_runner::{Entry, ObservedSupervisor, Observer};

/// How a bus answers a liveness message.
pub(super) enum Bus {
    Works,
    Fails(FailureClass),
    Hangs,
}

/// The time to an answer.
const ANSWER_DELAY: Duration = Duration::from_millis(2);

/// Returns the recording of a supervisor for `length`, on a bus that answers like `bus` at each time since the beginning.
pub(super) fn record(
    service: &str,
    mut settings: Settings,
    length: Duration,
    bus: impl Fn(Duration) -> Bus,
) -> Vec<u8> {
    let began = Instant::now();
    settings.seed = Some(7);
    let config = Config::new(settings).expect("a preset is valid");
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
            answer = event.map(|event| (now + ANSWER_DELAY, event));
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

/// Returns the second half of the lines of a recording, as the file that continues the first half.
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
    header.encode(&mut text).expect("it can be written");
    for line in after {
        line.encode(epoch, &mut text).expect("it can be written");
    }
    text
}

/// Records all entries in memory, as the text of a file.
#[derive(Clone)]
struct Memory {
    epoch: Epoch,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Memory {
    fn begin(header: &Header, epoch: Epoch) -> Self {
        let mut text = Vec::new();
        header.encode(&mut text).expect("it can be written");
        Self {
            epoch,
            text: Arc::new(Mutex::new(text)),
        }
    }

    fn text(&self) -> Vec<u8> {
        self.text.lock().expect("no thread panics").clone()
    }
}

impl Observer for Memory {
    fn observe(&mut self, at: Instant, entry: Entry) {
        let content = Content::Entry(entry);
        let mut text = self.text.lock().expect("no thread panics");
        let line = Line { at, content };
        line.encode(self.epoch, &mut text)
            .expect("it can be written");
    }
}
