//! The preset's supervisor and the transcription in the same world, compared at every instant at which anything happens.
//!
//! Three run side by side on one clock: the supervisor; the [mended](Mended) transcription, which must do exactly what
//! the supervisor does; and the transcription as it is, for the figures of how far the two are apart. Before each step of the
//! mended one, the transcription's own step is taken on a copy: where a difference is said to be in play, the copy must
//! part from the mended one, so that no difference explains what needs no explanation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use livebus_core::Status;

use super::difference::Difference;
use super::mended::{Happening, Mended};
use super::side::{Side, translated};
use super::transcription::{At, Input, Output, ServiceStatus, Transcription};
use super::trouble::Trouble;
use super::world::World;

/// What was compared, and how it came out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Instants at which something happened to the two that are compared.
    pub comparisons: u64,
    /// Those at which no difference was in play, and both did the same.
    pub agreed: u64,
    /// Of what was done in those that agreed: starts.
    pub starts: u64,
    /// And liveness messages.
    pub messages: u64,
    /// And changes of the status.
    pub statuses: u64,
    /// Those that each difference explained, in the order of [`Difference::ALL`].
    pub explained: [u64; Difference::ALL.len()],
    /// How long the worlds lasted.
    pub watched: Duration,
    /// How long the transcription as it is showed the status of the supervisor.
    pub same_status: Duration,
    /// How long the transcription as it is said Running while the supervisor did not.
    pub running_alone: Duration,
}

/// What nothing explains.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Unexplained {
    /// What is not explained.
    pub what: String,
    /// When.
    pub at: At,
    /// What happened until then, a line for each instant.
    pub log: Vec<Line>,
}

/// Plays `world` and adds to the tally.
///
/// # Errors
///
/// [`Unexplained`] for the first thing that the two do not have in common and that no difference explains.
pub fn play(world: &World, tally: &mut Tally) -> Result<(), Unexplained> {
    let mut run = Run::new(world);
    let played = run.play(tally);
    played.map_err(|what| Unexplained {
        what,
        at: run.now,
        log: run.log,
    })
}

struct Run<'a> {
    world: &'a World,
    now: At,
    supervisor: Side,
    mended: Mended,
    alone: Transcription,
    queue: BTreeMap<(At, usize), (Whom, Happening)>,
    queued: usize,
    starts: usize,
    messages: usize,
    starts_alone: usize,
    log: Vec<Line>,
}

/// To whom something happens: the answers to starts and messages are each side's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    All,
    Compared,
    Alone,
}

/// One instant, for the story of a failure.
#[derive(Debug, Clone)]
pub struct Line {
    at: At,
    happening: Happening,
    supervisor: Vec<Output>,
    mended: Vec<Output>,
    difference: Option<Difference>,
}

