//! A fake runtime: a manual clock, an executor, and a listener, which a test controls.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt as _;
use hyper::rt::{Executor, Sleep, Timer};
use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Listener, Server, Task};
use livebus_readiness::Registry;

use crate::pipe::{Client, ServerEnd, pipe};

/// A server in its environment.
pub(crate) struct Environment {
    pub(crate) server: Option<Server>,
    clock: Clock,
    backlog: Arc<Backlog>,
    spawned: Spawned,
    pool: LocalPool,
    spawner: LocalSpawner,
}

impl Environment {
    /// Makes a server of probes.
    pub(crate) fn new(limits: Limits) -> Self {
        Self::start(|listener, clock, spawned| {
            let registry = Registry::builder().optional("bus").build_at(clock.now());
            let probes = Probes::new(registry.expect("one name").readiness());
            Server::start(listener, clock, spawned, probes, limits)
        })
    }

    /// Makes a server of calls that are never answered, over HTTP/2.
    #[cfg(feature = "http2")]
    pub(crate) fn of_http2(limits: Limits) -> Self {
        Self::start(|listener, clock, spawned| {
            let service = crate::http2::NeverAnswers;
            Server::start_http2(listener, clock, spawned, service, limits, "calls")
        })
    }

    fn start(start: impl FnOnce(FakeListener, Clock, Spawned) -> io::Result<Server>) -> Self {
        let clock = Clock::default();
        let backlog = Arc::<Backlog>::default();
        let spawned = Spawned::default();
        let listener = FakeListener(Arc::clone(&backlog));
        let server = start(listener, clock.clone(), spawned.clone());
        let pool = LocalPool::new();
        let mut environment = Self {
            server: Some(server.expect("it has an address")),
            clock,
            backlog,
            spawned,
            spawner: pool.spawner(),
            pool,
        };
        environment.run();
        environment
    }

    /// Connects a client. It is accepted in the next run.
    pub(crate) fn connect(&self) -> Client {
        let (client, server_end) = pipe();
        self.backlog.push(Ok(server_end));
        client
    }

    /// Connects a client that sends `request` before it is accepted, and runs.
    pub(crate) fn send(&mut self, request: impl AsRef<[u8]>) -> Client {
        let client = self.connect();
        client.send(request);
        self.run();
        client
    }

    /// Makes the next `times` accepts fail with `error`.
    pub(crate) fn refuse(&self, error: io::ErrorKind, times: usize) {
        for _ in 0..times {
            self.backlog.push(Err(error.into()));
        }
    }

    /// Returns the number of connections and failures that wait to be accepted.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.backlog.0).waiting.len()
    }

    /// Returns what counts them later.
    pub(crate) fn waiting_later(&self) -> impl FnOnce() -> usize + Send + use<> {
        let backlog = Arc::clone(&self.backlog);
        move || lock(&backlog.0).waiting.len()
    }

    /// Runs all tasks until each of them waits.
    pub(crate) fn run(&mut self) {
        loop {
            self.pool.run_until_stalled();
            let spawned = std::mem::take(&mut *lock(&self.spawned.0));
            if spawned.is_empty() {
                return;
            }
            for task in spawned {
                self.spawner.spawn_local(task).expect("the pool is there");
            }
        }
    }

    /// Advances the clock in one step, and runs.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let mut clock = lock(&self.clock.0);
        clock.now += duration;
        let now = clock.now;
        let due = clock
            .sleepers
            .extract_if(.., |(deadline, _)| *deadline <= now);
        due.for_each(|(_, sleeper)| sleeper.wake());
        drop(clock);
        self.run();
    }
}

/// The listener's queue of connections.
#[derive(Default)]
struct Backlog(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    waiting: VecDeque<io::Result<ServerEnd>>,
    acceptor: Option<Waker>,
}

impl Backlog {
    fn push(&self, connection: io::Result<ServerEnd>) {
        let mut state = lock(&self.0);
        state.waiting.push_back(connection);
        if let Some(acceptor) = state.acceptor.take() {
            acceptor.wake();
        }
    }
}

struct FakeListener(Arc<Backlog>);

impl Listener for FakeListener {
    type Stream = ServerEnd;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], 80)))
    }

    fn accept(&self) -> impl Future<Output = io::Result<ServerEnd>> + Send {
        poll_fn(|cx| {
            let mut state = lock(&self.0.0);
            state.acceptor = Some(cx.waker().clone());
            state.waiting.pop_front().map_or(Poll::Pending, Poll::Ready)
        })
    }
}

/// Spawned tasks that have not run yet.
#[derive(Clone, Default)]
struct Spawned(Arc<Mutex<Vec<Task>>>);

impl Executor<Task> for Spawned {
    fn execute(&self, task: Task) {
        lock(&self.0).push(task);
    }
}

#[derive(Clone)]
struct Clock(Arc<Mutex<ClockState>>);

struct ClockState {
    now: Instant,
    sleepers: Vec<(Instant, Waker)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(ClockState {
            now: Instant::now(),
            sleepers: Vec::new(),
        })))
    }
}

impl Timer for Clock {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping {
            clock: self.clone(),
            deadline,
        })
    }

    fn now(&self) -> Instant {
        lock(&self.0).now
    }
}

struct Sleeping {
    clock: Clock,
    deadline: Instant,
}

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut clock = lock(&self.clock.0);
        if clock.now >= self.deadline {
            return Poll::Ready(());
        }
        clock.sleepers.push((self.deadline, cx.waker().clone()));
        Poll::Pending
    }
}

impl Sleep for Sleeping {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it is locked")
}
