//! What a call handler logs. Its runs and its client are on other threads than its loop, so the span of the handler is entered for each line.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use livebus_core::Failure;
use tracing::Span;

use crate::calls::wire::WireError;
use crate::handlers::{Failed, Record};
use crate::log_limit::LogLimit;

/// The log of one call handler. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct CallLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// That of the handler, once it has one.
    span: OnceLock<Span>,
    lost_replies: LogLimit,
    unreadable_requests: LogLimit,
    unwritable_replies: LogLimit,
}

impl CallLog {
    pub(super) fn log_in(&self, span: &Span) {
        // A handler has one loop.
        let _ = self.0.span.set(span.clone());
    }

    pub(super) fn lost_reply(&self, now: Instant, failure: Failure) {
        let Some(replies) = self.0.lost_replies.count(now) else {
            return;
        };
        self.in_span(|| {
            tracing::warn!(
                replies,
                %failure,
                "replies did not arrive, and their callers wait until their deadlines: check that the reply topics of the callers exist, and \
                 that this service may write to them"
            );
        });
    }

    pub(super) fn unreadable_request(&self, now: Instant, record: &Record, error: &str) {
        let Some(records) = self.0.unreadable_requests.count(now) else {
            return;
        };
        self.in_span(|| {
            tracing::warn!(
                topic = record.topic(),
                partition = record.partition(),
                offset = record.offset(),
                records,
                error,
                "records are no requests, and are skipped: find out who writes them, or whether its wire is that of this handler"
            );
        });
    }

    pub(super) fn unwritable_reply(&self, now: Instant, record: &Record, error: &WireError) {
        let Some(replies) = self.0.unwritable_replies.count(now) else {
            return;
        };
        self.in_span(|| {
            tracing::error!(
                topic = record.topic(),
                partition = record.partition(),
                offset = record.offset(),
                replies,
                %error,
                "the wire cannot carry replies, and their callers wait until their deadlines"
            );
        });
    }

    /// A request failed that runs outside of the loop; the loop logs the others.
    pub(super) fn failed_request(&self, record: &Record, failed: &Failed) {
        self.in_span(|| {
            tracing::warn!(
                topic = record.topic(),
                partition = record.partition(),
                offset = record.offset(),
                class = ?failed.class,
                reason = failed.text,
                "a request failed"
            );
        });
    }

    pub(super) fn too_old_request(&self, record: &Record, age: Duration) {
        self.in_span(|| {
            tracing::debug!(
                topic = record.topic(),
                partition = record.partition(),
                offset = record.offset(),
                age_ms = age.as_millis(),
                "a request is too old"
            );
        });
    }

    /// Calls `log`, whose log lines are in the span of the handler.
    pub(super) fn in_span<T>(&self, log: impl FnOnce() -> T) -> T {
        match self.0.span.get() {
            Some(span) => span.in_scope(log),
            None => log(),
        }
    }
}
