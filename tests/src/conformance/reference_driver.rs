//! The core driven by hand through a world, in virtual time: what every runner is measured by.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use livebus_core::{Event, OpId};

use super::environment::{Answer, DirectInput, Environment, Occurrence};
use super::plain_loop::{PlainLoop, answered};
use super::scenario::Problem;
use super::step::{Step, Stimulus, Trigger};
use super::trace::{HeartbeatDeadline, State, StepTrace, heading, millis};

/// Drives the core alone through `world` and tells step by step what came and what it led to.
///
/// At one instant, happenings come in the order of the script, then answers in the order of their operations, then the
/// deadline.
///
/// # Errors
///
/// When the script makes no sense: two things that come while the loop is held up over an answer that lies in its inbox; a
/// handle that is dropped while the loop's deadline is there, or while the executor is blocked; a client that is lost before
/// there was one.
///
/// # Panics
///
/// When the world has settings that cannot be right.
pub fn drive(environment: &Environment) -> Result<Vec<Step>, InvalidScript> {
    let mut driver = ReferenceDriver::new(environment);
    driver.start()?;
    while driver.play_next()? {}
    Ok(driver.steps)
}

/// A script that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {wrong}", millis(*.at))]
pub struct InvalidScript {
    /// When.
    pub at: Duration,
    /// What.
    pub wrong: Problem,
}

/// Who knows the script.
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
        self.write(Stimulus::Start)
    }

    fn invalid<T>(&self, what: impl Into<String>, remedy: &str) -> Result<T, InvalidScript> {
        Err(InvalidScript {
            at: self.plain_loop.now - self.plain_loop.writer.began,
            wrong: Problem::new(what, remedy),
        })
    }

    /// Plays what comes next, if anything does before the story ends.
    fn play_next(&mut self) -> Result<bool, InvalidScript> {
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
            self.happen()?;
        } else if let Some((_, id)) = answer.filter(|_| instants[1] == Some(now)) {
            self.answer(id)?;
        } else {
            self.plain_loop.wake(&[]);
            self.write(Stimulus::Timer)?;
        }
        Ok(true)
    }

    fn happen(&mut self) -> Result<(), InvalidScript> {
        let (_, occurrence) = self.occurrences.pop_front().expect("there is one");
        if let Occurrence::Blocked(long) = occurrence {
            return self.blocked(long);
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
                    "whether a loop sees its end or its deadline first is up to the loop",
                    "drop the handle a millisecond before, or after",
                );
            }
            self.plain_loop.end();
            self.has_handle = false;
        } else {
            let message = self.trigger(trigger)?;
            if self.plain_loop.cell.urgent || message.is_some() {
                self.plain_loop.wake(message.as_slice());
            }
        }
        self.write(Stimulus::Trigger(trigger))
    }

    fn direct_input(&mut self, direct: DirectInput) -> Result<(), InvalidScript> {
        if self.plain_loop.is_cut_off() {
            return self.invalid(
                "its loop was cut off, and the supervisor is gone with it",
                "tell it before the handle is dropped",
            );
        }
        let began = self.plain_loop.writer.began;
        let at = direct
            .as_of
            .map_or(self.plain_loop.now, |as_of| began + as_of);
        self.plain_loop.input(at, direct.input.event(began, at));
        self.write(Stimulus::DirectInput(direct))
    }

    fn trigger_of(&self, occurrence: Occurrence) -> Result<Option<Trigger>, InvalidScript> {
        let client = |before: usize| match self.plain_loop.clients.iter().rev().nth(before) {
            Some(client) => Ok(*client),
            None => self.invalid("there was no such client", "lose one that was started"),
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

    fn trigger(&mut self, trigger: Trigger) -> Result<Option<(Instant, Event)>, InvalidScript> {
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

    fn blocked(&mut self, long: Duration) -> Result<(), InvalidScript> {
        let end = self.plain_loop.now + long;
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
            let message = self.trigger(trigger)?;
            // One shutdown waits at a time, and no other message has a trigger of its own.
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
        self.write(Stimulus::Blocked(triggers))
    }

    fn answer(&mut self, id: OpId) -> Result<(), InvalidScript> {
        let operation = self
            .plain_loop
            .operations
            .remove(&id)
            .expect("it is under way");
        let Answer::After { delay, outcome, .. } = operation.answer else {
            unreachable!("it has an answer");
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
                "something comes while the loop is held up over an answer in its inbox",
                "have the answer lie there for a shorter time",
            );
        }
        let event = answered(id, outcome);
        self.plain_loop.wake(&[(at, event)]);
        self.write(Stimulus::Answer {
            operation: operation.name,
            outcome,
            at: at - self.plain_loop.writer.began,
        })
    }

    fn write(&mut self, stimulus: Stimulus) -> Result<(), InvalidScript> {
        let under_way = self.plain_loop.operations.values();
        let mut under_way: Vec<String> = under_way.map(|it| it.name.clone()).collect();
        under_way.sort();
        if let Some(name) = twice(&under_way) {
            return self.invalid(
                format!("two operations under way are both {name}"),
                "have them asked at different times",
            );
        }
        let next = self.plain_loop.deadline();
        let state = State {
            report: self.plain_loop.report(),
            ready: self.plain_loop.readiness.is_ready_at(self.plain_loop.now),
            heartbeat: HeartbeatDeadline::new(self.has_handle, next),
            under_way: under_way.clone(),
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
                .map(|&(at, ready)| writer.look(at, ready))
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
            under_way,
            ended: self.plain_loop.ended,
        });
        Ok(())
    }
}

/// What stands twice in a sorted list.
fn twice(names: &[String]) -> Option<&String> {
    let pairs = names.iter().zip(names.iter().skip(1));
    pairs
        .map(|(a, b)| (a == b).then_some(a))
        .find(Option::is_some)?
}
