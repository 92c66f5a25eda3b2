//! The reference driver: drives the core through an environment in virtual time. Every runner is compared with it.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use livebus_core::{Event, OpId};

use super::environment::{Answer, DirectInput, Environment, Occurrence};
use super::plain_loop::{PlainLoop, answered};
use super::step::{Step, Stimulus, Trigger, heading};
use super::trace::{HeartbeatDeadline, State, StepTrace};
use crate::scenario_files::Problem;
use crate::scenario_files::words::millis;

/// Drives the core alone through `environment` and returns each step: the stimulus and what it led to.
///
/// At one instant, occurrences come in the order of the script, then answers in the order of their operations, then the
/// deadline.
///
/// # Errors
///
/// When the script is invalid: something comes while the loop is delayed after an answer reached its inbox; the handle is
/// dropped while the loop's deadline is due, or while the executor is blocked; a client is lost that never existed.
///
/// # Panics
///
/// When the environment has invalid settings.
pub fn drive(environment: &Environment) -> Result<Vec<Step>, InvalidScript> {
    let mut driver = ReferenceDriver::new(environment);
    driver.start()?;
    while driver.next_step()? {}
    Ok(driver.steps)
}

/// A script that cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {problem}", millis(*.at))]
pub struct InvalidScript {
    /// The instant in the script.
    pub at: Duration,
    /// What is wrong, and the remedy.
    pub problem: Problem,
}

/// Takes occurrences from the script and delivers them to a plain loop.
struct ReferenceDriver<'a> {
    occurrences: VecDeque<(Duration, Occurrence)>,
    until: Duration,
    plain_loop: PlainLoop<'a>,
    has_handle: bool,
    readiness_reads: Vec<(Instant, bool)>,
    steps: Vec<Step>,
}

