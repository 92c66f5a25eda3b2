//! A steady stream of numbered calls, and what became of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _, select};
use livebus_async_std::AsyncStdRuntime;
use livebus_core::calls::Execution;
use livebus_runner::Runtime;
use livebus_runner::calls::{CallError, Caller};
use livebus_tests::host::Host;
use livebus_tokio::TokioRuntime;

use super::support::{Runs, number};
use crate::handlers::wait_until;

/// The tolerance of scheduling: how much later than its deadline a call may be seen to end by a task on a busy machine, which
/// starts brokers at the same time. The state machine itself is never late.
pub(super) const MAX_LATE: Duration = Duration::from_secs(1);

/// How long the stream sleeps before it makes the calls that are due.
const INTERVAL: Duration = Duration::from_millis(5);

/// The deadlines of calls that end during an outage. They take turns.
pub(super) const SHORT: &[Duration] = &[
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(3),
];

/// The deadlines of calls that must be replied, by brokers that have just started, on a busy machine.
pub(super) const PATIENT: &[Duration] = &[Duration::from_secs(30)];

/// Which calls are made.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub(super) per_second: u32,
    pub(super) deadlines: &'static [Duration],
}

/// A call that ended.
#[derive(Debug)]
pub(super) struct Ended {
    number: u32,
    took: Duration,
    /// How much later than its deadline.
    late: Duration,
    result: Result<Option<u32>, CallError>,
}

/// Calls of one topic, in a thread of their own.
pub(super) struct Traffic {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    made: AtomicU32,
    replied: AtomicU32,
    /// How late the stream itself was at most, in milliseconds: a measure of how busy the machine is.
    max_stall_ms: AtomicU64,
    ended: Mutex<Vec<Ended>>,
}

/// How many calls had which meaning.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) done: usize,
    pub(super) never: usize,
    pub(super) maybe: usize,
    /// Runs beyond the first of each number.
    pub(super) again: usize,
    pub(super) max_late: Duration,
    /// How long half of the calls took at most that were replied.
    pub(super) median: Duration,
    /// How many calls failed in which way.
    pub(super) errors: BTreeMap<String, usize>,
}

impl Traffic {
    /// Makes calls at a rate, on a runtime.
    pub(super) fn begin(
        host: Host,
        caller: &Caller,
        topic: &str,
        rate: Rate,
    ) -> anyhow::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (caller, topic) = (caller.clone(), Arc::<str>::from(topic));
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("traffic".to_owned());
        let thread = thread.spawn(move || {
            host.block_on(async move {
                match host {
                    Host::TokioCurrentThread | Host::TokioMultiThread => {
                        call_steadily::<TokioRuntime>(&caller, &topic, rate, &of_thread).await;
                    }
                    Host::AsyncStd => {
                        call_steadily::<AsyncStdRuntime>(&caller, &topic, rate, &of_thread).await;
                    }
                }
            });
        })?;
        Ok(Self { shared, thread })
    }

    /// Waits until so many more calls were replied.
    pub(super) fn wait_for_replies(&self, more: u32) -> anyhow::Result<()> {
        let replied = || self.shared.replied.load(Ordering::Relaxed);
        let wanted = replied() + more;
        wait_until(|| replied() >= wanted)
            .with_context(|| format!("{} of {wanted} calls were replied", replied()))
    }

    /// Makes no more calls, and waits until each has ended.
    pub(super) fn finish(self) -> anyhow::Result<Vec<Ended>> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        wait_until(|| self.thread.is_finished()).context("calls do not end")?;
        ensure!(self.thread.join().is_ok(), "a call panicked");
        let made = self.shared.made.load(Ordering::Relaxed);
        let mut ended = self
            .shared
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut ended = std::mem::take(&mut *ended);
        ended.sort_unstable_by_key(|it| it.number);
        let is_each_once = ended.iter().map(|it| it.number).eq(0..made);
        ensure!(is_each_once, "{} of {made} calls ended", ended.len());
        let stall = self.shared.max_stall_ms.load(Ordering::Relaxed);
        println!("{made} calls, which were made {stall} ms late at most");
        Ok(ended)
    }
}

