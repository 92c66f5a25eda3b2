//! The rdkafka callbacks of the consumer of replies. None of them waits.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;

use crate::log_level::is_notable;
use crate::oauth::Tokens;
use crate::own_clients::Link;

pub(super) type Client = BaseConsumer<ReplyContext>;

/// Counts the callbacks. The traffic of the consumer is evidence, and its errors are suspicions.
pub(super) struct ReplyContext {
    caller: String,
    tokens: Tokens,
    link: Arc<Link>,
    /// How many callbacks there were: rdkafka's poll returns nothing after one, though more may be there.
    calls: AtomicU64,
    has_error: AtomicBool,
}

impl ReplyContext {
    pub(super) const fn new(caller: String, tokens: Tokens, link: Arc<Link>) -> Self {
        Self {
            caller,
            tokens,
            link,
            calls: AtomicU64::new(0),
            has_error: AtomicBool::new(false),
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns whether there was an error since the last call.
    pub(super) fn take_error(&self) -> bool {
        self.has_error.swap(false, Ordering::Relaxed)
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for ReplyContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.called();
        self.tokens.make(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        let caller = &*self.caller;
        if is_notable(level) {
            tracing::debug!(target: "librdkafka", caller, facility, message);
        } else {
            tracing::trace!(target: "librdkafka", caller, facility, message);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.called();
        self.link.on_statistics(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        self.has_error.store(true, Ordering::Relaxed);
        self.link.on_error(&error, reason);
        tracing::debug!(target: "librdkafka", caller = self.caller, %error, reason);
    }
}

impl ConsumerContext for ReplyContext {}
