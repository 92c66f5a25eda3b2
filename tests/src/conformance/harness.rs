//! The harness: plays a scripted environment to a real runner, step by step, in virtual time.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context, Poll as Polled};
use std::thread;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use livebus_readiness::{Follower, Registry, Reporter, ReporterError, StatusChange};
use livebus_runner::{Builder, Bus as _, Handle, Runner, Time as _};

use super::environment::Environment;
use super::fake_environment::{FakeEnvironment, Recorder, WAIT_LIMIT};
use super::plain_loop::SERVICE;
use super::step::{Step, Stimulus, Trigger, heading};
use super::trace::{HeartbeatDeadline, State, StepTrace};
use crate::threads::Threads;

/// Starts supervisions of one runner inside its runtime.
pub trait Executor: Send + Sync + 'static {
    /// The runner.
    type Runner: Runner;

    /// Runs `task` to its end in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

impl Executor for Threads {
    type Runner = Self;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        thread::spawn(|| pollster::block_on(task));
    }
}

/// Plays one environment to one supervision of a runner.
pub struct Harness<'a, E: Executor> {
    executor: &'a E,
    environment: &'a Environment,
    fake: FakeEnvironment,
    registry: Registry,
    handle: Option<Handle<FakeEnvironment>>,
    changes: Option<Follower>,
    /// The changes that subscribers received and that are not in a trace yet.
    published: Vec<StatusChange>,
    readiness_reads: Vec<String>,
    traces: Vec<StepTrace>,
}

impl<'a, E: Executor> Harness<'a, E> {
    /// Creates a harness in which nothing runs yet: the first step of every scenario is the start.
    ///
    /// # Panics
    ///
    /// Never: the name of the service is valid.
    #[must_use]
    pub fn new(executor: &'a E, environment: &'a Environment) -> Self {
        let fake = FakeEnvironment::new();
        let registry = Registry::builder().required(SERVICE);
        let registry = registry
            .build_at(fake.now())
            .expect("the name is not empty");
        Self {
            executor,
            environment,
            fake,
            registry,
            handle: None,
            changes: None,
            published: Vec::new(),
            readiness_reads: Vec::new(),
            traces: Vec::new(),
        }
    }

    /// Delivers the stimulus of this step, without waiting for what it leads to.
    ///
    /// # Errors
    ///
    /// Returns what the runner failed to do.
    pub fn deliver(&mut self, step: &Step) -> Result<(), String> {
        match &step.stimulus {
            Stimulus::Start => {
                self.set_clock(step.now);
                self.start()
            }
            Stimulus::Trigger(trigger) => {
                self.set_clock(step.now);
                self.apply(*trigger);
                Ok(())
            }
            Stimulus::Answer {
                operation,
                outcome,
                at,
            } => {
                self.set_clock(step.now);
                let began = self.fake.writer().began;
                let at = (*at != step.now).then_some(began + *at);
                if self.fake.end(operation, *outcome, at) {
                    Ok(())
                } else {
                    Err(failed(step, &format!("{operation} is not in flight")))
                }
            }
            Stimulus::Timer => {
                self.set_clock(step.now);
                self.fake.wake_loop();
                Ok(())
            }
            Stimulus::Blocked(triggers) => self.block(step, triggers),
            Stimulus::DirectInput(_) => Err(failed(step, "this input is for the core only")),
        }
    }

    /// Waits until the runner has done everything that the step leads to, and records the trace.
    ///
    /// # Errors
    ///
    /// Returns what the runner failed to do, or did without reason.
    pub fn await_step(&mut self, step: &Step) -> Result<(), String> {
        let writer = self.fake.writer();
        let expected = &step.trace.entries;
        let mut known = 0;
        let done = self.fake.wait(|inner| {
            let new = inner.entries.iter().zip(expected).skip(known);
            let same = new.take_while(|((at, it), line)| writer.entry(*at, it) == **line);
            known += same.count();
            let in_flight = inner.in_flight();
            // More waiting cannot correct an entry that is wrong.
            known < inner.entries.len()
                || known == expected.len()
                    && inner.ended == step.ended
                    && inner.parked != step.ended
                    && in_flight == step.in_flight
        });
        let done = done && (!step.ended || self.stream_ends());
        self.record(step);
        if !done {
            return Err(failed(step, "the wait limit passed"));
        }
        if self.traces.last() != Some(&step.trace) {
            return Err("the step differs".to_owned());
        }
        Ok(())
    }

    /// Drops the handle, waits until the supervision has ended, and returns the trace.
    ///
    /// # Errors
    ///
    /// When the supervision does not end.
    pub fn finish(mut self) -> Result<Vec<StepTrace>, String> {
        self.handle = None;
        if self
            .fake
            .wait(|inner| inner.ended && inner.in_flight().is_empty())
        {
            Ok(self.traces)
        } else {
            Err("the supervision does not end when its handle is dropped".to_owned())
        }
    }

    /// Returns the trace so far.
    #[must_use]
    pub fn traces(&self) -> &[StepTrace] {
        &self.traces
    }

