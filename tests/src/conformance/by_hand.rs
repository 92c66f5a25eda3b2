//! The core driven by hand through a world, in virtual time: what every runner is measured by.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use livebus_core::{Event, OpId};

use super::bare_loop::{BareLoop, answered};
use super::scenario::Problem;
use super::step::{Poke, Step, Stimulus};
use super::trace::{Promise, Scene, State, heading, millis};
use super::world::{Answer, Happening, Tell, World};

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
pub fn by_hand(world: &World) -> Result<Vec<Step>, Senseless> {
    let mut hand = Hand::new(world);
    hand.start()?;
    while hand.go_on()? {}
    Ok(hand.steps)
}

/// A script that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {wrong}", millis(*.at))]
pub struct Senseless {
    /// When.
    pub at: Duration,
    /// What.
    pub wrong: Problem,
}

/// Who knows the script.
struct Hand<'a> {
    happenings: VecDeque<(Duration, Happening)>,
    until: Duration,
    bare: BareLoop<'a>,
    has_handle: bool,
    looks: Vec<(Instant, bool)>,
    steps: Vec<Step>,
}

impl<'a> Hand<'a> {
    fn new(world: &'a World) -> Self {
        Self {
            happenings: world.happenings.iter().copied().collect(),
            until: world.until,
            bare: BareLoop::new(world),
            has_handle: false,
            looks: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn start(&mut self) -> Result<(), Senseless> {
        if !self.bare.ended {
            return self.senseless(
                "the supervision before has not ended",
                "start again after a shutdown or a drop",
            );
        }
        self.bare.start();
        self.has_handle = true;
        self.write(Stimulus::Start)
    }

    fn senseless<T>(&self, what: impl Into<String>, remedy: &str) -> Result<T, Senseless> {
        Err(Senseless {
            at: self.bare.now - self.bare.writer.began,
            wrong: Problem::new(what, remedy),
        })
    }

    /// Plays what comes next, if anything does before the story ends.
    fn go_on(&mut self) -> Result<bool, Senseless> {
        let happening = self
            .happenings
            .front()
            .map(|&(at, _)| self.bare.writer.began + at);
        let answer = self.bare.next_answer();
        let timer = self.bare.deadline();
        let instants = [happening, answer.map(|(at, _)| at), timer];
        let instants = instants.map(|at| at.map(|at| at.max(self.bare.now)));
        let Some(now) = instants.into_iter().flatten().min() else {
            return Ok(false);
        };
        if now > self.bare.writer.began + self.until {
            return Ok(false);
        }
        self.bare.now = now;
        if instants[0] == Some(now) {
            self.happen()?;
        } else if let Some((_, id)) = answer.filter(|_| instants[1] == Some(now)) {
            self.answer(id)?;
        } else {
            self.bare.wake(&[]);
            self.write(Stimulus::Timer)?;
        }
        Ok(true)
    }

    fn happen(&mut self) -> Result<(), Senseless> {
        let (_, happening) = self.happenings.pop_front().expect("there is one");
        if let Happening::Blocked(long) = happening {
            return self.blocked(long);
        }
        if let Happening::Tell(tell) = happening {
            return self.tell(tell);
        }
        let Some(poke) = self.poke_of(happening)? else {
            return self.start();
        };
        if matches!(poke, Poke::Drop) {
            if self.bare.deadline().is_some_and(|due| due <= self.bare.now) {
                return self.senseless(
                    "whether a loop sees its end or its deadline first is up to the loop",
                    "drop the handle a millisecond before, or after",
                );
            }
            self.bare.end();
            self.has_handle = false;
        } else {
            let message = self.poke(poke)?;
            if self.bare.cell.urgent || message.is_some() {
                self.bare.wake(message.as_slice());
            }
        }
        self.write(Stimulus::Poke(poke))
    }

    fn tell(&mut self, tell: Tell) -> Result<(), Senseless> {
        if self.bare.is_cut_off() {
            return self.senseless(
                "its loop was cut off, and the supervisor is gone with it",
                "tell it before the handle is dropped",
            );
        }
        let began = self.bare.writer.began;
        let at = tell.as_of.map_or(self.bare.now, |as_of| began + as_of);
        self.bare.tell(at, tell.told.event(began, at));
        self.write(Stimulus::Tell(tell))
    }

    fn poke_of(&self, happening: Happening) -> Result<Option<Poke>, Senseless> {
        let client = |before: usize| match self.bare.clients.iter().rev().nth(before) {
            Some(client) => Ok(*client),
            None => self.senseless("there was no such client", "lose one that was started"),
        };
        Ok(match happening {
            Happening::Live => Some(Poke::Live),
            Happening::Suspicion(failure) => Some(Poke::Suspicion(failure)),
            Happening::Lost(failure) => Some(Poke::Lost(client(0)?, failure)),
            Happening::LostBefore(failure) => Some(Poke::Lost(client(1)?, failure)),
            Happening::Shutdown => Some(Poke::Shutdown),
            Happening::Dropped => Some(Poke::Drop),
            Happening::Look => Some(Poke::Look),
            Happening::Blocked(_) | Happening::StartAgain | Happening::Tell(_) => None,
        })
    }

    fn poke(&mut self, poke: Poke) -> Result<Option<(Instant, Event)>, Senseless> {
        match poke {
            Poke::Live => self.bare.cell.live_at(self.bare.now),
            Poke::Suspicion(failure) => self.bare.cell.suspicion(failure),
            Poke::Lost(client, failure) => self.bare.cell.lost(client, failure),
            Poke::Shutdown if !self.bare.ended => {
                return Ok(Some((self.bare.now, Event::Shutdown)));
            }
            Poke::Shutdown => {}
            Poke::Look => {
                let ready = self.bare.readiness.is_ready_at(self.bare.now);
                self.looks.push((self.bare.now, ready));
            }
            Poke::Drop => {
                return self.senseless(
                    "a handle cannot be dropped while the executor is blocked",
                    "drop it after",
                );
            }
        }
        Ok(None)
    }

    fn blocked(&mut self, long: Duration) -> Result<(), Senseless> {
        let end = self.bare.now + long;
        let (mut pokes, mut messages) = (Vec::new(), Vec::new());
        while let Some((at, happening)) = self.happenings.front().copied() {
            if self.bare.writer.began + at > end {
                break;
            }
            self.happenings.pop_front();
            self.bare.now = self.bare.writer.began + at;
            let Some(poke) = self.poke_of(happening)? else {
                return self.senseless(
                    "this cannot happen while the executor is blocked",
                    "let it happen after",
                );
            };
            let message = self.poke(poke)?;
            // One shutdown waits at a time, and no other message has a poke of its own.
            if messages.is_empty() {
                messages.extend(message);
            }
            pokes.push((at, poke));
        }
        self.bare.now = end;
        let due = self.bare.deadline().is_some_and(|due| due <= end);
        if due || self.bare.cell.urgent || !messages.is_empty() {
            self.bare.wake(&messages);
        }
        self.write(Stimulus::Blocked(pokes))
    }

    fn answer(&mut self, id: OpId) -> Result<(), Senseless> {
        let operation = self.bare.operations.remove(&id).expect("it is under way");
        let Answer::After { lies, outcome, .. } = operation.answer else {
            unreachable!("it has an answer");
        };
        let at = self.bare.now;
        self.bare.now += lies;
        let next = self
            .happenings
            .front()
            .map(|&(at, _)| self.bare.writer.began + at);
        let next = next
            .into_iter()
            .chain(self.bare.next_answer().map(|(at, _)| at));
        if !lies.is_zero() && next.min().is_some_and(|next| next <= self.bare.now) {
            return self.senseless(
                "something comes while the loop is held up over an answer in its inbox",
                "have the answer lie there for a shorter time",
            );
        }
        let event = answered(id, outcome);
        self.bare.wake(&[(at, event)]);
        self.write(Stimulus::Answer {
            operation: operation.name,
            outcome,
            at: at - self.bare.writer.began,
        })
    }

    fn write(&mut self, stimulus: Stimulus) -> Result<(), Senseless> {
        let under_way = self.bare.operations.values();
        let mut under_way: Vec<String> = under_way.map(|it| it.name.clone()).collect();
        under_way.sort();
        if let Some(name) = twice(&under_way) {
            return self.senseless(
                format!("two operations under way are both {name}"),
                "have them asked at different times",
            );
        }
        let next = self.bare.deadline();
        let state = State {
            report: self.bare.report(),
            ready: self.bare.readiness.is_ready_at(self.bare.now),
            promise: Promise::new(self.has_handle, next),
            under_way: under_way.clone(),
            discarded: self.bare.discarded.clone(),
            ended: self.bare.ended,
        };
        let (now, writer) = (self.bare.now - self.bare.writer.began, self.bare.writer);
        let changes = mem::take(&mut self.bare.published);
        let looks = mem::take(&mut self.looks);
        let entries: Vec<_> = self.bare.told.try_iter().collect();
        let scene = Scene {
            heading: heading(now, &stimulus),
            looks: looks
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
            scene,
            began: writer.began,
            looks,
            entries,
            published: changes,
            under_way,
            ended: self.bare.ended,
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
