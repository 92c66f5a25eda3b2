//! Answers one request: decides whether it runs, runs it, and sends the reply.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{Either, select};
use livebus_core::calls::{CalleeConfig, Decision, Refusal, RequestId};
use livebus_core::dispatch::{Order, RecordFailure, Settings};
use livebus_readiness::CalleeProgress;

use crate::calls::call_handler::log::CallLog;
use crate::calls::call_handler::replying::{Outside, Replying};
use crate::calls::call_handler::request::{CallContext, NotReplied, Request};
use crate::calls::call_handler::running::{Ended, Refused, Running};
use crate::calls::call_handler::state::{Held, State};
use crate::calls::call_handler::turns::{Lane, Turns};
use crate::calls::client::OutgoingRecord;
use crate::calls::wire::{ApplicationError, IncomingRequest, Reply, ReplyToWrite, Wire};
use crate::handlers::{Context, Failed, Record};
use crate::lock::lock;
use crate::panic_text::panic_text;

/// What answers the requests of one call handler.
pub(crate) struct Answering {
    state: Mutex<State>,
    wire: Arc<dyn Wire>,
    methods: Vec<String>,
    default_deadline: Duration,
    /// How long a function may run, whatever its caller allows.
    max_run: Option<Duration>,
    order: Order,
    hashes: RandomState,
    turns: Turns,
    replying: Replying,
    log: CallLog,
}

/// A request that is to be answered.
struct Work<F> {
    id: RequestId,
    request: Request,
    run: Context,
    function: Arc<F>,
}

impl Answering {
    /// The code of the error that a caller receives when the function has panicked.
    const PANICKED: i32 = -1;

    /// The code of the error that a caller receives when the function took longer than any may.
    const TIMED_OUT: i32 = -2;

    /// How long a refusal waits for the commit after which it is known that the request will not run.
    const MAX_WAIT_FOR_COMMIT: Duration = Duration::from_secs(1);

    /// The interval at which the end of runs is looked for while the handler closes.
    const CLOSE_INTERVAL: Duration = Duration::from_millis(5);

    pub(super) fn new(
        config: CalleeConfig,
        wire: Arc<dyn Wire>,
        methods: Vec<String>,
        default_deadline: Duration,
        settings: &Settings,
    ) -> Self {
        let log = CallLog::default();
        Self {
            state: Mutex::new(State::new(config)),
            wire,
            methods,
            default_deadline,
            max_run: settings.record_timeout,
            order: settings.order,
            hashes: RandomState::new(),
            turns: Turns::new(settings.limits.runs),
            replying: Replying::new(log.clone()),
            log,
        }
    }

    /// Gives it what it takes from the outside.
    pub(crate) fn connect(&self, outside: Outside) {
        self.replying.connect(outside);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) const fn log(&self) -> &CallLog {
        &self.log
    }

    /// Returns what became of the requests.
    pub(super) fn progress(&self) -> CalleeProgress {
        let mut progress = CalleeProgress::default();
        progress.lost_replies = self.replying.failures();
        let state = self.state();
        progress.requests_held = state.requests_held();
        progress.unreadable_requests = state.unreadable();
        progress.counters = *state.counters();
        progress
    }

    pub(super) fn wire(&self) -> &dyn Wire {
        &*self.wire
    }

    pub(super) const fn default_deadline(&self) -> Duration {
        self.default_deadline
    }

    /// Waits until requests that were committed first have ended, and all replies have left; at most until the deadline.
    pub(super) fn close(&self, deadline: Instant) {
        while self.turns.unfinished() > 0 && self.replying.now() < deadline {
            thread::sleep(Self::CLOSE_INTERVAL);
        }
        self.replying.close(deadline);
    }

