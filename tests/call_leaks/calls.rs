//! Calls that end in different ways.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use futures::channel::oneshot;
use futures::future::try_join_all;
use futures::poll;
use livebus_core::calls::{NotSent, Settings};
use livebus_runner::calls::{
    ApplicationError, CallError, CallHandler, Caller, NotReplied, Request, RunnableCallHandler,
};
use livebus_tests::host::FullRunner;

pub(crate) const REQUESTS: &str = "leaks-requests";
pub(crate) const REPLIES: &str = "leaks-replies";

const AT_ONCE: usize = 100;
const DEADLINE: Duration = Duration::from_mins(1);
/// So short that most of these calls expire, and some are not sent.
const SHORT: Duration = Duration::from_millis(1);

/// Fewer than the calls of each kind. A slot that is not given back makes all calls fail in the end.
const SLOTS: u32 = 1_000;

/// The methods of the callee.
const ECHO: &str = "echo";
const FAIL: &str = "fail";

/// How calls ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ended {
    replied: usize,
    failed: usize,
    refused: usize,
    too_large: usize,
    expired: usize,
    cancelled: usize,
}

impl Ended {
    pub(crate) const fn total(&self) -> usize {
        self.replied + self.failed + self.refused + self.too_large + self.expired + self.cancelled
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            replied: self.replied + other.replied,
            failed: self.failed + other.failed,
            refused: self.refused + other.refused,
            too_large: self.too_large + other.too_large,
            expired: self.expired + other.expired,
            cancelled: self.cancelled + other.cancelled,
        }
    }
}

pub(crate) fn caller() -> anyhow::Result<Caller> {
    let mut settings = Settings::default();
    settings.limits.calls = SLOTS;
    settings.limits.call_bytes = 1_000;
    settings.limits.bytes = u64::from(SLOTS) * 100;
    let builder = Caller::builder("leaks", REPLIES).settings(settings);
    Ok(builder.build()?)
}

pub(crate) fn callee() -> RunnableCallHandler {
    let handler = CallHandler::new("leaks").topics([REQUESTS]).group(REQUESTS);
    handler
        .methods([ECHO, FAIL])
        .run(|request: Request, _| async move {
            if request.method() == Some(FAIL) {
                let reason = "on purpose".to_owned();
                return Err(NotReplied::Failed(ApplicationError { code: 7, reason }));
            }
            Ok(request.payload().to_vec())
        })
}

/// Makes so many calls, a hundred at once.
pub(crate) async fn call_all<R: FullRunner>(
    caller: &Caller,
    count: usize,
) -> anyhow::Result<Ended> {
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..AT_ONCE).map(|_| {
        let (caller, next) = (caller.clone(), Arc::clone(&next));
        let (sender, ended) = oneshot::channel();
        R::spawn(async move {
            // The receiver waits for all of them.
            let _ = sender.send(call_some(&caller, &next, count).await);
        });
        ended
    });
    let mut all = Ended::default();
    for ended in try_join_all(tasks).await? {
        all = all.plus(ended?);
    }
    Ok(all)
}

async fn call_some(caller: &Caller, next: &AtomicUsize, count: usize) -> anyhow::Result<Ended> {
    let mut ended = Ended::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(ended);
        }
        let one = call_one(caller, number).await?;
        ended = ended.plus(one);
    }
}

async fn call_one(caller: &Caller, number: usize) -> anyhow::Result<Ended> {
    let request = format!("request {number}").into_bytes();
    let key = (number % 50).to_string();
    let call = caller.call(REQUESTS, key, request.clone());
    let call = call.method(ECHO).deadline(DEADLINE);
    let mut ended = Ended::default();
    let call = match number % 20 {
        0 => {
            let mut call = call.into_future();
            if poll!(&mut call).is_pending() {
                drop(call);
                ended.cancelled = 1;
                return Ok(ended);
            }
            bail!("a call ended before it was sent");
        }
        1 => call.deadline(SHORT),
        2 => call.method(FAIL),
        3 => call.method("unknown"),
        4 => caller.call(REQUESTS, "", vec![0; 1_001]),
        5 | 6 => call.idempotent(format!("key {number}")),
        _ => call,
    };
    match call.await {
        Ok(reply) => {
            ensure!(reply.payload() == request, "the reply to another call");
            ended.replied = 1;
        }
        Err(CallError::Failed(error)) if error.code == 7 => ended.failed = 1,
        Err(CallError::Refused(_)) => ended.refused = 1,
        // Whether it never began is not known at the beginning of an assignment.
        Err(CallError::SentUnknown(_)) if number % 20 == 3 => ended.refused = 1,
        Err(CallError::NotSent(NotSent::TooLarge)) => ended.too_large = 1,
        Err(
            CallError::Expired | CallError::NotSent(NotSent::Deadline) | CallError::SentUnknown(_),
        ) if number % 20 == 1 => ended.expired = 1,
        Err(error) => bail!("call {number}: {error}"),
    }
    Ok(ended)
}
