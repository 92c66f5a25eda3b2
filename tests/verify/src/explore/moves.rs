//! What can happen next in a world, and what the supervisor is told then.

use std::time::Instant;

use livebus_core::{ClientId, Event, FailureClass, LivenessId, Phase, RegistrationId, StopId};

use super::universes::Universe;
use super::world::{EPOCH, World};

/// What a bus does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BusState {
    /// It works.
    Up,
    /// It refuses.
    Down,
    /// It says nothing.
    Hung,
    /// Other brokers answer, the leaders asked are missing.
    Leaderless,
}

/// An operation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The start.
    Start,
    /// The liveness message.
    Liveness,
    /// The registration of a handler.
    Registration(u8),
    /// The stop.
    Stop,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// One tick passes.
    Tick,
    /// The process does not get to run for so many ticks.
    Sleep(u8),
    /// The bus changes.
    Bus(BusState),
    /// An operation is answered.
    Answer(Operation, Option<FailureClass>),
    /// Ordinary traffic proved that the bus works, so many ticks ago.
    Traffic(u8),
    /// Bad news.
    Hint,
    /// The client is lost.
    Lost,
    /// The service wants to end.
    Shutdown,
}

impl World {
    /// Everything that can happen next.
    pub fn moves(&self, universe: &Universe, to: &mut Vec<Move>) {
        to.clear();
        if self.broken.is_some() {
            return;
        }
        if !self.supervisor.is_stopped() {
            to.push(Move::Tick);
            self.answers(universe, to);
        }
        let ending = self.watch.ending().is_some();
        if !ending {
            to.extend(universe.sleeps.map(Move::Sleep));
            let others = universe.buses.iter().filter(|bus| **bus != self.bus);
            to.extend(others.map(|bus| Move::Bus(*bus)));
            if universe.losses && self.watch.client().is_some() {
                to.push(Move::Lost);
            }
        }
        if universe.traffic && self.bus == BusState::Up {
            to.push(Move::Traffic(0));
        }
        let old_news = 1..=universe.old_news.unwrap_or(0);
        let known =
            old_news.filter(|ago| self.bus == BusState::Up || self.unusable <= u32::from(*ago));
        to.extend(known.map(Move::Traffic));
        if universe.hints {
            to.push(Move::Hint);
        }
        if universe.shutdown {
            to.push(Move::Shutdown);
        }
    }

    fn answers(&self, universe: &Universe, to: &mut Vec<Move>) {
        let good = self.bus == BusState::Up
            || self.unusable <= universe.flight
                && universe.flight > 0
                && self.supervisor.phase() != Phase::NotLive;
        if self.watch.starting().is_some() {
            to.push(Move::Answer(Operation::Start, None));
            to.push(Move::Answer(Operation::Start, Some(FailureClass::Other)));
        }
        if self.watch.asking().is_some() {
            let answers = universe.failures.iter().copied();
            let possible = answers
                .filter(|class| self.bus.may_answer(*class))
                .map(Some);
            let good = good.then_some(None);
            to.extend(
                good.into_iter()
                    .chain(possible)
                    .map(|it| Move::Answer(Operation::Liveness, it)),
            );
        }
        for handler in universe.handlers() {
            if self.watch.registering(usize::from(handler)).is_some() {
                let operation = Operation::Registration(handler);
                to.push(Move::Answer(operation, None));
                to.push(Move::Answer(operation, Some(FailureClass::Authorization)));
            }
        }
        if self.watch.stopping().is_some() {
            to.push(Move::Answer(Operation::Stop, None));
            to.push(Move::Answer(Operation::Stop, Some(FailureClass::Other)));
        }
    }

    pub(super) fn event(&self, universe: &Universe, what: Move) -> Event {
        match what {
            Move::Answer(operation, failure) => {
                let result = failure.map_or(Ok(()), |class| Err(class.into()));
                match operation {
                    Operation::Start => Event::StartAnswered {
                        id: id(self.watch.starting(), ClientId::from_number),
                        result,
                    },
                    Operation::Liveness => Event::LivenessAnswered {
                        id: id(self.watch.asking(), LivenessId::from_number),
                        result,
                    },
                    Operation::Registration(handler) => Event::RegistrationAnswered {
                        id: id(
                            self.watch.registering(usize::from(handler)),
                            RegistrationId::from_number,
                        ),
                        result,
                    },
                    Operation::Stop => Event::StopAnswered {
                        id: id(self.watch.stopping(), StopId::from_number),
                        result,
                    },
                }
            }
            Move::Traffic(ago) => Event::Live {
                at: EPOCH
                    .checked_sub(universe.tick * u32::from(ago))
                    .unwrap_or(*EPOCH),
            },
            Move::Lost => Event::ClientLost {
                client: self
                    .watch
                    .client()
                    .unwrap_or(ClientId::from_number(UNKNOWN)),
                failure: FailureClass::ClientFatal.into(),
            },
            Move::Shutdown => Event::Shutdown,
            Move::Hint | Move::Tick | Move::Sleep(_) | Move::Bus(_) => {
                Event::Suspicion(FailureClass::Unreachable.into())
            }
        }
    }
}

/// The number of an operation that never was.
const UNKNOWN: u64 = u64::MAX;

/// The id of what is under way; of what never was, if nothing is.
fn id<I>(operation: Option<(I, Instant)>, from_number: fn(u64) -> I) -> I {
    operation.map_or_else(|| from_number(UNKNOWN), |(id, _)| id)
}

impl BusState {
    /// Whether a bus that does this may answer a liveness message so.
    fn may_answer(self, class: FailureClass) -> bool {
        match class {
            FailureClass::NoLeader => self == Self::Leaderless,
            FailureClass::TopicMissing | FailureClass::Authorization | FailureClass::Throttled => {
                self == Self::Up
            }
            FailureClass::Unreachable => self == Self::Down,
            FailureClass::Timeout
            | FailureClass::NameResolution
            | FailureClass::Tls
            | FailureClass::Authentication
            | FailureClass::NotEnoughReplicas
            | FailureClass::QueueFull
            | FailureClass::ClientFatal
            | FailureClass::Other => self != Self::Hung,
            _ => unreachable!("a class that the model does not know: {class}"),
        }
    }
}