    /// Answers the request of a record.
    ///
    /// # Errors
    ///
    /// When the record is no request, or the function has panicked or did not end in time. It is logged, and over.
    pub(super) async fn answer<F, T>(
        self: Arc<Self>,
        record: Record,
        run: Context,
        function: Arc<F>,
    ) -> Result<(), Failed>
    where
        F: Fn(Request, CallContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Vec<u8>, NotReplied>> + Send + 'static,
    {
        let (partition, generation) = run.assignment;
        let id = RequestId {
            partition,
            generation,
            offset: record.offset(),
        };
        let held = self.state().take(id);
        let incoming = match held {
            Some(Held::Request(incoming)) => incoming,
            Some(Held::Unreadable(error)) => {
                let now = self.replying.now();
                self.log.unreadable_request(now, &record, &error);
                return Err(Failed::permanent(error).logged());
            }
            Some(Held::Cancel) | None => return Ok(()),
        };
        let work = Work {
            id,
            request: Request { record, incoming },
            run,
            function,
        };
        let now = self.replying.now();
        let begun = self.state().begin(now, id);
        match begun {
            (Decision::CommitFirst, Some(committed)) => {
                self.run_once_committed(work, committed).await;
                Ok(())
            }
            (decision, cancelled) => self.conclude(work, decision, cancelled).await,
        }
    }

    /// Does what was decided about a request.
    async fn conclude<F, T>(
        self: &Arc<Self>,
        work: Work<F>,
        decision: Decision,
        cancelled: Option<oneshot::Receiver<()>>,
    ) -> Result<(), Failed>
    where
        F: Fn(Request, CallContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Vec<u8>, NotReplied>> + Send + 'static,
    {
        match (decision, cancelled) {
            (
                Decision::Run {
                    deadline,
                    never_began,
                },
                Some(cancelled),
            ) => return self.run(work, deadline, never_began, cancelled).await,
            (Decision::TooLate { age, never_began }, _) => {
                self.log.too_old_request(&work.request.record, age);
                // Its caller waits no longer, but for clocks that differ.
                let deadline = self.replying.now() + Self::MAX_WAIT_FOR_COMMIT;
                let refused = Refused {
                    refusal: Refusal::TooLate,
                    never_began,
                    age,
                };
                self.refuse(work.id, work.request, refused, deadline).await;
            }
            (Decision::Replay(old), _) => {
                let reply = self.state().old_reply(old);
                if let Some(reply) = reply {
                    let deadline = self.replying.now() + self.default_deadline;
                    self.reply(&work.request, Reply::clone(&reply), deadline)
                        .await;
                }
            }
            (
                Decision::Run { .. }
                | Decision::CommitFirst
                | Decision::Cancelled
                | Decision::Running
                | Decision::Stale,
                _,
            ) => {}
        }
        Ok(())
    }

    /// Lets the position of a request be committed, and runs it then, in its turn.
    async fn run_once_committed<F, T>(
        self: Arc<Self>,
        work: Work<F>,
        committed: oneshot::Receiver<()>,
    ) where
        F: Fn(Request, CallContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Vec<u8>, NotReplied>> + Send + 'static,
    {
        self.turns.hold_back().await;
        let mut turn = self.turns.next(self.lane(&work));
        let Some(outside) = self.replying.outside() else {
            return;
        };
        let spawn = Arc::clone(&outside.spawn);
        spawn.spawn(Box::pin(async move {
            if committed.await.is_err() {
                // The assignment is over: the next owner runs it, if it was not committed.
                return;
            }
            let _committed = self.turns.committed();
            turn.comes().await;
            let _permit = self.turns.permit().await;
            let record = work.request.record.clone();
            let now = self.replying.now();
            let (decision, cancelled) = self.state().begin(now, work.id);
            if let Err(failed) = self.conclude(work, decision, cancelled).await {
                self.log.failed_request(&record, &failed);
            }
        }));
    }

    fn lane<F>(&self, work: &Work<F>) -> Option<Lane> {
        match self.order {
            Order::Partition => Some(self.hashes.hash_one(work.id.partition)),
            Order::Key => {
                let key = work.request.record.key()?;
                Some(self.hashes.hash_one((work.id.partition, key)))
            }
            Order::None => None,
        }
    }

    async fn run<F, T>(
        self: &Arc<Self>,
        work: Work<F>,
        deadline: Instant,
        never_began: bool,
        cancelled: oneshot::Receiver<()>,
    ) -> Result<(), Failed>
    where
        F: Fn(Request, CallContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Vec<u8>, NotReplied>> + Send + 'static,
    {
        let Work {
            id,
            request,
            run,
            function,
        } = work;
        let mut running = Running {
            state: &self.state,
            id,
            reply: None,
        };
        let refused = |refusal| Refused {
            refusal,
            never_began,
            age: Duration::ZERO,
        };
        if !self.has_method(&request.incoming) {
            drop(running);
            let refused = refused(Refusal::Unsupported);
            self.refuse(id, request, refused, deadline).await;
            return Ok(());
        }
        let until = self.max_run.map(|max| self.replying.now() + max);
        let until = until.map_or(deadline, |until| until.min(deadline));
        let cx = CallContext {
            deadline: until,
            run,
        };
        let called = catch_unwind(AssertUnwindSafe(|| function(request.clone(), cx)));
        let ended = match called {
            Ok(future) => self.finish(future, until, cancelled).await,
            Err(panic) => Ended::Panicked(panic_text(&*panic).to_owned()),
        };
        let ended = if matches!(ended, Ended::TooLate) && until < deadline {
            Ended::TimedOut
        } else {
            ended
        };
        let (reply, result) = match ended {
            Ended::Returned(Ok(payload)) => (Reply::Done(payload), Ok(())),
            Ended::Returned(Err(NotReplied::Failed(error))) => (Reply::Failed(error), Ok(())),
            Ended::Returned(Err(NotReplied::Refused(refusal))) => {
                drop(running);
                self.refuse(id, request, refused(refusal), deadline).await;
                return Ok(());
            }
            Ended::Panicked(text) => {
                let error = ApplicationError {
                    code: Self::PANICKED,
                    reason: "the callee panicked".to_owned(),
                };
                let failed = Failed::new(RecordFailure::Panicked, text);
                (Reply::Failed(error), Err(failed))
            }
            Ended::TimedOut => {
                let reason = "the function took longer than `record_timeout`";
                let error = ApplicationError {
                    code: Self::TIMED_OUT,
                    reason: reason.to_owned(),
                };
                let failed = Failed::new(RecordFailure::TimedOut, reason);
                (Reply::Failed(error), Err(failed))
            }
            Ended::Cancelled => return Ok(()),
            Ended::TooLate => {
                let reason = "it did not end before the deadline of its caller";
                return Err(Failed::new(RecordFailure::TimedOut, reason));
            }
        };
        let reply = Arc::new(reply);
        running.reply = Some(Arc::clone(&reply));
        // From here on its reply answers the attempts that come.
        drop(running);
        let reply = Arc::try_unwrap(reply).unwrap_or_else(|kept| Reply::clone(&kept));
        self.reply(&request, reply, deadline).await;
        result
    }

    fn has_method(&self, request: &IncomingRequest) -> bool {
        let is_named = |method: &str| self.methods.iter().any(|known| known == method);
        self.methods.is_empty() || request.method.as_deref().is_some_and(is_named)
    }

    /// Polls the future of a function to its end, or drops it when its caller cancels it or does not wait any more.
    async fn finish(
        &self,
        future: impl Future<Output = Result<Vec<u8>, NotReplied>>,
        deadline: Instant,
        mut cancelled: oneshot::Receiver<()>,
    ) -> Ended {
        let mut future = pin!(AssertUnwindSafe(future).catch_unwind());
        let mut timeout = None;
        poll_fn(|cx| {
            match future.as_mut().poll(cx) {
                Poll::Ready(Ok(result)) => return Poll::Ready(Ended::Returned(result)),
                Poll::Ready(Err(panic)) => {
                    return Poll::Ready(Ended::Panicked(panic_text(&*panic).to_owned()));
                }
                Poll::Pending => {}
            }
            // Without a sender the assignment has ended, and the run is cancelled elsewhere.
            if let Poll::Ready(Ok(())) = cancelled.poll_unpin(cx) {
                return Poll::Ready(Ended::Cancelled);
            }
            let Some(outside) = self.replying.outside() else {
                return Poll::Pending;
            };
            let timeout = timeout.get_or_insert_with(|| {
                (outside.sleep)(deadline.saturating_duration_since(outside.clock.now()))
            });
            timeout.poll_unpin(cx).map(|()| Ended::TooLate)
        })
        .await
    }

    /// Refuses a request. That no run of it began is said only once the group has a position above it: until then another member may have the
    /// partition already, or may get it and run the request.
    async fn refuse(
        self: &Arc<Self>,
        id: RequestId,
        request: Request,
        refused: Refused,
        deadline: Instant,
    ) {
        let (true, Some(outside)) = (refused.never_began, self.replying.outside()) else {
            return self.reply(&request, refused.into_reply(), deadline).await;
        };
        let committed = self.state().position_above(id);
        let left = deadline.saturating_duration_since(self.replying.now());
        let timeout = (outside.sleep)(left.min(Self::MAX_WAIT_FOR_COMMIT));
        let this = Arc::clone(self);
        outside.spawn.spawn(Box::pin(async move {
            let never_began = match select(committed, timeout).await {
                Either::Left((committed, _)) => committed.is_ok(),
                Either::Right(_) => false,
            };
            let refused = Refused {
                never_began,
                ..refused
            };
            this.reply(&request, refused.into_reply(), deadline).await;
        }));
    }

    /// Sends a reply, if the request wants one.
    async fn reply(&self, request: &Request, reply: Reply, deadline: Instant) {
        let Some(address) = &request.incoming.reply_to else {
            return;
        };
        let timestamp = SystemTime::now();
        let written = self.wire.write_reply(ReplyToWrite {
            request: &request.incoming,
            topic: request.record.topic(),
            timestamp,
            reply,
        });
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                let now = self.replying.now();
                self.log.unwritable_reply(now, &request.record, &error);
                self.replying.count_failure();
                return;
            }
        };
        let record = OutgoingRecord {
            topic: Arc::clone(&address.topic),
            partition: address.partition,
            key: None,
            payload: written.payload,
            headers: written.headers,
            timestamp,
        };
        self.replying.send(record, deadline).await;
    }
}
