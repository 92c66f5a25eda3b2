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

use super::backstage::{Backstage, PATIENCE, Recorder};
use super::bare_loop::SERVICE;
use super::step::{Poke, Step, Stimulus};
use super::trace::{Promise, Scene, State, heading};
use super::world::World;
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
pub struct Stage<'a, H: Host> {
    host: &'a H,
    world: &'a World,
    backstage: Backstage,
    registry: Registry,
    handle: Option<Handle<Backstage>>,
    changes: Option<Follower>,
    /// What was told, but not yet written.
    published: Vec<StatusChange>,
    looks: Vec<String>,
    scenes: Vec<Scene>,
}

impl<'a, H: Host> Stage<'a, H> {
    /// Nothing runs yet: the first step of every story is the start.
    ///
    /// # Panics
    ///
    /// Never: the service has a name.
    #[must_use]
    pub fn new(host: &'a H, world: &'a World) -> Self {
        let backstage = Backstage::new();
        let registry = Registry::builder().required(SERVICE);
        let registry = registry
            .build_at(backstage.now())
            .expect("the name is not empty");
        Self {
            host,
            world,
            backstage,
            registry,
            handle: None,
            changes: None,
            published: Vec::new(),
            looks: Vec::new(),
            scenes: Vec::new(),
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
            Stimulus::Poke(poke) => {
                self.set_clock(step.now);
                self.poke(*poke);
                Ok(())
            }
            Stimulus::Answer {
                operation,
                outcome,
                at,
            } => {
                self.set_clock(step.now);
                let began = self.backstage.writer().began;
                let at = (*at != step.now).then_some(began + *at);
                if self.backstage.end(operation, *outcome, at) {
                    Ok(())
                } else {
                    Err(owed(step, &format!("{operation} is not under way")))
                }
            }
            Stimulus::Timer => {
                self.set_clock(step.now);
                self.backstage.wake_sleeper();
                Ok(())
            }
            Stimulus::Blocked(pokes) => self.block(step, pokes),
            Stimulus::Tell(_) => Err(owed(step, "this is told to the core alone")),
        }
    }

    /// Waits until the step has led to all that it should, and writes it down.
    ///
    /// # Errors
    ///
    /// What the runner owed and did not do, or did and should not have done.
    pub fn settle(&mut self, step: &Step) -> Result<(), String> {
        let writer = self.backstage.writer();
        let expected = &step.scene.entries;
        let mut known = 0;
        let so = self.backstage.wait(|board| {
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
        if self.scenes.last() != Some(&step.scene) {
            return Err("it is another".to_owned());
        }
        Ok(())
    }

    /// Drops what is left of the supervision, and gives the trace.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn leave(mut self) -> Result<Vec<Scene>, String> {
        self.handle = None;
        if self
            .backstage
            .wait(|board| board.ended && board.under_way().is_empty())
        {
            Ok(self.scenes)
        } else {
            Err("the supervision does not end when its handle is dropped".to_owned())
        }
    }

    /// The trace so far.
    #[must_use]
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    fn start(&mut self) -> Result<(), String> {
        let World {
            settings, handlers, ..
        } = self.world.clone();
        let backstage = self.backstage.clone();
        let mut builder = Builder::<H::Runner, _>::new(backstage)
            .settings(settings)
            .reporter(self.reporter()?)
            .observer(Recorder(self.backstage.clone()))
            .time(Arc::new(self.backstage.clone()));
        for (index, (handler, _)) in handlers.into_iter().enumerate() {
            let backstage = self.backstage.clone();
            builder = builder.handler(handler, move || {
                let backstage = backstage.clone();
                let name = format!("registration of handler {index}");
                async move { backstage.operation(name).await }
            });
        }
        self.backstage.change(|board| {
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
        self.backstage.change(|board| board.curtain = false);
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
        let now = self.backstage.writer().began + now;
        self.backstage.board().now = now;
    }

    fn poke(&mut self, poke: Poke) {
        let observations = self.backstage.observations();
        match poke {
            Poke::Live => observations.live_at(self.backstage.now()),
            Poke::Suspicion(failure) => observations.suspicion(failure),
            Poke::Lost(client, failure) => observations.lost(client, failure),
            Poke::Shutdown => {
                if let Some(handle) = &self.handle {
                    handle.begin_shutdown();
                }
            }
            Poke::Drop => self.handle = None,
            Poke::Look => {
                let now = self.backstage.now();
                let ready = self.registry.readiness().is_ready_at(now);
                self.looks.push(self.backstage.writer().look(now, ready));
            }
        }
    }

    /// Keeps the loop in the middle of its waiting, on its own thread, until all has come.
    fn block(&mut self, step: &Step, pokes: &[(Duration, Poke)]) -> Result<(), String> {
        let runs = !self.backstage.board().ended;
        if runs {
            self.backstage
                .change(|board| (board.hold, board.held) = (true, false));
            self.backstage.wake_sleeper();
            if !self.backstage.wait(|board| board.held) {
                self.backstage.change(|board| board.hold = false);
                return Err(owed(step, "the loop does not wait by its timer"));
            }
        }
        for (at, poke) in pokes {
            self.set_clock(*at);
            self.poke(*poke);
        }
        self.set_clock(step.now);
        self.backstage.change(|board| board.hold = false);
        Ok(())
    }

    /// Whether the stream of changes ends, as it must when nobody watches any more.
    fn stream_ends(&mut self) -> bool {
        let waker = self.backstage.waker();
        loop {
            self.backstage.change(|board| board.woken = false);
            // Without the lock: whoever tells a change at this very moment has the stream wake us from within.
            if drain(
                &mut self.changes,
                self.backstage.now(),
                &waker,
                &mut self.published,
            ) {
                return true;
            }
            if !self.backstage.wait(|board| board.woken) {
                return false;
            }
        }
    }

    fn write(&mut self, step: &Step) {
        let waker = self.backstage.waker();
        drain(
            &mut self.changes,
            self.backstage.now(),
            &waker,
            &mut self.published,
        );
        let writer = self.backstage.writer();
        let readiness = self.registry.readiness();
        let service = readiness.service(SERVICE).expect("it was declared");
        let mut board = self.backstage.board();
        let state = State {
            report: service.report(),
            ready: readiness.is_ready_at(board.now),
            promise: Promise::new(
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
        self.scenes.push(Scene {
            heading: heading(step.now, &step.stimulus),
            looks: std::mem::take(&mut self.looks),
            entries,
            published: published.map(|change| writer.published(&change)).collect(),
            state: writer.state(&state),
        });
    }
}

/// What the runner owed and did not do.
fn owed(step: &Step, what: &str) -> String {
    let mut text = format!("{}: {what}; expected:", step.scene.heading);
    for line in step.scene.lines() {
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
