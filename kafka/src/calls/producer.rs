//! A producer whose deliveries are reported soon, from a thread of its own.

use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use livebus_core::{Failure, FailureClass};
use livebus_runner::calls::OutgoingRecord;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use crate::deadlines::left_until;
use crate::error_class::{classify, failure};
use crate::log_level::is_notable;
use crate::oauth::Tokens;
use crate::own_clients::Link;

/// How long one poll takes. It returns in time for what comes; a stop waits for it, in the background.
///
/// With a fraction of a millisecond rdkafka's `poll` does not spin through the rest of the last one.
const POLL: Duration = Duration::from_micros(1_000_050);

/// How long the thread that polls lets further reports gather after the first. Each time that it wakes costs as much as a send; while many
/// records are sent, it wakes once for all reports of this time.
const GATHER: Duration = Duration::from_millis(5);

/// How often it is looked whether everything is delivered.
const FLUSH_INTERVAL: Duration = Duration::from_millis(5);

/// Sends records. Each delivery is reported with the tag that its record was given.
pub(super) struct RecordProducer<T: Tag> {
    producer: Arc<BaseProducer<SendContext<T>>>,
    /// Until the thread that polls has ended.
    is_stopped: Arc<AtomicBool>,
}

/// What a record is tagged with.
pub(super) trait Tag: Send + Sync + 'static {}
impl<T: Send + Sync + 'static> Tag for T {}

/// What became of a record.
#[derive(Debug)]
pub(super) struct Delivery<T> {
    pub(super) tag: T,
    /// The partition; negative if it was given to none.
    pub(super) partition: i32,
    pub(super) result: Result<(), KafkaError>,
}

/// What the producer reports, from any thread.
pub(super) struct Reports<T> {
    pub(super) on_delivery: Box<dyn Fn(Delivery<T>) + Send + Sync>,
    /// The client itself may have failed: see [`RecordProducer::take_error`].
    pub(super) on_error: Box<dyn Fn() + Send + Sync>,
}

/// The rdkafka callbacks.
pub(super) struct SendContext<T> {
    /// Whose records they are, for the log.
    owner: Owner,
    tokens: Tokens,
    link: Arc<Link>,
    reports: Reports<T>,
    /// How many callbacks there were: one poll takes the reports of one answer, though more may be there.
    calls: AtomicU64,
    has_error: AtomicBool,
}

/// Who sends.
#[derive(Debug, Clone)]
pub(super) enum Owner {
    Caller(String),
    Handler(String),
}

impl Owner {
    fn on_error(&self, error: &impl Display, what: &str) {
        match self {
            Self::Caller(caller) => tracing::error!(caller, %error, "{what}"),
            Self::Handler(handler) => tracing::error!(handler, %error, "{what}"),
        }
    }
}

impl<T: Tag> RecordProducer<T> {
    /// Makes the producer. Takes some milliseconds, and waits for no broker.
    pub(super) fn open(
        config: &ClientConfig,
        owner: &Owner,
        tokens: Tokens,
        link: Arc<Link>,
        reports: Reports<T>,
    ) -> Result<Self, Failure> {
        let context = SendContext {
            owner: owner.clone(),
            tokens,
            link,
            reports,
            calls: AtomicU64::new(0),
            has_error: AtomicBool::new(false),
        };
        let made = config.create_with_context(context);
        let producer: BaseProducer<_> = made.map_err(|error| {
            owner.on_error(&error, "creating a producer failed");
            failure(&error)
        })?;
        let producer = Arc::new(producer);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (polled, stop) = (Arc::clone(&producer), Arc::clone(&is_stopped));
        let thread = thread::Builder::new().name("livebus-deliveries".to_owned());
        let started = thread.spawn(move || {
            while !stop.load(Ordering::Acquire) {
                polled.poll(POLL);
                thread::sleep(GATHER);
                poll_all(&polled);
            }
        });
        if let Err(error) = started {
            owner.on_error(&error, "there is no thread that polls a producer");
            return Err(FailureClass::ClientFatal.into());
        }
        Ok(Self {
            producer,
            is_stopped,
        })
    }

    /// Hands a record over. Does not wait. After an error there is no delivery: the record was not taken, and will not be sent.
    pub(super) fn send(&self, record: &OutgoingRecord, tag: T) -> Result<(), KafkaError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header {
                key: name,
                value: Some(value),
            });
        }
        let since_epoch = record.timestamp.duration_since(UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |it| it.as_millis());
        let mut sent = BaseRecord::<[u8], [u8], _>::with_opaque_to(&record.topic, Box::new(tag))
            .headers(headers)
            .payload(&record.payload)
            .timestamp(i64::try_from(millis).unwrap_or(i64::MAX));
        sent.key = record.key.as_deref();
        sent.partition = record.partition;
        self.producer.send(sent).map_err(|(error, _)| error)
    }

    /// Returns whether the client has reported an error since the last call.
    pub(super) fn take_error(&self) -> bool {
        let has_error = &self.producer.context().has_error;
        has_error.swap(false, Ordering::AcqRel)
    }

    /// Returns the failure after which no record is sent any more.
    pub(super) fn fatal_failure(&self) -> Option<Failure> {
        fatal_failure(self.producer.client())
    }

    /// Waits until everything is delivered, or has failed; at most until the deadline.
    pub(super) fn flush(&self, deadline: Instant) {
        // The other thread takes the reports, also those that come while this one sleeps.
        while self.producer.in_flight_count() > 0 {
            let left = left_until(deadline);
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(FLUSH_INTERVAL));
        }
    }
}

impl<T: Tag> Drop for RecordProducer<T> {
    /// What is queued is purged, by the thread that polls.
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Release);
    }
}

/// Takes all reports that are there.
fn poll_all<T: Tag>(producer: &BaseProducer<SendContext<T>>) {
    let calls = || producer.context().calls.load(Ordering::Relaxed);
    loop {
        let before = calls();
        producer.poll(Duration::ZERO);
        if calls() == before {
            return;
        }
    }
}

/// Returns the failure after which a client cannot be used any more.
pub(super) fn fatal_failure<C: ClientContext>(
    client: &rdkafka::client::Client<C>,
) -> Option<Failure> {
    let (code, reason) = client.fatal_error()?;
    tracing::debug!(?code, reason, "a client is beyond repair");
    Some(Failure::with_code(classify(code), code as i32))
}

impl<T> SendContext<T> {
    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl<T: Tag> ClientContext for SendContext<T> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.called();
        self.tokens.make(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        let owner = &self.owner;
        if is_notable(level) {
            tracing::debug!(target: "librdkafka", ?owner, facility, message);
        } else {
            tracing::trace!(target: "librdkafka", ?owner, facility, message);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.called();
        self.link.on_statistics(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        self.link.on_error(&error, reason);
        tracing::debug!(target: "librdkafka", owner = ?self.owner, %error, reason);
        self.has_error.store(true, Ordering::Release);
        (self.reports.on_error)();
    }
}

impl<T: Tag> ProducerContext for SendContext<T> {
    type DeliveryOpaque = Box<T>;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: Box<T>) {
        self.called();
        self.link.on_delivery(result);
        let (message, result) = match result {
            Ok(message) => (message, Ok(())),
            Err((error, message)) => (message, Err(error.clone())),
        };
        (self.reports.on_delivery)(Delivery {
            tag: *tag,
            partition: message.partition(),
            result,
        });
    }
}
