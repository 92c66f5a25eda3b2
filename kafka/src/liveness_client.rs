//! The liveness client: a small producer of our own, configured to report failures fast. The service's clients keep their
//! settings.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use livebus_core::{ClientId, Failure, FailureClass};
use livebus_runner::Observations;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::context::{LivenessContext, Producer, Tally};
use crate::error_class::failure;
use crate::leaders::Leaders;

/// The timeout of one poll of the polling thread, and so the maximum time until a closed client ends. Callbacks are called at
/// once, within a poll.
///
/// rdkafka polls in whole milliseconds and spins through the fraction that is left of the last one. A timeout of whole
/// milliseconds *and a little* is over when the last poll returns, and nothing is left to spin through; a poll with a callback
/// spins once, for less than a millisecond.
const POLL: Duration = Duration::from_micros(1_000_200);

/// A producer, and a thread that polls it until the client is dropped, and then drops it.
///
/// rdkafka's own threaded producers poll ten times a second and spin for up to a millisecond each time; this client is nearly
/// always idle and must cost nearly nothing.
pub(crate) struct LivenessClient {
    pub(crate) id: ClientId,
    pub(crate) producer: Arc<Producer>,
    /// The leaders of the liveness topic, from the last look-up.
    leaders: Mutex<Option<Leaders>>,
    newest_round: Mutex<Arc<Tally>>,
    /// The last field: the polling thread drops the producer after this client has dropped its reference, so that this thread
    /// does not wait for the end of the producer.
    _close: CloseOnDrop,
}

/// On drop, stops the polling thread.
struct CloseOnDrop(Arc<AtomicBool>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl LivenessClient {
    /// Makes a client. Takes some milliseconds. Does not wait for a broker: the first liveness message does.
    pub(crate) fn create(
        id: ClientId,
        mut config: ClientConfig,
        observations: Arc<Observations>,
    ) -> Result<Self, Failure> {
        config.set_log_level(log_level());
        let context = LivenessContext {
            client: id,
            observations,
        };
        let producer: Producer = config.create_with_context(context).map_err(|error| {
            tracing::error!(%error, "creating the liveness client failed");
            failure(&error)
        })?;
        let producer = Arc::new(producer);
        let closed = Arc::new(AtomicBool::new(false));
        let polling = {
            let (producer, closed) = (Arc::clone(&producer), Arc::clone(&closed));
            move || {
                while !closed.load(Ordering::Acquire) {
                    producer.poll(POLL);
                }
            }
        };
        let spawned = thread::Builder::new()
            .name("livebus-liveness".to_owned())
            .spawn(polling);
        if let Err(error) = spawned {
            tracing::error!(%error, "starting the thread of the liveness client failed");
            return Err(FailureClass::Other.into());
        }
        Ok(Self {
            id,
            producer,
            leaders: Mutex::new(None),
            newest_round: Mutex::default(),
            _close: CloseOnDrop(closed),
        })
    }

    pub(crate) fn leaders(&self) -> Option<Leaders> {
        lock(&self.leaders).clone()
    }

    pub(crate) fn set_leaders(&self, leaders: Option<Leaders>) {
        *lock(&self.leaders) = leaders;
    }

    /// Returns the tally of the newest round.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&lock(&self.newest_round))
    }

    pub(crate) fn set_tally(&self, tally: Arc<Tally>) {
        *lock(&self.newest_round) = tally;
    }
}

/// Returns the least verbose level that is needed: librdkafka's log lines wake the polling thread, also if they are discarded.
fn log_level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", tracing::Level::TRACE) {
        RDKafkaLogLevel::Info
    } else {
        RDKafkaLogLevel::Notice
    }
}

/// Locks `mutex`. A panic while it is locked leaves the value valid.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
