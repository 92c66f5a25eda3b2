//! What goes out: actions become records, and results of calls.

use std::time::{Instant, SystemTime};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Correlation, Event, Health, Outcome, Sent,
};
use livebus_core::{Failure, FailureClass};

use super::CallLoop;
use crate::calls::client::OutgoingRecord;
use crate::calls::outcome::result_of;
use crate::calls::wire::{RequestToWrite, Written};
use crate::loops::Source;

impl CallLoop {
    /// Does all that the state machine wants, until it wants nothing more.
    pub(super) fn execute_all(&mut self, now: Instant) {
        while let Some(action) = self.calls.poll_action() {
            self.execute(now, action);
        }
    }

    fn execute(&mut self, now: Instant, action: Action) {
        match action {
            Action::AssignReplies { id, deadline, .. } => self.assign(now, id, deadline),
            Action::Send {
                correlation,
                attempt,
                deadline,
            } => self.send(now, correlation, attempt, deadline),
            Action::SendCancel { correlation } => self.send_cancel(correlation),
            Action::End { call, outcome } => self.end_call(call, outcome),
            Action::SetHealth(health) => self.on_health(health),
            Action::Stopped => tracing::info!("stopped"),
        }
    }

    fn assign(&mut self, now: Instant, id: AssignmentId, deadline: Instant) {
        match self.client(now) {
            Ok(client) => client.assign_replies(id, deadline),
            Err(failure) => {
                self.on_failed(failure);
                let result = Err(failure);
                self.calls
                    .handle_event(now, Event::RepliesAssigned { id, result });
            }
        }
    }

    fn send(&mut self, now: Instant, correlation: Correlation, attempt: u32, deadline: Instant) {
        let call = correlation.call;
        match self.request(now, correlation, attempt, deadline) {
            Ok(record) => {
                if let Some(client) = &mut self.client {
                    client.send(call, attempt, record);
                    return;
                }
                self.on_not_sent(now, call, attempt, FailureClass::ClientFatal.into());
            }
            Err(failure) => self.on_not_sent(now, call, attempt, failure),
        }
    }

    fn on_not_sent(&mut self, now: Instant, call: CallId, attempt: u32, failure: Failure) {
        if let Some(held) = self.in_flight.get_mut(&call) {
            held.sending = None;
        }
        let result = Sent::NotSent(failure);
        let answered = Event::SendAnswered {
            call,
            attempt,
            result,
        };
        self.calls.handle_event(now, answered);
    }

    /// Writes a request.
    fn request(
        &mut self,
        now: Instant,
        correlation: Correlation,
        attempt: u32,
        deadline: Instant,
    ) -> Result<OutgoingRecord, Failure> {
        let missing = FailureClass::ClientFatal;
        let held = self.in_flight.get_mut(&correlation.call).ok_or(missing)?;
        let reply_to = self.reply_to.as_ref().ok_or(missing)?;
        held.sending = Some(attempt);
        let call = &mut held.call;
        let is_idempotent = call.idempotency_key.is_some();
        let timestamp = SystemTime::now();
        let payload = if is_idempotent {
            call.payload.clone()
        } else {
            std::mem::take(&mut call.payload)
        };
        let written = self.spec.wire.write_request(RequestToWrite {
            correlation,
            attempt,
            topic: &call.topic,
            reply_to,
            time: deadline.saturating_duration_since(now),
            timestamp,
            idempotency_key: call.idempotency_key.as_deref(),
            method: call.method.as_deref(),
            traceparent: call.traceparent.as_deref(),
            payload,
        });
        let written = written.map_err(|error| {
            if let Some(requests) = self.unwritable_requests.count(now) {
                tracing::warn!(
                    topic = &*call.topic,
                    requests,
                    %error,
                    "the wire cannot carry requests, and their calls end as not sent"
                );
            }
            FailureClass::RecordRejected
        })?;
        Ok(OutgoingRecord {
            topic: call.topic.clone(),
            partition: None,
            key: call.key.clone(),
            payload: written.payload,
            headers: written.headers,
            timestamp,
        })
    }

    /// Asks the callee not to run a request: in the partition of the request, if it is known or follows from the key.
    fn send_cancel(&mut self, correlation: Correlation) {
        let (Some(held), Some(client)) = (self.in_flight.get(&correlation.call), &mut self.client)
        else {
            return;
        };
        let key = &held.call.key;
        let Some(Written { payload, headers }) = self.spec.wire.write_cancel(correlation) else {
            return;
        };
        if held.partition.is_none() && key.is_none() {
            return;
        }
        client.send_unanswered(OutgoingRecord {
            topic: held.call.topic.clone(),
            partition: held.partition,
            key: key.clone(),
            payload,
            headers,
            timestamp: SystemTime::now(),
        });
    }

    fn end_call(&mut self, id: CallId, outcome: Outcome) {
        let Some(held) = self.in_flight.remove(&id) else {
            return;
        };
        let arrived = self.arrived.take_if(|(call, _)| *call == id);
        let arrived = arrived.map(|(_, arrived)| arrived);
        held.call.end(result_of(outcome, arrived));
    }

    fn on_health(&mut self, health: Health) {
        let failure = match health {
            Health::Starting => return,
            Health::Working => {
                tracing::info!(
                    reply_topic = &*self.spec.replies.topic,
                    "the replies can be read"
                );
                self.registration.health.set(Source::Consumer, None);
                self.registration.succeed();
                return;
            }
            Health::RepliesFailed(failure) => failure,
        };
        let (caller, topic) = (&self.spec.replies.caller, &self.spec.replies.topic);
        tracing::warn!(reply_topic = &**topic, %failure, "the replies cannot be read: calls fail until they can");
        let reason = format!("caller {caller}: the replies in {topic} cannot be read");
        self.registration
            .health
            .set(Source::Consumer, Some((failure, reason)));
        self.registration.fail(failure);
    }
}