    fn start(&mut self) -> Result<(), String> {
        let Environment {
            settings, handlers, ..
        } = self.environment.clone();
        let fake = self.fake.clone();
        let mut builder = Builder::<E::Runner, _>::new(fake)
            .settings(settings)
            .reporter(self.reporter()?)
            .observer(Recorder(self.fake.clone()))
            .time(Arc::new(self.fake.clone()));
        for (index, (handler, _)) in handlers.into_iter().enumerate() {
            let fake = self.fake.clone();
            builder = builder.handler(handler, move || {
                let fake = fake.clone();
                let name = format!("registration of handler {index}");
                async move { fake.operation(name).await }
            });
        }
        self.fake.change(|inner| {
            (inner.observer_gate_closed, inner.ended, inner.parked) = (true, false, false);
        });
        let (sender, receiver) = channel();
        let start = async move {
            // Fails only if the receiver has stopped waiting.
            let _ = sender.send(builder.start().await);
        };
        self.executor.spawn(start.boxed());
        let handle = receiver
            .recv_timeout(WAIT_LIMIT)
            .map_err(|_| "the executor does not run the task that it was to spawn".to_owned())?
            .map_err(|error| error.to_string())?;
        let service = handle.readiness().service(SERVICE);
        let service = service.map_err(|error| error.to_string())?;
        self.changes = Some(service.follow_from_start());
        self.handle = Some(handle);
        self.fake.change(|inner| inner.observer_gate_closed = false);
        Ok(())
    }

    /// Returns the reporter of the service. Retries while an earlier supervision, whose loop is ending, still has it.
    fn reporter(&self) -> Result<Reporter, String> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            match self.registry.reporter(SERVICE) {
                Err(ReporterError::Taken(_)) if Instant::now() < deadline => thread::yield_now(),
                reporter => return reporter.map_err(|error| error.to_string()),
            }
        }
    }

    fn set_clock(&self, now: Duration) {
        let now = self.fake.writer().began + now;
        self.fake.lock().now = now;
    }

    fn apply(&mut self, trigger: Trigger) {
        let observations = self.fake.observations();
        match trigger {
            Trigger::Live => observations.evidence_at(self.fake.now()),
            Trigger::Suspicion(failure) => observations.suspicion(failure),
            Trigger::Lost(client, failure) => observations.lost(client, failure),
            Trigger::Shutdown => {
                if let Some(handle) = &self.handle {
                    handle.begin_shutdown();
                }
            }
            Trigger::Drop => self.handle = None,
            Trigger::ReadReadiness => {
                let now = self.fake.now();
                let ready = self.registry.readiness().is_ready_at(now);
                self.readiness_reads
                    .push(self.fake.writer().readiness_read(now, ready));
            }
        }
    }

    /// Blocks the loop on its own thread, while it waits, until all triggers have been applied.
    fn block(&mut self, step: &Step, triggers: &[(Duration, Trigger)]) -> Result<(), String> {
        let runs = !self.fake.lock().ended;
        if runs {
            self.fake
                .change(|inner| (inner.timer_gate_closed, inner.timer_at_gate) = (true, false));
            self.fake.wake_loop();
            if !self.fake.wait(|inner| inner.timer_at_gate) {
                self.fake.change(|inner| inner.timer_gate_closed = false);
                return Err(failed(step, "the loop does not wait for its timer"));
            }
        }
        for (at, trigger) in triggers {
            self.set_clock(*at);
            self.apply(*trigger);
        }
        self.set_clock(step.now);
        self.fake.change(|inner| inner.timer_gate_closed = false);
        Ok(())
    }

    /// Returns whether the stream of changes ends, as it must once the supervision has ended.
    fn stream_ends(&mut self) -> bool {
        let waker = self.fake.waker();
        loop {
            self.fake.change(|inner| inner.woken = false);
            // Without the lock: if a change is published during the poll, the stream calls the waker, which takes the lock.
            if drain(
                &mut self.changes,
                self.fake.now(),
                &waker,
                &mut self.published,
            ) {
                return true;
            }
            if !self.fake.wait(|inner| inner.woken) {
                return false;
            }
        }
    }

    fn record(&mut self, step: &Step) {
        let waker = self.fake.waker();
        drain(
            &mut self.changes,
            self.fake.now(),
            &waker,
            &mut self.published,
        );
        let writer = self.fake.writer();
        let readiness = self.registry.readiness();
        let service = readiness.service(SERVICE).expect("the service is declared");
        let mut inner = self.fake.lock();
        let state = State {
            report: service.report(),
            ready: readiness.is_ready_at(inner.now),
            heartbeat: HeartbeatDeadline::new(
                self.handle.is_some(),
                self.handle.as_ref().and_then(Handle::next_deadline),
            ),
            in_flight: inner.in_flight(),
            discarded: inner.discarded.clone(),
            ended: inner.ended,
        };
        let entries = inner.entries.drain(..);
        let entries: Vec<String> = entries
            .map(|(at, entry)| writer.entry(at, &entry))
            .collect();
        drop(inner);
        let published = self.published.drain(..);
        self.traces.push(StepTrace {
            heading: heading(step.now, &step.stimulus),
            readiness_reads: std::mem::take(&mut self.readiness_reads),
            entries,
            published: published.map(|change| writer.published(&change)).collect(),
            state: writer.state(&state),
        });
    }
}

/// Returns a message that says what is wrong and what the step expects.
fn failed(step: &Step, what: &str) -> String {
    let mut text = format!("{}: {what}; expected:", step.trace.heading);
    for line in step.trace.lines() {
        let _infallible = write!(text, "\n  {line}");
    }
    text
}

/// Takes the changes that subscribers received; returns whether the stream has ended.
fn drain(
    changes: &mut Option<Follower>,
    now: Instant,
    waker: &std::task::Waker,
    published: &mut Vec<StatusChange>,
) -> bool {
    let mut context = Context::from_waker(waker);
    while let Some(stream) = changes {
        match stream.poll_change(now, &mut context) {
            Polled::Ready(Some(change)) => published.push(change),
            Polled::Ready(None) => *changes = None,
            Polled::Pending => return false,
        }
    }
    true
}
