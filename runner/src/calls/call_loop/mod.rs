//! The loop of a caller: drives [`Calls`], the clients that carry its requests and replies, and the futures of its callers.
//!
//! It has no thread and no clock of its own: a turn does everything that can be done at an instant.

mod actions;
mod inputs;

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use livebus_core::calls::{CallId, Calls, Event, NotSent, Sent};
use livebus_core::{Failure, FailureClass};
use livebus_readiness::CallerProgress;

use crate::calls::caller::{Caller, CallerSpec};
use crate::calls::client::{CallClient, CallInput};
use crate::calls::error::CallError;
use crate::calls::mailbox::{CallMailbox, CallMessage, NewCall};
use crate::calls::outcome::Arrived;
use crate::calls::shown::ended;
use crate::calls::wire::ReplyAddress;
use crate::handlers::{Polled, Wake};
use crate::log_limit::LogLimit;
use crate::loops::{Clock, Kind, Loop, NewLoop, Registration, Reopening, SHOW_INTERVAL, Turn};
use crate::observer::{CallsObserver, ObservedCalls};

/// Makes the clients of the caller.
pub(crate) type OpenClient = Box<dyn Fn(Wake) -> Result<Box<dyn CallClient>, Failure> + Send>;

/// The loop of one caller.
pub(crate) struct CallLoop {
    spec: Arc<CallerSpec>,
    open: OpenClient,
    mailbox: Arc<CallMailbox>,
    registration: Arc<Registration>,
    calls: ObservedCalls,
    client: Option<Box<dyn CallClient>>,
    /// Whether clients are wanted.
    is_wanted: bool,
    /// Why there are no clients, and when they may be made again.
    lost: Option<(Failure, Instant)>,
    reopening: Reopening,
    /// Where replies are to arrive, while the reply partitions are assigned.
    reply_to: Option<ReplyAddress>,
    in_flight: HashMap<CallId, InFlight>,
    /// The reply that was delivered last.
    arrived: Option<(CallId, Arrived)>,
    /// Records of the reply topic that are no replies.
    unreadable: u64,
    /// When the shutdown must have ended.
    stop_deadline: Option<Instant>,
    /// When the next update of what is shown is allowed.
    show_at: Option<Instant>,
    unreadable_replies: LogLimit,
    unwritable_requests: LogLimit,
    // Used again in each turn.
    messages: Vec<CallMessage>,
    inputs: Vec<CallInput>,
}

/// What is held for a call in flight.
struct InFlight {
    call: NewCall,
    since: Instant,
    /// The attempt whose send is not answered.
    sending: Option<u32>,
    /// Where its request is, if that is known.
    partition: Option<i32>,
}

impl CallLoop {
    /// Returns the loop of a caller, which waits until it is registered for the first time.
    pub(crate) fn prepare(
        service: &str,
        caller: &Caller,
        open: OpenClient,
        clock: Clock,
        began: Instant,
        observers: Vec<Box<dyn CallsObserver>>,
    ) -> NewLoop<Self> {
        let (spec, mailbox) = (Arc::clone(caller.spec()), Arc::clone(caller.mailbox()));
        let registration = Arc::<Registration>::default();
        let shown = Arc::clone(mailbox.shown());
        registration.calls.show(Arc::new(move || shown.progress()));
        let name = caller.name().to_owned();
        let log_fields = tracing::error_span!("caller", caller = name, service);
        let calls = Calls::new(spec.config.clone(), spec.identity, began);
        let this = Self {
            spec,
            open,
            mailbox: Arc::clone(&mailbox),
            registration: Arc::clone(&registration),
            calls: ObservedCalls::new(calls, began, observers),
            client: None,
            is_wanted: false,
            lost: None,
            reopening: Reopening::default(),
            reply_to: None,
            in_flight: HashMap::new(),
            arrived: None,
            unreadable: 0,
            stop_deadline: None,
            show_at: None,
            unreadable_replies: LogLimit::default(),
            unwritable_requests: LogLimit::default(),
            messages: Vec::new(),
            inputs: Vec::new(),
        };
        NewLoop {
            this,
            kind: Kind::Caller,
            name,
            thread: Arc::clone(mailbox.thread()),
            commands: mailbox,
            registration,
            clock,
            began,
            log_fields,
        }
    }
}

impl Loop for CallLoop {
    fn begin(&mut self) {
        let settings = self.spec.config.settings();
        tracing::info!(
            reply_topic = &*self.spec.replies.topic,
            calls_max = settings.limits.calls,
            bytes_max = settings.limits.bytes,
            shutdown_bound_ms = self.spec.config.shutdown_bound().as_millis(),
            "calling"
        );
    }

    fn turn(&mut self, now: Instant) -> Turn {
        let mut messages = std::mem::take(&mut self.messages);
        self.mailbox.take(&mut messages);
        let mut is_closed = false;
        for message in messages.drain(..) {
            is_closed |= self.on_message(now, message);
        }
        self.messages = messages;
        if is_closed {
            self.close(now, now);
            return Turn::Ended;
        }
        let polled = self.poll_client(now);
        self.calls.handle_timeout(now);
        self.execute_all(now);
        if self.calls.calls().is_stopped() {
            self.close(now, self.stop_deadline.unwrap_or(now));
            return Turn::Ended;
        }
        let send_at = self.registration.health.send_at(now);
        match polled {
            Polled::More => Turn::Again,
            Polled::Idle(at) => {
                let instants = [at, send_at, self.calls.poll_timeout()];
                Turn::Wait(instants.into_iter().flatten().min())
            }
        }
    }

