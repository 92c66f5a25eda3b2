//! What comes in: messages, and what happened to the clients.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::calls::{CallId, Event, Request};
use livebus_core::{Failure, FailureClass};

use super::{CallLoop, InFlight};
use crate::calls::client::CallInput;
use crate::calls::mailbox::{CallMessage, NewCall};
use crate::calls::outcome::Arrived;
use crate::calls::wire::ReplyAddress;
use crate::handlers::{Batch, Record};
use crate::loops::{Command, Source};

impl CallLoop {
    /// Returns whether the loop is to end at once.
    pub(super) fn on_message(&mut self, now: Instant, message: CallMessage) -> bool {
        match message {
            CallMessage::Called(id, call) => self.on_called(now, id, *call),
            CallMessage::Cancelled(call) => {
                self.calls.handle_event(now, Event::Cancelled { call });
                self.execute_all(now);
            }
            CallMessage::Command(command) => return self.on_command(now, command),
        }
        false
    }

    fn on_command(&mut self, now: Instant, command: Command) -> bool {
        match command {
            Command::Open => {
                self.is_wanted = self.stop_deadline.is_none();
                // The client of the bus has started: a service that waits for its callers cannot be Running before.
                self.calls.handle_event(now, Event::BusReady);
            }
            Command::Discard => {
                self.is_wanted = false;
                self.reopening.reset();
                self.lost = None;
                self.lose_client(now, FailureClass::ClientFatal.into());
            }
            Command::Bus(Ok(())) if self.is_wanted => {
                self.calls.handle_event(now, Event::BusReady);
            }
            Command::Bus(Ok(())) => {}
            Command::Bus(Err(cause)) => {
                self.calls.handle_event(now, Event::BusNotReady(cause));
            }
            Command::Shutdown => {
                let deadline = now + self.spec.config.shutdown_bound();
                self.stop_deadline.get_or_insert(deadline);
                self.is_wanted = false;
                self.calls.handle_event(now, Event::Shutdown);
            }
            Command::Close => return true,
        }
        self.execute_all(now);
        false
    }

    fn on_called(&mut self, now: Instant, id: CallId, call: NewCall) {
        let request = Request {
            deadline: call.deadline,
            bytes: call.bytes(),
            is_idempotent: call.idempotency_key.is_some(),
        };
        let held = InFlight {
            call,
            since: now,
            sending: None,
            partition: None,
        };
        self.in_flight.insert(id, held);
        self.calls
            .handle_event(now, Event::Called { call: id, request });
        self.execute_all(now);
    }

    pub(super) fn on_input(&mut self, now: Instant, input: CallInput) {
        match input {
            CallInput::RepliesAssigned { id, result } => {
                if let Ok(partition) = result {
                    let topic = Arc::clone(&self.spec.replies.topic);
                    self.reply_to = Some(ReplyAddress { topic, partition });
                }
                let result = result.map(drop);
                self.calls
                    .handle_event(now, Event::RepliesAssigned { id, result });
            }
            CallInput::SendAnswered {
                call,
                attempt,
                result,
                partition,
            } => {
                if let Some(held) = self.in_flight.get_mut(&call) {
                    held.sending.take_if(|sending| *sending == attempt);
                    held.partition = partition.or(held.partition);
                }
                let answered = Event::SendAnswered {
                    call,
                    attempt,
                    result,
                };
                self.calls.handle_event(now, answered);
            }
            CallInput::Fetched(batch) => self.on_fetched(now, batch),
            CallInput::RepliesUnreachable(failure) => self
                .calls
                .handle_event(now, Event::RepliesUnreachable(failure)),
            CallInput::RepliesReachable => self.calls.handle_event(now, Event::RepliesReachable),
            CallInput::Failed(failure) => self.on_failed(failure),
            CallInput::ClientLost(failure) => {
                tracing::warn!(%failure, "a client of the caller is lost: it is made again");
                self.lose_client(now, failure);
                self.on_failed(failure);
                self.wait_after(now, failure);
            }
        }
        self.execute_all(now);
    }

    fn on_fetched(&mut self, now: Instant, batch: Batch) {
        let batch = Arc::new(batch);
        for index in 0..batch.len() {
            self.on_reply(now, batch.record(index));
        }
    }

    fn on_reply(&mut self, now: Instant, record: Record) {
        let reply = match self.spec.wire.read_reply(&record) {
            Ok(reply) => reply,
            Err(error) => {
                self.unreadable += 1;
                // Who writes one of them may write many.
                if let Some(records) = self.unreadable_replies.count(now) {
                    tracing::warn!(
                        topic = record.topic(),
                        partition = record.partition(),
                        offset = record.offset(),
                        records,
                        %error,
                        "records of the reply topic are no replies, and are passed over: find out who writes them"
                    );
                }
                return;
            }
        };
        let (to, arrived) = (reply.to, Arrived::new(record, reply.reply));
        let fetched = Event::ReplyFetched {
            to,
            reply: arrived.for_machine(),
        };
        self.arrived = Some((to.call, arrived));
        self.calls.handle_event(now, fetched);
        self.execute_all(now);
        self.arrived = None;
    }

    /// Takes that something failed. It is shown while the replies are not assigned.
    pub(super) fn on_failed(&self, failure: Failure) {
        if !self.registration.is_registered() {
            let caller = &self.spec.replies.caller;
            let reason = format!("caller {caller}: its replies are not assigned yet");
            let failure = Some((failure, reason));
            self.registration.health.set(Source::Consumer, failure);
        }
        self.registration.fail(failure);
    }
}
