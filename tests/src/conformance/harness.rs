//! The stage: a real runner in a scripted world, step by step, in virtual time.

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
use super::fake_environment::{FakeEnvironment, PATIENCE, Recorder};
use super::plain_loop::SERVICE;
use super::step::{Step, Stimulus, Trigger};
use super::trace::{HeartbeatDeadline, State, StepTrace, heading};
use crate::threads::Threads;

/// Where supervisions of one runner are started: inside its runtime, whatever that is.
pub trait Host: Send + Sync + 'static {
    /// What runs them.
    type Runner: Runner;

    /// Has `task` run to its end in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

impl Host for Threads {
    type Runner = Self;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        thread::spawn(|| pollster::block_on(task));
    }
}

/// One world on one runner.
pub struct Harness<'a, H: Host> {
    host: &'a H,
    environment: &'a Environment,
    fake: FakeEnvironment,
    registry: Registry,
    handle: Option<Handle<FakeEnvironment>>,
    changes: Option<Follower>,
    /// What was told, but not yet written.
    published: Vec<StatusChange>,
    readiness_reads: Vec<String>,
    traces: Vec<StepTrace>,
}

impl<'a, H: Host> Harness<'a, H> {
    /// Nothing runs yet: the first step of every story is the start.
    ///
    /// # Panics
    ///
    /// Never: the service has a name.
    #[must_use]
    pub fn new(host: &'a H, environment: &'a Environment) -> Self {
        let fake = FakeEnvironment::new();
        let registry = Registry::builder().required(SERVICE);
        let registry = registry
            .build_at(fake.now())
            .expect("the name is not empty");
        Self {
            host,
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

    /// Does what comes in this step, and does not wait for what it leads to.
    ///
    /// # Errors
    ///
    /// What the runner owed and did not do.
    pub fn play(&mut self, step: &Step) -> Result<(), String> {
        match &step.stimulus {
            Stimulus::Start => {
                self.set_clock(step.now);
                self.start()
            }
            Stimulus::Trigger(trigger) => {
                self.set_clock(step.now);
                self.trigger(*trigger);
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
                    Err(owed(step, &format!("{operation} is not under way")))
                }
            }
            Stimulus::Timer => {
                self.set_clock(step.now);
                self.fake.wake_sleeper();
                Ok(())
            }
            Stimulus::Blocked(triggers) => self.block(step, triggers),
            Stimulus::DirectInput(_) => Err(owed(step, "this is told to the core alone")),
        }
    }

    /// Waits until the step has led to all that it should, and writes it down.
    ///
    /// # Errors
    ///
    /// What the runner owed and did not do, or did and should not have done.
    pub fn settle(&mut self, step: &Step) -> Result<(), String> {
        let writer = self.fake.writer();
        let expected = &step.trace.entries;
        let mut known = 0;
        let so = self.fake.wait(|board| {
            let new = board.entries.iter().zip(expected).skip(known);
            let same = new.take_while(|((at, it), line)| writer.entry(*at, it) == **line);
            known += same.count();
            let under_way = board.under_way();
            // What is wrong already will not be mended by waiting.
            known < board.entries.len()
                || known == expected.len()
                    && board.ended == step.ended
                    && board.parked != step.ended
                    && under_way == step.under_way
        });
        let so = so && (!step.ended || self.stream_ends());
        self.write(step);
        if !so {
            return Err(owed(step, "patience ended"));
        }
        if self.traces.last() != Some(&step.trace) {
            return Err("it is another".to_owned());
        }
        Ok(())
    }

    /// Drops what is left of the supervision, and gives the trace.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn leave(mut self) -> Result<Vec<StepTrace>, String> {
        self.handle = None;
        if self
            .fake
            .wait(|board| board.ended && board.under_way().is_empty())
        {
            Ok(self.traces)
        } else {
            Err("the supervision does not end when its handle is dropped".to_owned())
        }
    }

    /// The trace so far.
    #[must_use]
    pub fn traces(&self) -> &[StepTrace] {
        &self.traces
    }

