//! A small client of our own, tuned to tell the truth fast. The service's clients keep their own settings.

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

/// How long one turn of the polling thread takes, and so how long a closed client lingers. What happens meanwhile is
/// told at once all the same.
///
/// rdkafka polls in whole milliseconds and spins through the fraction that is left of the last one. A wait of whole
/// milliseconds *and a little* is over when the last poll returns, and leaves nothing to spin through; a turn in which
/// something happens spins once, for less than a millisecond.
const POLL: Duration = Duration::from_micros(1_000_200);

/// A producer, and a thread that polls it until the client is dropped, and drops it then.
///
/// rdkafka's own threaded producers poll ten times a second and spin for up to a millisecond each time; this client is
/// idle nearly always and shall cost nearly nothing.
pub(crate) struct LivenessClient {
    pub(crate) id: ClientId,
    pub(crate) producer: Arc<Producer>,
    /// Where the leaders of the liveness topic were when somebody looked last.
    leaders: Mutex<Option<Leaders>>,
    newest_round: Mutex<Arc<Tally>>,
    /// The last field: the polling thread may drop the producer only after this client has let go of it, so that it is not
    /// this thread which waits for that.
    _close: CloseOnDrop,
}

/// Tells the polling thread to end.
struct CloseOnDrop(Arc<AtomicBool>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl LivenessClient {
    /// May take some milliseconds. Does not wait for any broker: the first liveness message does.
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
            tracing::error!(%error, "the liveness client could not be made");
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
            tracing::error!(%error, "no thread for the liveness client");
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

    /// How the newest round stands.
    pub(crate) fn tally(&self) -> Arc<Tally> {
        Arc::clone(&lock(&self.newest_round))
    }

    pub(crate) fn set_tally(&self, tally: Arc<Tally>) {
        *lock(&self.newest_round) = tally;
    }
}

/// Lines that nobody would see are not even made: each would wake the polling thread.
fn log_level() -> RDKafkaLogLevel {
    if tracing::enabled!(target: "librdkafka", tracing::Level::TRACE) {
        RDKafkaLogLevel::Info
    } else {
        RDKafkaLogLevel::Notice
    }
}

/// Nobody panics while holding one of these locks, and if somebody did, the value would be whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
