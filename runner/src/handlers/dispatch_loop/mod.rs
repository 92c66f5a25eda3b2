//! The loop of one handler: it owns the dispatcher and the consumer, and gives runs to the runtime.
//!
//! It has no thread and no clock of its own: [`turn`](HandlerLoop::turn) does everything that can be done at an instant.

mod actions;
mod inputs;
mod progress;
mod reports;
mod shown;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_core::dispatch::{
    CommitId, Counters, Delivery, Dispatcher, Event, Generation, Health, Pace, PartitionId,
    Position, RunId,
};

use crate::handlers::consumer::{Consumer, Input, Polled};
use crate::handlers::control::RunControl;
use crate::handlers::environment::Environment;
use crate::handlers::mailbox::{LoopMessage, Mailbox};
use crate::handlers::numbers::{Numbered, PartitionNumbers};
use crate::handlers::request_handler::Spec;
use crate::handlers::store::{Slice, Store};
use crate::loops::{Kind, Loop, NewLoop, Registration, Reopening, Turn, Wake};
use crate::observer::{DispatchObserver, ObservedDispatcher};
use shown::Shown;

/// Makes a consumer of the handler.
pub(crate) type Open = Box<dyn Fn() -> Result<Box<dyn Consumer>, Failure> + Send>;

/// The loop of one handler.
pub(crate) struct HandlerLoop {
    spec: Spec,
    open: Open,
    environment: Environment,
    mailbox: Arc<Mailbox>,
    registration: Arc<Registration>,
    numbers: PartitionNumbers,
    dispatcher: ObservedDispatcher,
    consumer: Option<Box<dyn Consumer>>,
    /// When to make a consumer; `None` while there is one, or none is wanted.
    open_at: Option<Instant>,
    reopening: Reopening,
    /// The pace of the dispatcher, for the next consumer.
    pace: Pace,
    store: Store,
    runs: HashMap<RunId, RunInFlight>,
    names: HashMap<PartitionId, Numbered>,
    /// When the shutdown must have ended.
    stop_deadline: Option<Instant>,
    shown: Shown,
    /// The newest commit, if an intake looks at its positions.
    committing: Option<(CommitId, Vec<Position>)>,
    // Used again in each turn.
    messages: Vec<LoopMessage>,
    inputs: Vec<Input>,
    records: Vec<livebus_core::dispatch::Record>,
}

/// A run that has not ended.
struct RunInFlight {
    partition: PartitionId,
    generation: Generation,
    attempt: u32,
    /// Its records; only one once it is pending.
    slices: Vec<Slice>,
    control: Arc<RunControl>,
}

impl HandlerLoop {
    pub(crate) fn new(
        spec: Spec,
        open: Open,
        environment: Environment,
        mailbox: Arc<Mailbox>,
        registration: Arc<Registration>,
        numbers: PartitionNumbers,
        observers: Vec<Box<dyn DispatchObserver>>,
    ) -> Self {
        let began = environment.began;
        let dispatcher = Dispatcher::new(spec.config.clone(), began);
        Self {
            dispatcher: ObservedDispatcher::new(dispatcher, began, observers),
            spec,
            open,
            environment,
            mailbox,
            registration,
            numbers,
            consumer: None,
            open_at: None,
            reopening: Reopening::default(),
            pace: Pace::Full,
            store: Store::default(),
            runs: HashMap::new(),
            names: HashMap::new(),
            stop_deadline: None,
            shown: Shown::default(),
            committing: None,
            messages: Vec::new(),
            inputs: Vec::new(),
            records: Vec::new(),
        }
    }
}

// How it is started.
impl HandlerLoop {
    /// Returns the loop of a handler, which waits until it is registered for the first time.
    pub(crate) fn prepare(
        service: &str,
        spec: Spec,
        open: impl FnOnce(PartitionNumbers, Wake) -> Open,
        environment: Environment,
        observers: Vec<Box<dyn DispatchObserver>>,
    ) -> NewLoop<Self> {
        let thread = Arc::default();
        let mailbox = Arc::new(Mailbox::new(Wake::of_thread(&thread)));
        let registration = Arc::<Registration>::default();
        registration.count(Counters::default());
        let handler = spec.subscription.handler.clone();
        let log_fields = tracing::error_span!("request_handler", handler, service);
        if let Some(intake) = &spec.intake {
            intake.log_in(&log_fields);
            let intake = Arc::clone(intake);
            registration
                .callee
                .show(Arc::new(move || intake.progress()));
        }
        let numbers = PartitionNumbers::default();
        let (clock, began) = (environment.clock.clone(), environment.began);
        let this = Self::new(
            spec,
            open(numbers.clone(), mailbox.wake().clone()),
            environment,
            Arc::clone(&mailbox),
            Arc::clone(&registration),
            numbers,
            observers,
        );
        NewLoop {
            this,
            kind: Kind::Handler,
            name: handler,
            commands: mailbox,
            registration,
            thread,
            clock,
            began,
            log_fields,
        }
    }
}

