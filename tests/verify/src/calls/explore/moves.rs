//! What can happen next in a state of a model.

use livebus_core::calls::{CallId, Correlation, Event, Identity, Refusal, Reply, Request, Sent};
use livebus_core::{Cause, Failure, FailureClass};

use super::models::{Budget, Model};
use crate::calls::claim::{Claim, Coverage};
use crate::calls::environment::{Client, EPOCH};
use crate::calls::settings::IDENTITY;

/// A move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Time passes by one tick.
    Tick,
    /// Time passes by one tick, and the runner notices it with the next move only.
    Oversleep,
    /// The next call of the model is made.
    Call,
    /// A send is acknowledged.
    Acknowledge(CallId, u32),
    /// A send fails, and its request did not leave.
    Fail(CallId, u32),
    /// A send times out.
    TimeOut(CallId, u32),
    /// The callee replies, perhaps again.
    Reply(CallId),
    /// The callee refuses, and knows that no run began, or not.
    Refuse(CallId, bool),
    /// A reply to a call that was not sent or not made.
    Early(CallId),
    /// A reply to another instance.
    Foreign,
    /// A reply to an earlier epoch, by the number of a call of this one.
    Former(CallId),
    /// The future of a call is dropped.
    Cancel(CallId),
    /// The bus can be used, or not.
    Bus(bool),
    /// The assignment is answered.
    Assigned(bool),
    /// The assignment is lost.
    Lose,
    /// The reply partition can be read, or not.
    Readable(bool),
    /// The shutdown is requested.
    ShutDown,
}

/// A state of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    client: Client,
    left: Budget,
    is_usable: bool,
    is_readable: bool,
}

const FAILURE: Failure = Failure::new(FailureClass::Unreachable);

impl State {
    /// Returns the first state of a model.
    pub(super) fn first(model: &Model) -> Self {
        Self {
            client: Client::new(&model.config),
            left: model.budget,
            is_usable: false,
            is_readable: true,
        }
    }

    /// Adds the possible moves.
    pub(super) fn moves(&self, model: &Model, moves: &mut Vec<Move>) {
        let (client, left) = (&self.client, &self.left);
        let mut add = |is: bool, what: Move| moves.extend(is.then_some(what));
        add(left.ticks > 0, Move::Tick);
        add(left.ticks > 0 && left.oversleeps > 0, Move::Oversleep);
        let has_more = client.next <= model.requests.len() as u64;
        add(has_more, Move::Call);
        for &(call, attempt) in &client.sends {
            add(true, Move::Acknowledge(call, attempt));
            add(left.failures > 0, Move::Fail(call, attempt));
            add(left.unknowns > 0, Move::TimeOut(call, attempt));
        }
        for call in (1..client.next).map(CallId) {
            let is_sent = client.sent.contains(&call);
            add(is_sent && left.replies > 0, Move::Reply(call));
            add(is_sent && left.refusals > 0, Move::Refuse(call, true));
            add(is_sent && left.refusals > 0, Move::Refuse(call, false));
            add(!is_sent && left.strays > 0, Move::Early(call));
            add(left.strays > 0, Move::Former(call));
            add(left.cancels > 0, Move::Cancel(call));
        }
        add(left.strays > 0, Move::Early(CallId(client.next)));
        add(left.strays > 0, Move::Foreign);
        add(!self.is_usable, Move::Bus(true));
        add(self.is_usable && left.outages > 0, Move::Bus(false));
        add(client.assigning.is_some(), Move::Assigned(true));
        let can_fail = client.assigning.is_some() && left.assign_failures > 0;
        add(can_fail, Move::Assigned(false));
        add(left.losses > 0, Move::Lose);
        add(
            self.is_readable && left.unreadable > 0,
            Move::Readable(false),
        );
        add(!self.is_readable, Move::Readable(true));
        add(left.shutdowns > 0, Move::ShutDown);
    }

    /// Returns the state after a move.
    pub(super) fn after(
        &self,
        model: &Model,
        what: Move,
        coverage: &mut Coverage,
    ) -> Result<Self, Claim> {
        let mut next = self.clone();
        let event = next.event(model, what);
        if what != Move::Oversleep {
            next.client.give(event, coverage)?;
        }
        next.client.make_canonical();
        Ok(next)
    }

