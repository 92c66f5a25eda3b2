//! Sends replies, and what a call handler takes from its runtime.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use livebus_core::{Failure, FailureClass};

use crate::calls::call_handler::log::CallLog;
use crate::calls::client::{OutgoingRecord, ReplyClient};
use crate::lock::lock;
use crate::loops::Clock;
use crate::runtime::Spawn;

/// Is called for each reply that did not arrive.
pub(crate) type OnFailure = Arc<dyn Fn(Failure) + Send + Sync>;

/// Makes the client of the replies.
pub(crate) type OpenReplies =
    Box<dyn Fn(OnFailure) -> Result<Arc<dyn ReplyClient>, Failure> + Send + Sync>;

/// Completes after a time.
pub(crate) type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

/// What a call handler takes from the outside.
pub(crate) struct Outside {
    pub(crate) open: OpenReplies,
    pub(crate) sleep: Sleep,
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) clock: Clock,
}

/// Sends the replies of one call handler.
pub(super) struct Replying {
    outside: OnceLock<Outside>,
    client: Mutex<Slot>,
    failures: Arc<Failures>,
}

/// The client of the replies.
#[derive(Default)]
enum Slot {
    /// It is made for the first reply.
    #[default]
    Empty,
    Made(Arc<dyn ReplyClient>),
    /// The handler has stopped.
    Closed,
}

/// Replies that did not arrive.
#[derive(Debug)]
struct Failures {
    count: AtomicU64,
    log: CallLog,
}

impl Replying {
    /// How long to wait when the client takes no reply.
    const RETRY: Duration = Duration::from_millis(5);

    pub(super) fn new(log: CallLog) -> Self {
        Self {
            outside: OnceLock::new(),
            client: Mutex::default(),
            failures: Arc::new(Failures {
                count: AtomicU64::new(0),
                log,
            }),
        }
    }

    pub(super) fn connect(&self, outside: Outside) {
        // A handler is given to one builder.
        let _ = self.outside.set(outside);
    }

    pub(super) fn outside(&self) -> Option<&Outside> {
        self.outside.get()
    }

    pub(super) fn now(&self) -> Instant {
        let outside = self.outside.get();
        outside.map_or_else(Instant::now, |outside| outside.clock.now())
    }

    /// Hands a reply over; waits for that until the deadline, while the client takes no more. What does not arrive is counted and logged: the
    /// request was run.
    pub(super) async fn send(&self, record: OutgoingRecord, deadline: Instant) {
        loop {
            let sent = self.client().and_then(|client| client.send(record.clone()));
            let Err(failure) = sent else { return };
            let now = self.now();
            let Some(outside) = self.outside.get() else {
                return self.failures.add(now, failure);
            };
            if failure.class != FailureClass::QueueFull || now >= deadline {
                return self.failures.add(now, failure);
            }
            (outside.sleep)(Self::RETRY).await;
        }
    }

    /// Takes no more replies, and waits until everything that was handed over has arrived, or failed; at most until the deadline.
    pub(super) fn close(&self, deadline: Instant) {
        let closed = std::mem::replace(&mut *lock(&self.client), Slot::Closed);
        match closed {
            Slot::Made(client) => client.flush(deadline),
            Slot::Empty | Slot::Closed => {}
        }
    }

    /// Counts a reply that could not be handed over.
    pub(super) fn count_failure(&self) {
        self.failures.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.count.load(Ordering::Relaxed)
    }

    fn client(&self) -> Result<Arc<dyn ReplyClient>, Failure> {
        let mut slot = lock(&self.client);
        match &*slot {
            Slot::Made(client) => return Ok(Arc::clone(client)),
            Slot::Closed => return Err(FailureClass::ClientFatal.into()),
            Slot::Empty => {}
        }
        let outside = self.outside.get().ok_or(FailureClass::ClientFatal)?;
        let failures = Arc::clone(&self.failures);
        let clock = outside.clock.clone();
        let on_failure: OnFailure = Arc::new(move |failure| failures.add(clock.now(), failure));
        let made = self.failures.log.in_span(|| (outside.open)(on_failure))?;
        *slot = Slot::Made(Arc::clone(&made));
        Ok(made)
    }
}

impl Failures {
    fn add(&self, now: Instant, failure: Failure) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.log.lost_reply(now, failure);
    }
}

impl fmt::Debug for Replying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replying")
            .field("failures", &self.failures())
            .finish_non_exhaustive()
    }
}