// Queries.
impl HandlerLoop {
    pub(crate) const fn health(&self) -> Health {
        self.dispatcher.dispatcher().health()
    }

    pub(crate) const fn counters(&self) -> Counters {
        *self.dispatcher.dispatcher().counters()
    }
}

impl Loop for HandlerLoop {
    fn begin(&mut self) {
        self.log_bounds();
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
        if self.open_at.is_some_and(|at| at <= now) {
            self.open(now);
        }
        let polled = self.poll_consumer(now);
        self.dispatcher.handle_timeout(now);
        while let Some(action) = self.dispatcher.poll_action() {
            self.execute(now, action);
        }
        if self.dispatcher.dispatcher().is_stopped() {
            self.close(now, self.stop_deadline.unwrap_or(now));
            return Turn::Ended;
        }
        let send_at = self.registration.health.send_at(now);
        match polled {
            Polled::More => Turn::Again,
            Polled::Idle(at) => {
                let instants = [at, self.open_at, send_at, self.dispatcher.poll_timeout()];
                Turn::Wait(instants.into_iter().flatten().min())
            }
        }
    }

    fn show_progress(&mut self, now: Instant) -> Option<Instant> {
        self.show(now)
    }

    fn stop_deadline(&self) -> Option<Instant> {
        self.stop_deadline
    }

    fn end(&mut self) {
        self.end_progress();
    }
}

// Parts of a turn.
impl HandlerLoop {
    fn poll_consumer(&mut self, now: Instant) -> Polled {
        let Some(consumer) = &mut self.consumer else {
            return Polled::Idle(None);
        };
        let mut inputs = std::mem::take(&mut self.inputs);
        let polled = consumer.poll(self.dispatcher.dispatcher().room(), now, &mut inputs);
        for input in inputs.drain(..) {
            self.on_input(now, input);
        }
        self.inputs = inputs;
        polled
    }

    /// Makes a consumer.
    fn open(&mut self, now: Instant) {
        self.open_at = None;
        match (self.open)() {
            Ok(mut consumer) => {
                consumer.set_pace(self.pace);
                self.consumer = Some(consumer);
                self.reopening.opened(now);
            }
            Err(failure) => {
                tracing::warn!(%failure, "making the consumer failed");
                self.on_failed(failure);
                self.reopen_later(now);
            }
        }
    }

    fn reopen_later(&mut self, now: Instant) {
        self.open_at = Some(self.reopening.lost(now));
    }

    /// Lets the consumer go, in the background. What it had assigned is gone.
    fn lose_consumer(&mut self, now: Instant) {
        if let Some(consumer) = self.consumer.take() {
            consumer.close(now);
        }
        self.dispatcher.handle_event(now, Event::ClientLost);
        if let Some(intake) = &self.spec.intake {
            for (partition, generation) in self.store.assignments() {
                intake.ended(partition, generation);
            }
        }
        let resume = self.store.clear();
        if self.spec.config.settings().delivery == Delivery::Broadcast {
            self.numbers.resume_at(resume);
        }
        self.registration.reset();
    }

    fn close(&mut self, now: Instant, deadline: Instant) {
        for run in self.runs.values() {
            run.control.cancel();
        }
        if let Some(consumer) = self.consumer.take() {
            consumer.close(deadline.max(now));
        }
        if let Some(intake) = &self.spec.intake {
            intake.close(deadline);
        }
        tracing::debug!("the handler has stopped");
    }
}

fn length_of(slices: &[Slice]) -> usize {
    slices.iter().map(|slice| slice.length).sum()
}

/// Returns the record with this index among those of the slices.
fn one_of(slices: &[Slice], mut index: usize) -> Vec<Slice> {
    for slice in slices {
        if index < slice.length {
            return vec![Slice {
                batch: Arc::clone(&slice.batch),
                first: slice.first + index,
                length: 1,
            }];
        }
        index -= slice.length;
    }
    Vec::new()
}

fn offset_of(slices: &[Slice], index: usize) -> Option<i64> {
    let one = one_of(slices, index);
    one.first()
        .map(|slice| slice.batch.entry(slice.first).offset)
}

#[cfg(test)]
mod tests;