impl<'a> ReferenceDriver<'a> {
    fn new(environment: &'a Environment) -> Self {
        Self {
            occurrences: environment.occurrences.iter().copied().collect(),
            until: environment.until,
            plain_loop: PlainLoop::new(environment),
            has_handle: false,
            readiness_reads: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn start(&mut self) -> Result<(), InvalidScript> {
        if !self.plain_loop.ended {
            return self.invalid(
                "the supervision before has not ended",
                "start again after a shutdown or a drop",
            );
        }
        self.plain_loop.start();
        self.has_handle = true;
        self.record(Stimulus::Start)
    }

    fn invalid<T>(&self, what: impl Into<String>, remedy: &str) -> Result<T, InvalidScript> {
        Err(InvalidScript {
            at: self.plain_loop.now - self.plain_loop.writer.began,
            problem: Problem::new(what, remedy),
        })
    }

    /// Plays what comes next; returns false when nothing comes before the end of the scenario.
    fn next_step(&mut self) -> Result<bool, InvalidScript> {
        let occurrence = self
            .occurrences
            .front()
            .map(|&(at, _)| self.plain_loop.writer.began + at);
        let answer = self.plain_loop.next_answer();
        let timer = self.plain_loop.deadline();
        let instants = [occurrence, answer.map(|(at, _)| at), timer];
        let instants = instants.map(|at| at.map(|at| at.max(self.plain_loop.now)));
        let Some(now) = instants.into_iter().flatten().min() else {
            return Ok(false);
        };
        if now > self.plain_loop.writer.began + self.until {
            return Ok(false);
        }
        self.plain_loop.now = now;
        if instants[0] == Some(now) {
            self.play_occurrence()?;
        } else if let Some((_, id)) = answer.filter(|_| instants[1] == Some(now)) {
            self.play_answer(id)?;
        } else {
            self.plain_loop.wake(&[]);
            self.record(Stimulus::Timer)?;
        }
        Ok(true)
    }

    fn play_occurrence(&mut self) -> Result<(), InvalidScript> {
        let (_, occurrence) = self
            .occurrences
            .pop_front()
            .expect("there is an occurrence");
        if let Occurrence::Blocked(duration) = occurrence {
            return self.blocked(duration);
        }
        if let Occurrence::DirectInput(direct) = occurrence {
            return self.direct_input(direct);
        }
        let Some(trigger) = self.trigger_of(occurrence)? else {
            return self.start();
        };
        if matches!(trigger, Trigger::Drop) {
            if self
                .plain_loop
                .deadline()
                .is_some_and(|due| due <= self.plain_loop.now)
            {
                return self.invalid(
                    "a loop may see the end of its handle or its deadline first",
                    "drop the handle a millisecond before or after",
                );
            }
            self.plain_loop.end();
            self.has_handle = false;
        } else {
            let message = self.apply(trigger)?;
            if self.plain_loop.cell.urgent || message.is_some() {
                self.plain_loop.wake(message.as_slice());
            }
        }
        self.record(Stimulus::Trigger(trigger))
    }

    fn direct_input(&mut self, direct: DirectInput) -> Result<(), InvalidScript> {
        if self.plain_loop.is_stopped_by_force() {
            return self.invalid(
                "the loop was stopped by force, and its supervisor is gone",
                "deliver the input before the handle is dropped",
            );
        }
        let began = self.plain_loop.writer.began;
        let at = direct
            .as_of
            .map_or(self.plain_loop.now, |as_of| began + as_of);
        self.plain_loop.input(at, direct.input.event(began, at));
        self.record(Stimulus::DirectInput(direct))
    }

    fn trigger_of(&self, occurrence: Occurrence) -> Result<Option<Trigger>, InvalidScript> {
        let client = |before: usize| match self.plain_loop.clients.iter().rev().nth(before) {
            Some(client) => Ok(*client),
            None => self.invalid("there was no such client", "lose a client that was started"),
        };
        Ok(match occurrence {
            Occurrence::Live => Some(Trigger::Live),
            Occurrence::Suspicion(failure) => Some(Trigger::Suspicion(failure)),
            Occurrence::Lost(failure) => Some(Trigger::Lost(client(0)?, failure)),
            Occurrence::LostBefore(failure) => Some(Trigger::Lost(client(1)?, failure)),
            Occurrence::Shutdown => Some(Trigger::Shutdown),
            Occurrence::Dropped => Some(Trigger::Drop),
            Occurrence::ReadReadiness => Some(Trigger::ReadReadiness),
            Occurrence::Blocked(_) | Occurrence::StartAgain | Occurrence::DirectInput(_) => None,
        })
    }

    fn apply(&mut self, trigger: Trigger) -> Result<Option<(Instant, Event)>, InvalidScript> {
        match trigger {
            Trigger::Live => self.plain_loop.cell.live_at(self.plain_loop.now),
            Trigger::Suspicion(failure) => self.plain_loop.cell.suspicion(failure),
            Trigger::Lost(client, failure) => self.plain_loop.cell.lost(client, failure),
            Trigger::Shutdown if !self.plain_loop.ended => {
                return Ok(Some((self.plain_loop.now, Event::Shutdown)));
            }
            Trigger::Shutdown => {}
            Trigger::ReadReadiness => {
                let ready = self.plain_loop.readiness.is_ready_at(self.plain_loop.now);
                self.readiness_reads.push((self.plain_loop.now, ready));
            }
            Trigger::Drop => {
                return self.invalid(
                    "a handle cannot be dropped while the executor is blocked",
                    "drop it after",
                );
            }
        }
        Ok(None)
    }

    fn blocked(&mut self, duration: Duration) -> Result<(), InvalidScript> {
        let end = self.plain_loop.now + duration;
        let (mut triggers, mut messages) = (Vec::new(), Vec::new());
        while let Some((at, occurrence)) = self.occurrences.front().copied() {
            if self.plain_loop.writer.began + at > end {
                break;
            }
            self.occurrences.pop_front();
            self.plain_loop.now = self.plain_loop.writer.began + at;
            let Some(trigger) = self.trigger_of(occurrence)? else {
                return self.invalid(
                    "this cannot happen while the executor is blocked",
                    "let it happen after",
                );
            };
            let message = self.apply(trigger)?;
            // The inbox holds one shutdown at most, and no other trigger is a message.
            if messages.is_empty() {
                messages.extend(message);
            }
            triggers.push((at, trigger));
        }
        self.plain_loop.now = end;
        let due = self.plain_loop.deadline().is_some_and(|due| due <= end);
        if due || self.plain_loop.cell.urgent || !messages.is_empty() {
            self.plain_loop.wake(&messages);
        }
        self.record(Stimulus::Blocked(triggers))
    }

    fn play_answer(&mut self, id: OpId) -> Result<(), InvalidScript> {
        let operation = self
            .plain_loop
            .operations
            .remove(&id)
            .expect("the operation is in flight");
        let Answer::After { delay, outcome, .. } = operation.answer else {
            unreachable!("only an operation with an answer ends");
        };
        let at = self.plain_loop.now;
        self.plain_loop.now += delay;
        let next = self
            .occurrences
            .front()
            .map(|&(at, _)| self.plain_loop.writer.began + at);
        let next = next
            .into_iter()
            .chain(self.plain_loop.next_answer().map(|(at, _)| at));
        if !delay.is_zero() && next.min().is_some_and(|next| next <= self.plain_loop.now) {
            return self.invalid(
                "something comes while the loop is delayed after an answer reached its inbox",
                "make the delay shorter",
            );
        }
        let event = answered(id, outcome);
        self.plain_loop.wake(&[(at, event)]);
        self.record(Stimulus::Answer {
            operation: operation.name,
            outcome,
            at: at - self.plain_loop.writer.began,
        })
    }

    fn record(&mut self, stimulus: Stimulus) -> Result<(), InvalidScript> {
        let in_flight = self.plain_loop.operations.values();
        let mut in_flight: Vec<String> = in_flight.map(|it| it.name.clone()).collect();
        in_flight.sort();
        if let Some(name) = duplicate(&in_flight) {
            return self.invalid(
                format!("two operations in flight have the same name, {name}"),
                "start them at different times",
            );
        }
        let next = self.plain_loop.deadline();
        let state = State {
            report: self.plain_loop.report(),
            ready: self.plain_loop.readiness.is_ready_at(self.plain_loop.now),
            heartbeat: HeartbeatDeadline::new(self.has_handle, next),
            in_flight: in_flight.clone(),
            discarded: self.plain_loop.discarded.clone(),
            ended: self.plain_loop.ended,
        };
        let (now, writer) = (
            self.plain_loop.now - self.plain_loop.writer.began,
            self.plain_loop.writer,
        );
        let changes = mem::take(&mut self.plain_loop.published);
        let readiness_reads = mem::take(&mut self.readiness_reads);
        let entries: Vec<_> = self.plain_loop.entries.try_iter().collect();
        let trace = StepTrace {
            heading: heading(now, &stimulus),
            readiness_reads: readiness_reads
                .iter()
                .map(|&(at, ready)| writer.readiness_read(at, ready))
                .collect(),
            entries: entries
                .iter()
                .map(|(at, it)| writer.entry(*at, it))
                .collect(),
            published: changes
                .iter()
                .map(|change| writer.published(change))
                .collect(),
            state: writer.state(&state),
        };
        self.steps.push(Step {
            now,
            stimulus,
            trace,
            began: writer.began,
            readiness_reads,
            entries,
            published: changes,
            in_flight,
            ended: self.plain_loop.ended,
        });
        Ok(())
    }
}

/// Returns the first name that a sorted list contains twice.
fn duplicate(names: &[String]) -> Option<&String> {
    let pairs = names.iter().zip(names.iter().skip(1));
    pairs
        .map(|(a, b)| (a == b).then_some(a))
        .find(Option::is_some)?
}