impl<'a> Run<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            world,
            now: At::ZERO,
            supervisor: Side::new(),
            mended: Mended::new(),
            alone: Transcription::new(),
            queue: BTreeMap::new(),
            queued: 0,
            starts: 0,
            messages: 0,
            starts_alone: 0,
            log: Vec::new(),
        }
    }

    fn play(&mut self, tally: &mut Tally) -> Result<(), String> {
        for &(at, result) in &self.world.traffic {
            self.enqueue(at, Whom::All, Happening::Traffic(result));
        }
        if let Some((at, in_time)) = self.world.shutdown {
            self.enqueue(at, Whom::All, Happening::Shutdown);
            if in_time {
                let done = at + Duration::from_millis(300);
                self.enqueue(done, Whom::Compared, Happening::StopReturned);
            }
        }
        self.step_compared(Happening::TimePasses, tally)?;
        self.after_a_step_alone();
        while let Some((at, whom, happening)) = self.next()? {
            self.measure(at.saturating_sub(self.now), tally);
            self.now = at;
            if whom != Whom::Alone {
                self.step_compared(happening, tally)?;
            }
            if whom != Whom::Compared {
                self.step_alone(happening);
            }
        }
        Ok(())
    }

    /// The next instant within the world, and what happens at it. What is due by itself comes first; nothing else
    /// happens at that instant, because Go's `select` would choose at random.
    fn next(&mut self) -> Result<Option<(At, Whom, Happening)>, String> {
        let compared = [self.supervisor.due(), self.mended.due()]
            .into_iter()
            .flatten()
            .min();
        if compared.is_some_and(|due| due <= self.now) {
            return Err(format!("what was due is due again at {:?}", self.now));
        }
        let due = compared.into_iter().chain(self.alone.due()).min();
        let soonest = self.now + Duration::from_micros(1);
        let event = self.queue.first_entry();
        let event_at = event.as_ref().map(|entry| entry.key().0.max(soonest));
        let (at, whom, happening) = match (due, event, event_at) {
            (Some(due), _, None) => (due, self.whom_is_due(compared, due), Happening::TimePasses),
            (Some(due), _, Some(event_at)) if due <= event_at => {
                (due, self.whom_is_due(compared, due), Happening::TimePasses)
            }
            (_, Some(entry), Some(event_at)) => {
                let (whom, happening) = entry.remove();
                (event_at, whom, happening)
            }
            (None, _, _) | (_, None, _) => return Ok(None),
        };
        Ok((at <= self.world.end).then_some((at, whom, happening)))
    }

    fn whom_is_due(&self, compared: Option<At>, due: At) -> Whom {
        match (compared == Some(due), self.alone.due() == Some(due)) {
            (true, true) => Whom::All,
            (true, false) => Whom::Compared,
            (false, _) => Whom::Alone,
        }
    }

    fn measure(&self, passed: Duration, tally: &mut Tally) {
        tally.watched += passed;
        let (ours, theirs) = (self.supervisor.status(), self.alone.status());
        if translated(ours) == theirs {
            tally.same_status += passed;
        } else if theirs == ServiceStatus::Running && ours != Status::Running {
            tally.running_alone += passed;
        }
    }

    fn step_compared(&mut self, happening: Happening, tally: &mut Tally) -> Result<(), String> {
        let now = self.now;
        let mut copy = self.mended.clone();
        self.supervisor.take(now, happening);
        let mut difference = self.mended.step(now, happening);
        // What a step makes due at once belongs to the same instant.
        while self.mended.due().is_some_and(|due| due <= now) {
            let another = self.mended.step(now, Happening::TimePasses);
            if difference.is_some() && another.is_some() {
                return Err(format!(
                    "{difference:?} and {another:?} are in play at once"
                ));
            }
            difference = difference.or(another);
        }
        let outputs = self.mended.seed.take_outputs();
        let line = Line {
            at: now,
            happening,
            supervisor: self.supervisor.take_outputs(),
            mended: outputs.clone(),
            difference,
        };
        let same = line.supervisor == line.mended;
        self.log.push(line);
        if !same {
            return Err(format!(
                "the two part, with {} in play",
                difference.map_or("no difference".to_owned(), |it| format!("{it:?}"))
            ));
        }
        tally.comparisons += 1;
        match difference {
            None => {
                tally.agreed += 1;
                for output in &outputs {
                    *match output {
                        Output::Start => &mut tally.starts,
                        Output::SendLiveness => &mut tally.messages,
                        Output::Status(_) => &mut tally.statuses,
                    } += 1;
                }
            }
            Some(difference) => {
                tally.explained[difference as usize] += 1;
                copy.as_transcribed(now, happening);
                let would_be = copy.seed.take_outputs();
                if would_be == outputs && copy.does_the_same_as(&self.mended) {
                    return Err(format!("{difference:?} is in play and makes no difference"));
                }
            }
        }
        for output in outputs {
            match output {
                Output::Start => {
                    let fate = self.world.start(self.starts);
                    if let Some(after) = fate.after {
                        let returned = Happening::StartReturned(self.starts, fate.result);
                        self.enqueue(now + after, Whom::Compared, returned);
                    }
                    self.starts += 1;
                }
                Output::SendLiveness => {
                    if let Some((at, result)) = self.world.answer(now) {
                        let returned = Happening::LivenessReturned(self.messages, result);
                        self.enqueue(at, Whom::Compared, returned);
                    }
                    self.messages += 1;
                }
                Output::Status(_) => {}
            }
        }
        Ok(())
    }

    fn step_alone(&mut self, happening: Happening) {
        let now = self.now;
        match happening {
            Happening::TimePasses => self.alone.pass(now),
            Happening::StartReturned(_, result) => {
                let result = result.map_err(|trouble| trouble.text);
                self.alone.handle(now, Input::StartReturned(result));
            }
            Happening::LivenessReturned(_, result) => {
                let result = result.map_err(|trouble| trouble.text);
                self.alone.handle(now, Input::LivenessReturned(result));
            }
            Happening::Traffic(result) => {
                let result = result.map_err(|trouble| trouble.text);
                self.alone.handle(now, Input::Traffic(result));
            }
            Happening::Shutdown => self.alone.handle(now, Input::ContextDone),
            Happening::StopReturned => {}
        }
        self.after_a_step_alone();
    }

    fn after_a_step_alone(&mut self) {
        let now = self.now;
        for output in self.alone.take_outputs() {
            match output {
                Output::Start => {
                    let fate = self.world.start(self.starts_alone);
                    if let Some(after) = fate.after {
                        let returned = Happening::StartReturned(0, fate.result);
                        self.enqueue(now + after, Whom::Alone, returned);
                    }
                    self.starts_alone += 1;
                }
                Output::SendLiveness => {
                    if let Some((at, result)) = self.world.answer(now) {
                        self.enqueue(at, Whom::Alone, Happening::LivenessReturned(0, result));
                    }
                }
                Output::Status(_) => {}
            }
        }
    }

    fn enqueue(&mut self, at: At, whom: Whom, happening: Happening) {
        self.queue.insert((at, self.queued), (whom, happening));
        self.queued += 1;
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14.6} s  ", self.at.as_secs_f64())?;
        match self.happening {
            Happening::TimePasses => f.write_str("time")?,
            Happening::StartReturned(number, result) => {
                write!(f, "start {number}: {}", said(result))?;
            }
            Happening::LivenessReturned(number, result) => {
                write!(f, "message {number}: {}", said(result))?;
            }
            Happening::Traffic(result) => write!(f, "traffic: {}", said(result))?,
            Happening::Shutdown => f.write_str("shutdown")?,
            Happening::StopReturned => f.write_str("stopped")?,
        }
        write!(f, " -> {:?}", self.supervisor)?;
        if self.mended != self.supervisor {
            write!(f, ", the transcription {:?}", self.mended)?;
        }
        self.difference
            .map_or(Ok(()), |difference| write!(f, " ({difference:?})"))
    }
}

fn said(result: Result<(), Trouble>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(trouble) => format!("{} ({})", trouble.text, trouble.class),
    }
}
