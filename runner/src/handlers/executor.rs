//! Runs a function with the records of one run, on a thread of the runtime.
//!
//! The run is one task. Each future is polled where it is made: one that is ready at once costs no allocation and no wake-up. The first one
//! that has to wait keeps the task for itself: the loop learns that it is pending, and gives the records behind it to another run.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{Generation, PartitionId, RecordFailure, RunEnd, RunId};

use crate::handlers::control::{Context, RunControl};
use crate::handlers::failed::Failed;
use crate::handlers::mailbox::{LoopMessage, Mailbox};
use crate::handlers::record::Record;
use crate::handlers::store::Slice;
use crate::loops::Clock;
use crate::panic_text::panic_text;

/// How long a run keeps a thread of the runtime without waiting.
const TIME_SLICE: Duration = Duration::from_millis(10);

/// What a task needs for one run.
pub(crate) struct Work {
    pub(crate) id: RunId,
    /// The records, in the order in which they run.
    pub(crate) slices: Vec<Slice>,
    pub(crate) attempt: u32,
    pub(crate) assignment: (PartitionId, Generation),
    pub(crate) timeout: Option<Duration>,
    pub(crate) control: Arc<RunControl>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) clock: Clock,
}

/// How one call of the function ended.
enum Outcome {
    Done,
    Failed(Failed),
    Cancelled,
}

/// Runs an async function with each record.
pub(crate) async fn run<F, T>(function: Arc<F>, work: Work)
where
    F: Fn(Record, Context) -> T,
    T: Future<Output = Result<(), Failed>>,
{
    let mut run = Run::new(work);
    while let Some((record, cx)) = run.next() {
        let called = catch_unwind(AssertUnwindSafe(|| function(record, cx)));
        let outcome = match called {
            Ok(future) => finish(future, &mut run).await,
            Err(panic) => panicked(&*panic),
        };
        run.on_outcome(outcome);
    }
}

/// Runs a blocking function with each record.
pub(crate) fn run_blocking<F>(function: &F, work: Work)
where
    F: Fn(Record, Context) -> Result<(), Failed>,
{
    let mut run = Run::new(work);
    while let Some((record, cx)) = run.next() {
        let called = catch_unwind(AssertUnwindSafe(|| function(record, cx)));
        run.on_outcome(match called {
            Ok(Ok(())) => Outcome::Done,
            Ok(Err(failed)) => Outcome::Failed(failed),
            Err(panic) => panicked(&*panic),
        });
    }
}

