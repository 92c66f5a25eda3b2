//! Replays the inputs of a scenario and records the phase of the core at each of them.

use std::collections::VecDeque;
use std::time::Instant;

use livebus_core::{Action, Event, Phase, Supervisor};
use livebus_runner::Entry;

use super::environment::Environment;
use super::step::{Step, Stimulus};

/// One input of the core, and what it led to.
#[derive(Debug, Clone)]
pub struct InputRecord {
    /// The phase before the input, after everything was done that was due by then.
    pub phase: Phase,
    /// The event; `None` when time passed to a deadline.
    pub event: Option<Event>,
    /// Whether it was ignored because its operation or client no longer exists.
    pub stale: bool,
    /// The actions that it led to.
    pub actions: Vec<Action>,
    /// The phase after the input.
    pub phase_after: Phase,
}

/// Returns all inputs of the core in a scenario.
pub(super) fn input_records(environment: &Environment, steps: &[Step]) -> Vec<InputRecord> {
    let mut replay = Replay::new(environment);
    let mut input_records = Vec::new();
    for step in steps {
        replay.begin(step);
        for (at, entry) in &step.entries {
            input_records.extend(replay.entry(*at, entry));
        }
    }
    input_records
}

/// Gives the inputs of a scenario to new supervisors.
pub(super) struct Replay<'a> {
    environment: &'a Environment,
    supervisor: Option<Supervisor>,
    /// The actions of the new supervisor that the recorded entries have not shown yet.
    expected: VecDeque<Action>,
}

impl<'a> Replay<'a> {
    pub(super) const fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            supervisor: None,
            expected: VecDeque::new(),
        }
    }

    /// Creates a new supervisor if this step starts a supervision.
    pub(super) fn begin(&mut self, step: &Step) {
        if matches!(step.stimulus, Stimulus::Start) {
            let config = self
                .environment
                .config()
                .expect("the environment was driven before");
            let mut supervisor = Supervisor::new(config, step.began + step.now);
            self.expected.clear();
            self.expected.extend(drain(&mut supervisor));
            self.supervisor = Some(supervisor);
        }
    }

    /// Takes the next entry of the scenario and returns the record of each input.
    pub(super) fn entry(&mut self, at: Instant, entry: &Entry) -> Vec<InputRecord> {
        let input_records = match entry {
            Entry::Event(event) => self.event(at, *event),
            Entry::Timeout => Vec::from_iter(self.time(at)),
            Entry::Action(action) => {
                let expected = self.expected.pop_front();
                assert_eq!(
                    expected,
                    Some(*action),
                    "the same inputs give the same actions"
                );
                Vec::new()
            }
        };
        let actions = input_records.iter().flat_map(|record| &record.actions);
        self.expected.extend(actions);
        input_records
    }

    fn supervisor(&mut self) -> &mut Supervisor {
        self.supervisor
            .as_mut()
            .expect("a scenario begins with a start")
    }

    fn event(&mut self, at: Instant, event: Event) -> Vec<InputRecord> {
        // Evidence counts before anything that is due; all other inputs count after it.
        let due = match event {
            Event::Live { .. } => None,
            Event::StartAnswered { .. }
            | Event::LivenessAnswered { .. }
            | Event::RegistrationAnswered { .. }
            | Event::HandlerHealth { .. }
            | Event::StopAnswered { .. }
            | Event::Suspicion(_)
            | Event::ClientLost { .. }
            | Event::Shutdown => self.time(at),
        };
        let supervisor = self.supervisor();
        let (phase, before) = (supervisor.phase(), supervisor.stale_answers());
        supervisor.handle_event(at, event);
        let record = InputRecord {
            phase,
            event: Some(event),
            stale: supervisor.stale_answers() > before,
            actions: drain(supervisor),
            phase_after: supervisor.phase(),
        };
        due.into_iter().chain([record]).collect()
    }

    fn time(&mut self, now: Instant) -> Option<InputRecord> {
        let supervisor = self.supervisor();
        if !supervisor.is_due(now) {
            supervisor.handle_timeout(now);
            return None;
        }
        let phase = supervisor.phase();
        supervisor.handle_timeout(now);
        Some(InputRecord {
            phase,
            event: None,
            stale: false,
            actions: drain(supervisor),
            phase_after: supervisor.phase(),
        })
    }
}

fn drain(supervisor: &mut Supervisor) -> Vec<Action> {
    std::iter::from_fn(|| supervisor.poll_action()).collect()
}
