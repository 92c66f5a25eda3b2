//! Calls of the original by livebus, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use futures::future::join_all;
use livebus_runner::calls::{CallError, Caller, ReceivedReply};
use livebus_voltha::messages::StrType;
use livebus_voltha::{Arguments, decode_result};

/// How long a call waits. The original is silent in two cases.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// Calls the original.
#[derive(Clone)]
pub(crate) struct Calls {
    caller: Caller,
    adapter: Arc<str>,
}

impl Calls {
    pub(crate) fn new(caller: Caller, adapter: &str) -> Self {
        Self {
            caller,
            adapter: Arc::from(adapter),
        }
    }

    /// Calls a method of the original, and returns the outcome as text.
    pub(crate) fn call(&self, method: &str, text: &str) -> (String, Duration) {
        let begin = Instant::now();
        let result = pollster::block_on(self.request(method, text));
        (outcome(result), begin.elapsed())
    }

    /// Calls `Echo` this many times at once. Each must return its own text.
    pub(crate) fn echo_at_once(&self, calls: usize) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let all = (0..calls).map(|call| async move {
            let text = format!("text-{call}");
            let outcome = outcome(self.request("Echo", &text).await);
            ensure!(outcome == format!("done {text}"), "{text}: {outcome}");
            Ok(())
        });
        for result in pollster::block_on(join_all(all)) {
            result?;
        }
        Ok(begin.elapsed())
    }

    /// Calls `Echo`, some at once, again and again until it is to stop. Counts how they end: each by its deadline, and with its own text.
    pub(crate) fn call_until(&self, stop: &AtomicBool) -> anyhow::Result<Tally> {
        let mut tally = Tally::default();
        while !stop.load(Ordering::Relaxed) {
            let all = (0..20).map(|call| async move {
                let text = format!("text-{call}");
                let begin = Instant::now();
                let result = self.request("Echo", &text).await;
                (text, result, begin.elapsed())
            });
            for (text, result, took) in pollster::block_on(join_all(all)) {
                ensure!(
                    took < DEADLINE + Duration::from_secs(1),
                    "a call took {took:?}"
                );
                tally.longest = tally.longest.max(took);
                let count = match &result {
                    Ok(_) => &mut tally.done,
                    Err(CallError::NotSent(_)) => &mut tally.not_sent,
                    Err(CallError::SentUnknown(_)) => &mut tally.unknown,
                    Err(CallError::Expired) => &mut tally.expired,
                    Err(error) => bail!("{text}: {error}"),
                };
                *count += 1;
                let is_done = result.is_ok();
                let outcome = outcome(result);
                ensure!(
                    !is_done || outcome == format!("done {text}"),
                    "{text}: {outcome}"
                );
            }
            if tally.not_sent > 0 {
                // They end at once.
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(tally)
    }

    async fn request(&self, method: &str, text: &str) -> Result<ReceivedReply, CallError> {
        let arguments = Arguments::new().with_text("text", text).encode();
        let call = self.caller.call(Arc::clone(&self.adapter), text, arguments);
        call.method(method).await
    }
}

/// How calls ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    pub(crate) not_sent: usize,
    pub(crate) unknown: usize,
    pub(crate) expired: usize,
    pub(crate) longest: Duration,
}

/// Returns a result in the words of the peers.
fn outcome(result: Result<ReceivedReply, CallError>) -> String {
    match result {
        Ok(reply) => match decode_result::<StrType>(reply.payload()) {
            Ok(Some(text)) => format!("done {}", text.val),
            Ok(None) => "done without a result".to_owned(),
            Err(error) => format!("done with {error}"),
        },
        Err(CallError::Failed(error)) => format!("failed {} {}", error.code, error.reason),
        Err(error) => error.to_string(),
    }
}
