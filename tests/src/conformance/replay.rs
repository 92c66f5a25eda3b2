//! What a story told the core, once more, with where the core stood at each of it.

use std::collections::VecDeque;
use std::time::Instant;

use livebus_core::{Action, Event, Phase, Supervisor};
use livebus_runner::Entry;

use super::step::{Step, Stimulus};
use super::world::World;

/// One thing that the core was told.
#[derive(Debug, Clone)]
pub struct Moment {
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
pub(super) fn moments(world: &World, steps: &[Step]) -> Vec<Moment> {
    let mut replay = Replay::new(world);
    let mut moments = Vec::new();
    for step in steps {
        replay.begin(step);
        for (at, entry) in &step.entries {
            moments.extend(replay.entry(*at, entry));
        }
    }
    moments
}

/// Supervisors that are told what those of a story were told.
pub(super) struct Replay<'a> {
    world: &'a World,
    supervisor: Option<Supervisor>,
    /// What they want, and the story has not shown yet.
    wanted: VecDeque<Action>,
}

impl<'a> Replay<'a> {
    pub(super) const fn new(world: &'a World) -> Self {
        Self {
            world,
            supervisor: None,
            wanted: VecDeque::new(),
        }
    }

    /// With the step that starts a supervision begins another one.
    pub(super) fn begin(&mut self, step: &Step) {
        if matches!(step.stimulus, Stimulus::Start) {
            let config = self.world.config().expect("the world was lived in");
            let mut supervisor = Supervisor::new(config, step.began + step.now);
            self.wanted.clear();
            self.wanted.extend(drain(&mut supervisor));
            self.supervisor = Some(supervisor);
        }
    }

    /// Takes the next entry of the story, and tells what an input meant.
    pub(super) fn entry(&mut self, at: Instant, entry: &Entry) -> Vec<Moment> {
        let moments = match entry {
            Entry::Event(event) => self.event(at, *event),
            Entry::Timeout => Vec::from_iter(self.time(at)),
            Entry::Action(action) => {
                let wanted = self.wanted.pop_front();
                assert_eq!(wanted, Some(*action), "told the same, it does the same");
                Vec::new()
            }
        };
        let actions = moments.iter().flat_map(|moment| &moment.actions);
        self.wanted.extend(actions);
        moments
    }

    fn supervisor(&mut self) -> &mut Supervisor {
        self.supervisor
            .as_mut()
            .expect("a story begins with a start")
    }

    fn event(&mut self, at: Instant, event: Event) -> Vec<Moment> {
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
        let told = Moment {
            phase,
            event: Some(event),
            stale: supervisor.stale_answers() > before,
            actions: drain(supervisor),
            then: supervisor.phase(),
        };
        due.into_iter().chain([told]).collect()
    }

    fn time(&mut self, now: Instant) -> Option<Moment> {
        let supervisor = self.supervisor();
        if !supervisor.is_due(now) {
            supervisor.handle_timeout(now);
            return None;
        }
        let phase = supervisor.phase();
        supervisor.handle_timeout(now);
        Some(Moment {
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