    fn event(&mut self, model: &Model, what: Move) -> Option<Event> {
        let (client, left) = (&mut self.client, &mut self.left);
        let send = |call, attempt, result| Event::SendAnswered {
            call,
            attempt,
            result,
        };
        Some(match what {
            Move::Tick => {
                left.ticks -= 1;
                client.now += model.tick;
                return None;
            }
            Move::Oversleep => {
                left.ticks -= 1;
                left.oversleeps -= 1;
                client.now += model.tick;
                return None;
            }
            Move::Call => {
                let index = usize::try_from(client.next - 1).unwrap_or(usize::MAX);
                let planned = model.requests[index];
                // From the beginning, so that a call may come after its deadline.
                let counted_from = if planned.is_absolute {
                    *EPOCH
                } else {
                    client.now
                };
                Event::Called {
                    call: CallId(client.next),
                    request: Request {
                        deadline: counted_from + model.tick * planned.ticks,
                        bytes: planned.bytes,
                        is_idempotent: planned.is_idempotent,
                    },
                }
            }
            Move::Acknowledge(call, attempt) => send(call, attempt, Sent::Acknowledged),
            Move::Fail(call, attempt) => {
                left.failures -= 1;
                send(call, attempt, Sent::NotSent(FAILURE))
            }
            Move::TimeOut(call, attempt) => {
                left.unknowns -= 1;
                send(call, attempt, Sent::Unknown(FAILURE))
            }
            Move::Reply(_)
            | Move::Refuse(..)
            | Move::Early(_)
            | Move::Foreign
            | Move::Former(_) => return self.reply(what),
            Move::Cancel(call) => {
                left.cancels -= 1;
                Event::Cancelled { call }
            }
            Move::Bus(is_usable) => {
                self.is_usable = is_usable;
                if is_usable {
                    return Some(Event::BusReady);
                }
                left.outages -= 1;
                Event::BusNotReady(Cause::LivenessFailed(FAILURE))
            }
            Move::Assigned(is_ok) => {
                self.is_readable |= is_ok;
                left.assign_failures -= u8::from(!is_ok);
                Event::RepliesAssigned {
                    id: client.assigning?,
                    result: if is_ok { Ok(()) } else { Err(FAILURE) },
                }
            }
            Move::Lose => {
                left.losses -= 1;
                Event::RepliesLost(FAILURE)
            }
            Move::Readable(is_readable) => {
                self.is_readable = is_readable;
                if is_readable {
                    return Some(Event::RepliesReachable);
                }
                left.unreadable -= 1;
                Event::RepliesUnreachable(Failure::new(FailureClass::NoLeader))
            }
            Move::ShutDown => {
                left.shutdowns -= 1;
                Event::Shutdown
            }
        })
    }

    /// Returns the reply that a move delivers.
    fn reply(&mut self, what: Move) -> Option<Event> {
        let left = &mut self.left;
        let done = |from, call| Event::ReplyFetched {
            to: Correlation { from, call },
            reply: Reply::Done,
        };
        Some(match what {
            Move::Reply(call) => {
                left.replies -= 1;
                done(IDENTITY, call)
            }
            Move::Refuse(call, never_began) => {
                left.refusals -= 1;
                let refusal = Refusal::TooLate;
                let from = IDENTITY;
                Event::ReplyFetched {
                    to: Correlation { from, call },
                    reply: Reply::Refused {
                        refusal,
                        never_began,
                    },
                }
            }
            Move::Early(call) => {
                left.strays -= 1;
                done(IDENTITY, call)
            }
            Move::Foreign => {
                left.strays -= 1;
                let from = Identity {
                    instance: 8,
                    ..IDENTITY
                };
                done(from, CallId(1))
            }
            Move::Former(call) => {
                left.strays -= 1;
                let from = Identity {
                    epoch: 4,
                    ..IDENTITY
                };
                done(from, call)
            }
            Move::Tick
            | Move::Oversleep
            | Move::Call
            | Move::Acknowledge(..)
            | Move::Fail(..)
            | Move::TimeOut(..)
            | Move::Cancel(_)
            | Move::Bus(_)
            | Move::Assigned(_)
            | Move::Lose
            | Move::Readable(_)
            | Move::ShutDown => return None,
        })
    }
}
