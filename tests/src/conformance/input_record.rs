//! What a story told the core, once more, with where the core stood at each of it.

use std::collections::VecDeque;
use std::time::Instant;

use livebus_core::{Action, Event, Phase, Supervisor};
use livebus_runner::Entry;

use super::environment::Environment;
use super::step::{Step, Stimulus};

/// One thing that the core was told.
#[derive(Debug, Clone)]
pub struct InputRecord {
    /// Where the core stood, once everything was done that was due before.
    pub phase: Phase,
    /// What it was told; nothing when time passed to a deadline.
    pub event: Option<Event>,
    /// Whether it was ignored as the answer to, or the loss of, what there is not any more.
    pub stale: bool,
    /// What it led to.
    pub actions: Vec<Action>,
    /// Where the core stood then.
    pub then: Phase,
}

/// All that the core was told in a story.
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

/// Supervisors that are told what those of a story were told.
pub(super) struct Replay<'a> {
    environment: &'a Environment,
    supervisor: Option<Supervisor>,
    /// What they want, and the story has not shown yet.
    wanted: VecDeque<Action>,
}

impl<'a> Replay<'a> {
    pub(super) const fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            supervisor: None,
            wanted: VecDeque::new(),
        }
    }

    /// With the step that starts a supervision begins another one.
    pub(super) fn begin(&mut self, step: &Step) {
        if matches!(step.stimulus, Stimulus::Start) {
            let config = self.environment.config().expect("the world was lived in");
            let mut supervisor = Supervisor::new(config, step.began + step.now);
            self.wanted.clear();
            self.wanted.extend(drain(&mut supervisor));
            self.supervisor = Some(supervisor);
        }
    }

    /// Takes the next entry of the story, and tells what an input meant.
    pub(super) fn entry(&mut self, at: Instant, entry: &Entry) -> Vec<InputRecord> {
        let input_records = match entry {
            Entry::Event(event) => self.event(at, *event),
            Entry::Timeout => Vec::from_iter(self.time(at)),
            Entry::Action(action) => {
                let wanted = self.wanted.pop_front();
                assert_eq!(wanted, Some(*action), "told the same, it does the same");
                Vec::new()
            }
        };
        let actions = input_records.iter().flat_map(|record| &record.actions);
        self.wanted.extend(actions);
        input_records
    }

    fn supervisor(&mut self) -> &mut Supervisor {
        self.supervisor
            .as_mut()
            .expect("a story begins with a start")
    }

    fn event(&mut self, at: Instant, event: Event) -> Vec<InputRecord> {
        // Good news counts before anything that is due; all else counts after it.
        let due = match event {
            Event::Live { .. } => None,
            Event::StartAnswered { .. }
            | Event::LivenessAnswered { .. }
            | Event::RegistrationAnswered { .. }
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
            then: supervisor.phase(),
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
            then: supervisor.phase(),
        })
    }
}

fn drain(supervisor: &mut Supervisor) -> Vec<Action> {
    std::iter::from_fn(|| supervisor.poll_action()).collect()
}
