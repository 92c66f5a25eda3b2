//! The moves that are possible in a model state, and the event that the supervisor receives with each.

use std::time::Instant;

use livebus_core::{ClientId, Event, FailureClass, LivenessId, Phase, RegistrationId, StopId};

use super::configurations::ModelConfiguration;
use super::moves::{BusState, Move, Operation};
use super::state::{EPOCH, ModelState};

impl ModelState {
    /// Puts every move that is possible in this state into `to`.
    pub fn moves(&self, configuration: &ModelConfiguration, to: &mut Vec<Move>) {
        to.clear();
        if self.broken.is_some() {
            return;
        }
        if !self.supervisor.is_stopped() {
            to.push(Move::Tick);
            self.answers(configuration, to);
        }
        let ending = self.invariants.shutdown_at().is_some();
        if !ending {
            to.extend(configuration.sleeps.map(Move::Sleep));
            let others = configuration.buses.iter().filter(|bus| **bus != self.bus);
            to.extend(others.map(|bus| Move::Bus(*bus)));
            if configuration.losses && self.invariants.client().is_some() {
                to.push(Move::Lost);
            }
        }
        if configuration.traffic && self.bus == BusState::Up {
            to.push(Move::Traffic(0));
        }
        let late_evidence = 1..=configuration.late_evidence.unwrap_or(0);
        let known = late_evidence
            .filter(|ago| self.bus == BusState::Up || self.unusable <= u32::from(*ago));
        to.extend(known.map(Move::Traffic));
        to.extend(
            configuration
                .suspicions
                .iter()
                .copied()
                .map(Move::Suspicion),
        );
        if configuration.health {
            for handler in configuration.handlers() {
                if self.invariants.registered(usize::from(handler)).is_some() {
                    to.push(Move::Health(handler, None));
                    to.push(Move::Health(handler, Some(FailureClass::Other)));
                }
            }
        }
        if configuration.shutdown {
            to.push(Move::Shutdown);
        }
    }

    fn answers(&self, configuration: &ModelConfiguration, to: &mut Vec<Move>) {
        let good = self.bus == BusState::Up
            || self.unusable <= configuration.flight
                && configuration.flight > 0
                && self.supervisor.phase() != Phase::NotLive;
        if self.invariants.start_in_flight().is_some() {
            to.push(Move::Answer(Operation::Start, None));
            to.push(Move::Answer(Operation::Start, Some(FailureClass::Other)));
        }
        if self.invariants.liveness_in_flight().is_some() {
            let answers = configuration.failures.iter().copied();
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
        for handler in configuration.handlers() {
            if self
                .invariants
                .registration_in_flight(usize::from(handler))
                .is_some()
            {
                let operation = Operation::Registration(handler);
                to.push(Move::Answer(operation, None));
                to.push(Move::Answer(operation, Some(FailureClass::Authorization)));
            }
        }
        if self.invariants.stop_in_flight().is_some() {
            to.push(Move::Answer(Operation::Stop, None));
            to.push(Move::Answer(Operation::Stop, Some(FailureClass::Other)));
        }
    }

    pub(super) fn event(&self, configuration: &ModelConfiguration, what: Move) -> Event {
        match what {
            Move::Answer(operation, failure) => {
                let result = failure.map_or(Ok(()), |class| Err(class.into()));
                match operation {
                    Operation::Start => Event::StartAnswered {
                        id: id(self.invariants.start_in_flight(), ClientId::from_number),
                        result,
                    },
                    Operation::Liveness => Event::LivenessAnswered {
                        id: id(
                            self.invariants.liveness_in_flight(),
                            LivenessId::from_number,
                        ),
                        result,
                    },
                    Operation::Registration(handler) => Event::RegistrationAnswered {
                        id: id(
                            self.invariants.registration_in_flight(usize::from(handler)),
                            RegistrationId::from_number,
                        ),
                        result,
                    },
                    Operation::Stop => Event::StopAnswered {
                        id: id(self.invariants.stop_in_flight(), StopId::from_number),
                        result,
                    },
                }
            }
            Move::Traffic(ago) => Event::Live {
                at: EPOCH
                    .checked_sub(configuration.tick * u32::from(ago))
                    .unwrap_or(*EPOCH),
            },
            Move::Lost => Event::ClientLost {
                client: self
                    .invariants
                    .client()
                    .unwrap_or(ClientId::from_number(UNKNOWN)),
                failure: FailureClass::ClientFatal.into(),
            },
            Move::Health(handler, failure) => Event::HandlerHealth {
                id: self
                    .invariants
                    .registered(usize::from(handler))
                    .unwrap_or(RegistrationId::from_number(UNKNOWN)),
                result: failure.map_or(Ok(()), |class| Err(class.into())),
            },
            Move::Shutdown => Event::Shutdown,
            Move::Suspicion(class) => Event::Suspicion(class.into()),
            Move::Tick | Move::Sleep(_) | Move::Bus(_) => {
                Event::Suspicion(FailureClass::Unreachable.into())
            }
        }
    }
}

/// The number of an operation that never existed.
const UNKNOWN: u64 = u64::MAX;

/// Returns the id of the operation in flight, or an id that never existed if there is none.
fn id<I>(operation: Option<(I, Instant)>, from_number: fn(u64) -> I) -> I {
    operation.map_or_else(|| from_number(UNKNOWN), |(id, _)| id)
}
