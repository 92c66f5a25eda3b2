//! The core driven by hand through a world, in virtual time: what every runner is measured by.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use livebus_core::{Event, OpId};

use super::bare_loop::BareLoop;
use super::step::{Poke, Step, Stimulus};
use super::trace::{Promise, Scene, State, claim, heading};
use super::world::{Answer, Happening, World};

/// Drives the core alone through `world` and tells step by step what came and what it led to.
///
/// At one instant, happenings come in the order of the script, then answers in the order of their operations, then the
/// deadline.
///
/// # Panics
///
/// When the script makes no sense: settings that cannot be right; two things that come while the loop is held up over an
/// answer that lies in its inbox; a handle that is dropped while the loop's deadline is there, or while the executor is blocked.
#[must_use]
pub fn by_hand(world: &World) -> Vec<Step> {
    let mut hand = Hand::new(world);
    hand.start();
    while hand.go_on() {}
    hand.steps
}

/// Who knows the script.
struct Hand<'a> {
    happenings: VecDeque<(Duration, Happening)>,
    until: Duration,
    bare: BareLoop<'a>,
    has_handle: bool,
    looks: Vec<String>,
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

    fn start(&mut self) {
        self.bare.start();
        self.has_handle = true;
        self.write(Stimulus::Start);
    }

    /// Plays what comes next, if anything does before the story ends.
    fn go_on(&mut self) -> bool {
        let happening = self
            .happenings
            .front()
            .map(|&(at, _)| self.bare.writer.began + at);
        let answer = self.bare.next_answer();
        let timer = self.bare.deadline();
        let instants = [happening, answer.map(|(at, _)| at), timer];
        let instants = instants.map(|at| at.map(|at| at.max(self.bare.now)));
        let Some(now) = instants.into_iter().flatten().min() else {
            return false;
        };
        if now > self.bare.writer.began + self.until {
            return false;
        }
        self.bare.now = now;
        if instants[0] == Some(now) {
            self.happen();
        } else if let Some((_, id)) = answer.filter(|_| instants[1] == Some(now)) {
            self.answer(id);
        } else {
            self.bare.wake(&[]);
            self.write(Stimulus::Timer);
        }
        true
    }

    fn happen(&mut self) {
        let (_, happening) = self.happenings.pop_front().expect("there is one");
        if let Happening::Blocked(long) = happening {
            return self.blocked(long);
        }
        let Some(poke) = self.poke_of(happening) else {
            return self.start();
        };
        if matches!(poke, Poke::Drop) {
            assert!(
                self.bare.deadline().is_none_or(|due| due > self.bare.now),
                "whether a loop sees its end or its deadline first is up to the loop"
            );
            self.bare.end();
            self.has_handle = false;
        } else {
            let message = self.poke(poke);
            if self.bare.cell.urgent || message.is_some() {
                self.bare.wake(message.as_slice());
            }
        }
        self.write(Stimulus::Poke(poke));
    }

    fn poke_of(&self, happening: Happening) -> Option<Poke> {
        let client = |before: usize| {
            let client = self.bare.clients.iter().rev().nth(before);
            *client.expect("a client can be lost after it was started")
        };
        match happening {
            Happening::Live => Some(Poke::Live),
            Happening::Suspicion(class) => Some(Poke::Suspicion(class.into())),
            Happening::Lost(class) => Some(Poke::Lost(client(0), class.into())),
            Happening::LostBefore(class) => Some(Poke::Lost(client(1), class.into())),
            Happening::Shutdown => Some(Poke::Shutdown),
            Happening::Dropped => Some(Poke::Drop),
            Happening::Look => Some(Poke::Look),
            Happening::Blocked(_) | Happening::StartAgain => None,
        }
    }

    fn poke(&mut self, poke: Poke) -> Option<(Instant, Event)> {
        match poke {
            Poke::Live => self.bare.cell.live_at(self.bare.now),
            Poke::Suspicion(failure) => self.bare.cell.suspicion(failure),
            Poke::Lost(client, failure) => self.bare.cell.lost(client, failure),
            Poke::Shutdown if !self.bare.ended => return Some((self.bare.now, Event::Shutdown)),
            Poke::Shutdown => {}
            Poke::Look => {
                let ready = self.bare.readiness.is_ready(self.bare.now);
                self.looks.push(self.bare.writer.look(self.bare.now, ready));
            }
            Poke::Drop => panic!("a handle cannot be dropped while the executor is blocked"),
        }
        None
    }

    fn blocked(&mut self, long: Duration) {
        let end = self.bare.now + long;
        let (mut pokes, mut messages) = (Vec::new(), Vec::new());
        while let Some((at, happening)) = self.happenings.front().copied() {
            if self.bare.writer.began + at > end {
                break;
            }
            self.happenings.pop_front();
            self.bare.now = self.bare.writer.began + at;
            let poke = self
                .poke_of(happening)
                .expect("nothing starts while all is blocked");
            messages.extend(self.poke(poke));
            pokes.push((at, poke));
        }
        self.bare.now = end;
        let due = self.bare.deadline().is_some_and(|due| due <= end);
        if due || self.bare.cell.urgent || !messages.is_empty() {
            self.bare.wake(&messages);
        }
        self.write(Stimulus::Blocked(pokes));
    }

    fn answer(&mut self, id: OpId) {
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
        assert!(
            lies.is_zero() || next.min().is_none_or(|next| next > self.bare.now),
            "nothing else comes while the loop is held up"
        );
        let event = operation.kind.answered(id, outcome);
        self.bare.wake(&[(at, event)]);
        self.write(Stimulus::Answer {
            operation: operation.name,
            outcome,
            at: at - self.bare.writer.began,
        });
    }

    fn write(&mut self, stimulus: Stimulus) {
        let under_way = self.bare.operations.values();
        let mut under_way: Vec<String> = under_way.map(|it| it.name.clone()).collect();
        under_way.sort();
        assert!(
            under_way.windows(2).all(|pair| pair[0] != pair[1]),
            "operations under way have names of their own: {under_way:?}"
        );
        let next = self.bare.deadline();
        let state = State {
            report: self.bare.service.report(),
            ready: self.bare.readiness.is_ready(self.bare.now),
            promise: Promise::new(self.has_handle, next),
            under_way: under_way.clone(),
            discarded: self.bare.discarded.clone(),
            ended: self.bare.ended,
        };
        let (now, writer) = (self.bare.now - self.bare.writer.began, self.bare.writer);
        let changes = mem::take(&mut self.bare.published);
        let looks = mem::take(&mut self.looks);
        let shown = changes.iter().map(|change| claim(writer, change));
        let claims = looks.iter().cloned().chain(shown).collect();
        let entries = self.bare.told.try_iter();
        let scene = Scene {
            heading: heading(now, &stimulus),
            looks,
            entries: entries.map(|(at, it)| writer.entry(at, &it)).collect(),
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
            under_way,
            ended: self.bare.ended,
            claims,
            asks: mem::take(&mut self.bare.asks),
        });
    }
}