    fn show_progress(&mut self, now: Instant) -> Option<Instant> {
        if let Some(next) = self.show_at.filter(|next| now < *next) {
            return Some(next);
        }
        self.show_at = Some(now + SHOW_INTERVAL);
        self.mailbox.shown().show(self.progress());
        None
    }

    fn stop_deadline(&self) -> Option<Instant> {
        self.stop_deadline
    }

    fn end(&mut self) {
        self.registration.reset();
    }
}

// What is shown.
impl CallLoop {
    fn progress(&self) -> CallerProgress {
        let calls = self.calls.calls();
        let oldest = calls.oldest_in_flight();
        let oldest = oldest.and_then(|id| self.in_flight.get(&id));
        let mut progress = CallerProgress::default();
        progress.calls_in_flight = calls.in_flight();
        progress.bytes_in_flight = calls.bytes_in_flight();
        progress.oldest_call = oldest.map(|held| held.since);
        progress.unreadable_replies = self.unreadable;
        progress.counters = *calls.counters();
        progress
    }

    /// Shows that it has ended: no call is in flight any more.
    fn show_end(&self) {
        let mut progress = CallerProgress::default();
        progress.unreadable_replies = self.unreadable;
        // After a panic its callers learn nothing; those that a forced stop has cut off learn that.
        progress.counters = if thread::panicking() {
            ended(self.calls.calls(), |it| &mut it.sent_unknown)
        } else {
            ended(self.calls.calls(), |it| &mut it.shutting_down)
        };
        self.mailbox.shown().show(progress);
    }
}

// Parts of a turn.
impl CallLoop {
    fn poll_client(&mut self, now: Instant) -> Polled {
        let Some(client) = &mut self.client else {
            return Polled::Idle(None);
        };
        let mut inputs = std::mem::take(&mut self.inputs);
        let polled = client.poll(now, &mut inputs);
        for input in inputs.drain(..) {
            self.on_input(now, input);
        }
        self.inputs = inputs;
        polled
    }

    /// Returns the clients, which are made if they are wanted and may be.
    fn client(&mut self, now: Instant) -> Result<&mut dyn CallClient, Failure> {
        if self.client.is_none() {
            let client = self.make_client(now)?;
            self.reopening.opened(now);
            self.client = Some(client);
        }
        match &mut self.client {
            Some(client) => Ok(&mut **client),
            None => Err(FailureClass::ClientFatal.into()),
        }
    }

    fn make_client(&mut self, now: Instant) -> Result<Box<dyn CallClient>, Failure> {
        if !self.is_wanted {
            return Err(FailureClass::ClientFatal.into());
        }
        if let Some((failure, until)) = self.lost
            && now < until
        {
            return Err(failure);
        }
        let made = (self.open)(self.mailbox.wake().clone());
        if let Err(failure) = made {
            tracing::warn!(%failure, "making the clients of the caller failed: it is tried again");
            self.wait_after(now, failure);
        }
        made
    }

    /// Makes no clients for a while after some were lost, or could not be made.
    fn wait_after(&mut self, now: Instant, failure: Failure) {
        self.lost = Some((failure, self.reopening.lost(now)));
    }

    /// Lets the clients go, in the background. Requests that they have may have left.
    fn lose_client(&mut self, now: Instant, failure: Failure) {
        let Some(client) = self.client.take() else {
            return;
        };
        client.close(now);
        self.reply_to = None;
        let sending: Vec<_> = self
            .in_flight
            .iter_mut()
            .filter_map(|(call, held)| Some((*call, held.sending.take()?)))
            .collect();
        for (call, attempt) in sending {
            let result = Sent::Unknown(failure);
            let answered = Event::SendAnswered {
                call,
                attempt,
                result,
            };
            self.calls.handle_event(now, answered);
        }
        self.calls.handle_event(now, Event::RepliesLost(failure));
        self.execute_all(now);
    }

    fn close(&mut self, now: Instant, deadline: Instant) {
        self.refuse_left(NotSent::ShuttingDown);
        for (_, held) in self.in_flight.drain() {
            held.call.end(Err(CallError::ShuttingDown));
        }
        if let Some(client) = self.client.take() {
            client.close(deadline.max(now));
        }
        tracing::debug!("the caller has stopped");
    }

    /// Refuses the calls that it has not received, and those that come.
    fn refuse_left(&self, reason: NotSent) {
        for message in self.mailbox.end() {
            match message {
                CallMessage::Called(_, call) => {
                    self.mailbox.shown().count_refused(1);
                    call.end(Err(CallError::NotSent(reason)));
                }
                CallMessage::Cancelled(_) | CallMessage::Command(_) => {}
            }
        }
    }
}

impl Drop for CallLoop {
    /// After a panic, or without a thread, no call must wait.
    fn drop(&mut self) {
        self.refuse_left(NotSent::Send(FailureClass::ClientFatal.into()));
        self.show_end();
    }
}

#[cfg(test)]
mod tests;