    fn start(&mut self) -> Result<(), String> {
        let Environment {
            settings, handlers, ..
        } = self.environment.clone();
        let fake = self.fake.clone();
        let mut builder = Builder::<H::Runner, _>::new(fake)
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
        self.fake.change(|board| {
            (board.curtain, board.ended, board.parked) = (true, false, false);
        });
        let (give, given) = channel();
        let start = async move {
            // Who asked has lost patience otherwise.
            let _ = give.send(builder.start().await);
        };
        self.host.spawn(start.boxed());
        let handle = given
            .recv_timeout(PATIENCE)
            .map_err(|_| "the host does not run what it was to spawn".to_owned())?
            .map_err(|error| error.to_string())?;
        let service = handle.readiness().service(SERVICE);
        let service = service.map_err(|error| error.to_string())?;
        self.changes = Some(service.follow_from_start());
        self.handle = Some(handle);
        self.fake.change(|board| board.curtain = false);
        Ok(())
    }

    /// The reporter of the service. That of an earlier supervision goes with the end of its loop, which may be under way.
    fn reporter(&self) -> Result<Reporter, String> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.registry.reporter(SERVICE) {
                Err(ReporterError::Taken(_)) if Instant::now() < patience => thread::yield_now(),
                reporter => return reporter.map_err(|error| error.to_string()),
            }
        }
    }

    fn set_clock(&self, now: Duration) {
        let now = self.fake.writer().began + now;
        self.fake.board().now = now;
    }

    fn trigger(&mut self, trigger: Trigger) {
        let observations = self.fake.observations();
        match trigger {
            Trigger::Live => observations.live_at(self.fake.now()),
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
                    .push(self.fake.writer().look(now, ready));
            }
        }
    }

    /// Keeps the loop in the middle of its waiting, on its own thread, until all has come.
    fn block(&mut self, step: &Step, triggers: &[(Duration, Trigger)]) -> Result<(), String> {
        let runs = !self.fake.board().ended;
        if runs {
            self.fake
                .change(|board| (board.hold, board.held) = (true, false));
            self.fake.wake_sleeper();
            if !self.fake.wait(|board| board.held) {
                self.fake.change(|board| board.hold = false);
                return Err(owed(step, "the loop does not wait by its timer"));
            }
        }
        for (at, trigger) in triggers {
            self.set_clock(*at);
            self.trigger(*trigger);
        }
        self.set_clock(step.now);
        self.fake.change(|board| board.hold = false);
        Ok(())
    }

    /// Whether the stream of changes ends, as it must when nobody watches any more.
    fn stream_ends(&mut self) -> bool {
        let waker = self.fake.waker();
        loop {
            self.fake.change(|board| board.woken = false);
            // Without the lock: whoever tells a change at this very instant has the stream wake us from within.
            if drain(
                &mut self.changes,
                self.fake.now(),
                &waker,
                &mut self.published,
            ) {
                return true;
            }
            if !self.fake.wait(|board| board.woken) {
                return false;
            }
        }
    }

    fn write(&mut self, step: &Step) {
        let waker = self.fake.waker();
        drain(
            &mut self.changes,
            self.fake.now(),
            &waker,
            &mut self.published,
        );
        let writer = self.fake.writer();
        let readiness = self.registry.readiness();
        let service = readiness.service(SERVICE).expect("it was declared");
        let mut board = self.fake.board();
        let state = State {
            report: service.report(),
            ready: readiness.is_ready_at(board.now),
            heartbeat: HeartbeatDeadline::new(
                self.handle.is_some(),
                self.handle.as_ref().and_then(Handle::next_deadline),
            ),
            under_way: board.under_way(),
            discarded: board.discarded.clone(),
            ended: board.ended,
        };
        let entries = board.entries.drain(..);
        let entries: Vec<String> = entries
            .map(|(at, entry)| writer.entry(at, &entry))
            .collect();
        drop(board);
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

/// What the runner owed and did not do.
fn owed(step: &Step, what: &str) -> String {
    let mut text = format!("{}: {what}; expected:", step.trace.heading);
    for line in step.trace.lines() {
        let _infallible = write!(text, "\n  {line}");
    }
    text
}

/// Takes what subscribers were told; whether the stream has ended.
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
