//! Compares the preset's supervisor and the transcription in the same environment, at every instant at which something happens.
//!
//! Three run side by side on one clock: the supervisor; the [adapted](Adapted) transcription, which must do exactly what
//! the supervisor does; and the transcription as it is, to measure how different the two are. Before each step of the
//! adapted transcription, a copy takes the step of the transcription as it is. Where a difference applies, the copy must
//! differ from the adapted one, so that no difference explains what needs no explanation.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use livebus_core::Status;

use super::adapted::{Adapted, Occurrence};
use super::difference::Difference;
use super::environment::Environment;
use super::failure::BusFailure;
use super::side::{Side, translated};
use super::transcription::{At, Input, Output, ServiceStatus, Transcription};

/// What was compared, and the result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Instants at which the two were compared.
    pub comparisons: u64,
    /// Those at which no difference applied, and both did the same.
    pub agreed: u64,
    /// Starts at the instants that agreed.
    pub starts: u64,
    /// Liveness messages at the instants that agreed.
    pub messages: u64,
    /// Changes of the status at the instants that agreed.
    pub statuses: u64,
    /// Instants that each difference explained, in the order of [`Difference::ALL`].
    pub explained: [u64; Difference::ALL.len()],
    /// The total time of the environments.
    pub compared: Duration,
    /// The time for which the transcription as it is had the status of the supervisor.
    pub same_status: Duration,
    /// The time for which the transcription as it is was Running while the supervisor was not.
    pub running_alone: Duration,
}

/// Something that no difference explains.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Unexplained {
    /// What is not explained.
    pub what: String,
    /// The instant.
    pub at: At,
    /// What happened until then, a line for each instant.
    pub log: Vec<Line>,
}

/// Compares the two in `environment` and adds to the tally.
///
/// # Errors
///
/// [`Unexplained`] for the first thing that the two do differently and that no difference explains.
pub fn compare(environment: &Environment, tally: &mut Tally) -> Result<(), Unexplained> {
    let mut run = Run::new(environment);
    let ran = run.run(tally);
    ran.map_err(|what| Unexplained {
        what,
        at: run.now,
        log: run.log,
    })
}

struct Run<'a> {
    environment: &'a Environment,
    now: At,
    supervisor: Side,
    adapted: Adapted,
    alone: Transcription,
    queue: BTreeMap<(At, usize), (Recipient, Occurrence)>,
    queued: usize,
    starts: usize,
    messages: usize,
    starts_alone: usize,
    log: Vec<Line>,
}

/// Who receives an occurrence. Each side has its own answers to starts and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recipient {
    All,
    Compared,
    Alone,
}

/// One instant, for the log of a failure.
#[derive(Debug, Clone)]
pub struct Line {
    at: At,
    occurrence: Occurrence,
    supervisor: Vec<Output>,
    adapted: Vec<Output>,
    difference: Option<Difference>,
}

impl<'a> Run<'a> {
    fn new(environment: &'a Environment) -> Self {
        Self {
            environment,
            now: At::ZERO,
            supervisor: Side::new(),
            adapted: Adapted::new(),
            alone: Transcription::new(),
            queue: BTreeMap::new(),
            queued: 0,
            starts: 0,
            messages: 0,
            starts_alone: 0,
            log: Vec::new(),
        }
    }

    fn run(&mut self, tally: &mut Tally) -> Result<(), String> {
        for &(at, result) in &self.environment.traffic {
            self.enqueue(at, Recipient::All, Occurrence::Traffic(result));
        }
        if let Some((at, in_time)) = self.environment.shutdown {
            self.enqueue(at, Recipient::All, Occurrence::Shutdown);
            if in_time {
                let done = at + Duration::from_millis(300);
                self.enqueue(done, Recipient::Compared, Occurrence::StopReturned);
            }
        }
        self.step_compared(Occurrence::TimePasses, tally)?;
        self.deliver_alone();
        while let Some((at, recipient, occurrence)) = self.next()? {
            self.measure(at.saturating_sub(self.now), tally);
            self.now = at;
            if recipient != Recipient::Alone {
                self.step_compared(occurrence, tally)?;
            }
            if recipient != Recipient::Compared {
                self.step_alone(occurrence);
            }
        }
        Ok(())
    }

    /// Returns the next instant within the environment, and what happens at it. Timers come first; nothing else happens at
    /// that instant, because Go's `select` would choose at random.
    fn next(&mut self) -> Result<Option<(At, Recipient, Occurrence)>, String> {
        let compared = [self.supervisor.due(), self.adapted.due()]
            .into_iter()
            .flatten()
            .min();
        if compared.is_some_and(|due| due <= self.now) {
            return Err(format!("a timer that fired is due again at {:?}", self.now));
        }
        let due = compared.into_iter().chain(self.alone.due()).min();
        let soonest = self.now + Duration::from_micros(1);
        let event = self.queue.first_entry();
        let event_at = event.as_ref().map(|entry| entry.key().0.max(soonest));
        let (at, recipient, occurrence) = match (due, event, event_at) {
            (Some(due), _, None) => (
                due,
                self.recipient_of_time(compared, due),
                Occurrence::TimePasses,
            ),
            (Some(due), _, Some(event_at)) if due <= event_at => (
                due,
                self.recipient_of_time(compared, due),
                Occurrence::TimePasses,
            ),
            (_, Some(entry), Some(event_at)) => {
                let (recipient, occurrence) = entry.remove();
                (event_at, recipient, occurrence)
            }
            (None, _, _) | (_, None, _) => return Ok(None),
        };
        Ok((at <= self.environment.end).then_some((at, recipient, occurrence)))
    }