async fn call_steadily<R: Runtime>(caller: &Caller, topic: &Arc<str>, rate: Rate, shared: &Shared) {
    let began = Instant::now();
    let mut in_flight = FuturesUnordered::new();
    let mut made: u32 = 0;
    while !shared.is_over.load(Ordering::Relaxed) {
        let due = began.elapsed().as_millis() * u128::from(rate.per_second) / 1_000;
        while u128::from(made) < due {
            let deadline = rate.deadlines[made as usize % rate.deadlines.len()];
            in_flight.push(call(caller, topic, made, deadline));
            made += 1;
        }
        shared.made.store(made, Ordering::Relaxed);
        let paused = Instant::now();
        let mut pause = Box::pin(R::sleep(INTERVAL)).fuse();
        loop {
            select! {
                ended = in_flight.select_next_some() => shared.note(ended),
                () = pause => break,
            }
        }
        let stall = paused.elapsed().saturating_sub(INTERVAL).as_millis();
        let stall = u64::try_from(stall).unwrap_or(u64::MAX);
        shared.max_stall_ms.fetch_max(stall, Ordering::Relaxed);
    }
    while let Some(ended) = in_flight.next().await {
        shared.note(ended);
    }
}

async fn call(caller: &Caller, topic: &Arc<str>, of: u32, deadline: Duration) -> Ended {
    let request = of.to_string();
    let call = caller
        .call(Arc::clone(topic), request.clone(), request)
        .deadline(deadline);
    let made = Instant::now();
    let result = call.await;
    let took = made.elapsed();
    Ended {
        number: of,
        took,
        late: took.saturating_sub(deadline),
        result: result.map(|reply| number(reply.payload())),
    }
}

impl Shared {
    fn note(&self, ended: Ended) {
        if ended.result.is_ok() {
            self.replied.fetch_add(1, Ordering::Relaxed);
        }
        let mut all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(ended);
    }
}

/// Checks that each call ended in time, and with a true outcome: what says that it was executed was run, and what says that it never was
/// was not. The callee must have handled all requests.
pub(super) fn check(ended: &[Ended], runs: &Runs) -> anyhow::Result<Tally> {
    let times = runs.times();
    let mut tally = Tally::default();
    for Ended {
        number,
        late,
        result,
        ..
    } in ended
    {
        ensure!(*late < MAX_LATE, "{number} ended {late:?} late: {result:?}");
        tally.max_late = tally.max_late.max(*late);
        let times = times.get(number).copied().unwrap_or_default();
        tally.again += times.saturating_sub(1) as usize;
        let execution = match result {
            Ok(reply) => {
                ensure!(*reply == Some(*number), "{number} was replied by {reply:?}");
                Execution::Done
            }
            Err(error) => {
                *tally.errors.entry(error.to_string()).or_default() += 1;
                error.execution()
            }
        };
        let (count, is_true) = match execution {
            Execution::Done => (&mut tally.done, times > 0),
            Execution::Never => (&mut tally.never, times == 0),
            Execution::Maybe => (&mut tally.maybe, true),
        };
        *count += 1;
        ensure!(is_true, "{number} was run {times} times: {result:?}");
    }
    let replied = ended.iter().filter(|it| it.result.is_ok());
    let mut took: Vec<_> = replied.map(|it| it.took).collect();
    took.sort_unstable();
    tally.median = took.get(took.len() / 2).copied().unwrap_or_default();
    Ok(tally)
}

/// Checks that each call was replied.
pub(super) fn check_replied(ended: &[Ended], runs: &Runs) -> anyhow::Result<Tally> {
    let tally = check(ended, runs)?;
    let failed: Vec<_> = ended.iter().filter(|it| it.result.is_err()).collect();
    let times = runs.times();
    let were_run = failed.iter().filter(|it| times.contains_key(&it.number));
    ensure!(
        failed.is_empty(),
        "{} calls failed, {} of them were run; the first is {:?}",
        failed.len(),
        were_run.count(),
        failed[0]
    );
    Ok(tally)
}