/// Polls a future to its end, or drops it when the run is cancelled.
async fn finish(future: impl Future<Output = Result<(), Failed>>, run: &mut Run) -> Outcome {
    let mut slot = pin!(Some(future));
    let outcome = poll_fn(|cx| {
        let Some(future) = slot.as_mut().as_pin_mut() else {
            return Poll::Ready(Outcome::Cancelled);
        };
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Ready(Ok(()))) => Poll::Ready(Outcome::Done),
            Ok(Poll::Ready(Err(failed))) => Poll::Ready(Outcome::Failed(failed)),
            Ok(Poll::Pending) => {
                run.on_pending();
                let cancelled = run.control.poll_cancelled(cx.waker());
                cancelled.map(|()| Outcome::Cancelled)
            }
            Err(panic) => Poll::Ready(panicked(&*panic)),
        }
    })
    .await;
    // The end of the future is a part of the call.
    match catch_unwind(AssertUnwindSafe(|| slot.as_mut().set(None))) {
        Ok(()) => outcome,
        Err(panic) => panicked(&*panic),
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Outcome {
    Outcome::Failed(Failed::new(RecordFailure::Panicked, panic_text(panic)))
}

/// The progress of a run. On drop it reports the end, whatever it was: a runtime that shuts down drops its tasks.
struct Run {
    id: RunId,
    slices: std::vec::IntoIter<Slice>,
    current: Option<Slice>,
    attempt: u32,
    assignment: (PartitionId, Generation),
    timeout: Option<Duration>,
    control: Arc<RunControl>,
    mailbox: Arc<Mailbox>,
    /// Records that are not begun.
    left: usize,
    /// Records that are done.
    done: u32,
    is_pending: bool,
    is_begun: bool,
    clock: Clock,
    slice: TimeSlice,
    end: Option<(RunEnd, Option<Failed>)>,
}

impl Run {
    fn new(work: Work) -> Self {
        let left: usize = work.slices.iter().map(|slice| slice.length).sum();
        if left == 1 {
            let timeout = work.timeout.map(|timeout| work.clock.now() + timeout);
            work.control.begin(timeout);
        }
        let mut slices = work.slices.into_iter();
        Self {
            id: work.id,
            current: slices.next(),
            slices,
            attempt: work.attempt,
            assignment: work.assignment,
            timeout: work.timeout,
            control: work.control,
            mailbox: work.mailbox,
            left,
            done: 0,
            is_pending: left == 1,
            is_begun: false,
            slice: TimeSlice::new(work.clock.now()),
            clock: work.clock,
            end: None,
        }
    }

    /// Returns the next record; `None` when the run is over.
    fn next(&mut self) -> Option<(Record, Context)> {
        if self.end.is_some() {
            return None;
        }
        if self.left == 0 {
            self.end = Some((RunEnd::Done, None));
            return None;
        }
        if self.control.is_cancelled() {
            self.end = Some((RunEnd::Cancelled { done: self.done }, None));
            return None;
        }
        if self.is_begun && self.slice.is_over(&self.clock) {
            self.end = Some((RunEnd::Returned { done: self.done }, None));
            return None;
        }
        let slice = loop {
            match &mut self.current {
                Some(slice) if slice.length > 0 => break slice,
                // `left` is the sum of their lengths.
                Some(_) | None => self.current = Some(self.slices.next()?),
            }
        };
        let record = slice.batch.record(slice.first);
        slice.first += 1;
        slice.length -= 1;
        self.left -= 1;
        // Only the first record may have been tried before.
        let attempt = if self.is_begun { 1 } else { self.attempt };
        self.is_begun = true;
        let cx = Context {
            attempt,
            timeout: self.timeout,
            assignment: self.assignment,
            run: Arc::clone(&self.control),
        };
        Some((record, cx))
    }

    fn on_pending(&mut self) {
        if self.is_pending {
            return;
        }
        self.is_pending = true;
        let (run, done) = (self.id, self.done);
        let timeout = self.timeout.map(|timeout| self.clock.now() + timeout);
        self.control.begin(timeout);
        self.mailbox.send(LoopMessage::Pending { run, done });
        // From now on it is a run of this record alone.
        self.done = 0;
        self.left = 0;
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.done += 1,
            Outcome::Failed(failed) => {
                let (done, class) = (self.done, failed.class);
                self.end = Some((RunEnd::Failed { done, class }, Some(failed)));
            }
            Outcome::Cancelled => {
                self.end = Some((RunEnd::Cancelled { done: self.done }, None));
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let dropped = RunEnd::Cancelled { done: self.done };
        let (end, failed) = self.end.take().unwrap_or((dropped, None));
        let run = self.id;
        self.mailbox.send(LoopMessage::Ended { run, end, failed });
    }
}

/// Knows when the time slice is over. Reading a clock for each record would cost more than a small function.
struct TimeSlice {
    end: Instant,
    last: Instant,
    /// How many records go by between two looks at the clock.
    stride: u32,
    left: u32,
}

impl TimeSlice {
    const MAX_STRIDE: u32 = 64;
    /// Between two looks less time than this goes by, if the records stay as they are.
    const PACE: Duration = Duration::from_micros(200);

    fn new(now: Instant) -> Self {
        Self {
            end: now + TIME_SLICE,
            last: now,
            stride: 1,
            left: 1,
        }
    }

    fn is_over(&mut self, clock: &Clock) -> bool {
        self.left -= 1;
        if self.left > 0 {
            return false;
        }
        let now = clock.now();
        self.stride = if now.duration_since(self.last) < Self::PACE {
            (self.stride * 2).min(Self::MAX_STRIDE)
        } else {
            1
        };
        self.last = now;
        self.left = self.stride;
        now >= self.end
    }
}

#[cfg(test)]
mod tests;