    fn recipient_of_time(&self, compared: Option<At>, due: At) -> Recipient {
        match (compared == Some(due), self.alone.due() == Some(due)) {
            (true, true) => Recipient::All,
            (true, false) => Recipient::Compared,
            (false, _) => Recipient::Alone,
        }
    }

    fn measure(&self, passed: Duration, tally: &mut Tally) {
        tally.compared += passed;
        let (ours, theirs) = (self.supervisor.status(), self.alone.status());
        if translated(ours) == theirs {
            tally.same_status += passed;
        } else if theirs == ServiceStatus::Running && ours != Status::Running {
            tally.running_alone += passed;
        }
    }

    fn step_compared(&mut self, occurrence: Occurrence, tally: &mut Tally) -> Result<(), String> {
        let now = self.now;
        let mut copy = self.adapted.clone();
        self.supervisor.handle(now, occurrence);
        let mut difference = self.adapted.step(now, occurrence);
        // Timers that are due at once belong to the same instant.
        while self.adapted.due().is_some_and(|due| due <= now) {
            let another = self.adapted.step(now, Occurrence::TimePasses);
            if difference.is_some() && another.is_some() {
                return Err(format!("{difference:?} and {another:?} apply at once"));
            }
            difference = difference.or(another);
        }
        let outputs = self.adapted.inner.take_outputs();
        let line = Line {
            at: now,
            occurrence,
            supervisor: self.supervisor.take_outputs(),
            adapted: outputs.clone(),
            difference,
        };
        let same = line.supervisor == line.adapted;
        self.log.push(line);
        if !same {
            return Err(format!(
                "the two differ, and {} applies",
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
                copy.as_transcribed(now, occurrence);
                let transcribed = copy.inner.take_outputs();
                if transcribed == outputs && copy.does_the_same_as(&self.adapted) {
                    return Err(format!("{difference:?} applies and changes nothing"));
                }
            }
        }
        for output in outputs {
            match output {
                Output::Start => {
                    let outcome = self.environment.start(self.starts);
                    if let Some(after) = outcome.after {
                        let returned = Occurrence::StartReturned(self.starts, outcome.result);
                        self.enqueue(now + after, Recipient::Compared, returned);
                    }
                    self.starts += 1;
                }
                Output::SendLiveness => {
                    if let Some((at, result)) = self.environment.answer(now) {
                        let returned = Occurrence::LivenessReturned(self.messages, result);
                        self.enqueue(at, Recipient::Compared, returned);
                    }
                    self.messages += 1;
                }
                Output::Status(_) => {}
            }
        }
        Ok(())
    }

    fn step_alone(&mut self, occurrence: Occurrence) {
        let now = self.now;
        match occurrence {
            Occurrence::TimePasses => self.alone.advance_to(now),
            Occurrence::StartReturned(_, result) => {
                let result = result.map_err(|failure| failure.text);
                self.alone.handle(now, Input::StartReturned(result));
            }
            Occurrence::LivenessReturned(_, result) => {
                let result = result.map_err(|failure| failure.text);
                self.alone.handle(now, Input::LivenessReturned(result));
            }
            Occurrence::Traffic(result) => {
                let result = result.map_err(|failure| failure.text);
                self.alone.handle(now, Input::Traffic(result));
            }
            Occurrence::Shutdown => self.alone.handle(now, Input::ContextDone),
            Occurrence::StopReturned => {}
        }
        self.deliver_alone();
    }

    fn deliver_alone(&mut self) {
        let now = self.now;
        for output in self.alone.take_outputs() {
            match output {
                Output::Start => {
                    let outcome = self.environment.start(self.starts_alone);
                    if let Some(after) = outcome.after {
                        let returned = Occurrence::StartReturned(0, outcome.result);
                        self.enqueue(now + after, Recipient::Alone, returned);
                    }
                    self.starts_alone += 1;
                }
                Output::SendLiveness => {
                    if let Some((at, result)) = self.environment.answer(now) {
                        self.enqueue(
                            at,
                            Recipient::Alone,
                            Occurrence::LivenessReturned(0, result),
                        );
                    }
                }
                Output::Status(_) => {}
            }
        }
    }

    fn enqueue(&mut self, at: At, recipient: Recipient, occurrence: Occurrence) {
        self.queue
            .insert((at, self.queued), (recipient, occurrence));
        self.queued += 1;
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14.6} s  ", self.at.as_secs_f64())?;
        match self.occurrence {
            Occurrence::TimePasses => f.write_str("time")?,
            Occurrence::StartReturned(number, result) => {
                write!(f, "start {number}: {}", format_result(result))?;
            }
            Occurrence::LivenessReturned(number, result) => {
                write!(f, "message {number}: {}", format_result(result))?;
            }
            Occurrence::Traffic(result) => write!(f, "traffic: {}", format_result(result))?,
            Occurrence::Shutdown => f.write_str("shutdown")?,
            Occurrence::StopReturned => f.write_str("stopped")?,
        }
        write!(f, " -> {:?}", self.supervisor)?;
        if self.adapted != self.supervisor {
            write!(f, ", the transcription {:?}", self.adapted)?;
        }
        self.difference
            .map_or(Ok(()), |difference| write!(f, " ({difference:?})"))
    }
}

fn format_result(result: Result<(), BusFailure>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(failure) => format!("{} ({})", failure.text, failure.class),
    }
}
