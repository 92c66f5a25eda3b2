//! Looks up the leaders of a topic, and whether brokers answer at all, by metadata.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use livebus_core::Failure;
use livebus_runner::Runtime;
use rdkafka::producer::Producer as _;

use crate::blocking::on_thread;
use crate::deadlines::{from_now, left_until, share};
use crate::error_class::failure;
use crate::leaders::Leaders;
use crate::liveness_client::LivenessClient;
use crate::lock::lock;

/// How often it is checked whether the client is connected: at first, and after the first second.
const FIRST_PACE: Duration = Duration::from_millis(10);
const LATER_PACE: Duration = Duration::from_millis(50);

/// The maximum wait for the connection of a client that no broker can reject.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// Looks up the leaders of `topic`, until `limit` is over.
///
/// There is one look-up of a client at a time, and each waits for the same one: it may go on after the liveness message that
/// began it, so that a bus that is far away needs no second one.
pub(crate) async fn leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    limit: Duration,
) -> Result<Leaders, Failure> {
    let begun = lock(&client.look_up).clone();
    let look_up = match begun {
        Some(begun) if begun.peek().is_none() => begun,
        Some(_) | None => {
            let begun = Arc::clone(client);
            let topic = topic.to_owned();
            let look_up = async move {
                connected::<R>(&begun, limit).await;
                let client = Arc::clone(&begun);
                let found = on_thread(move || {
                    let seen = |brokers: &[_]| client.on_brokers(brokers);
                    let found = Leaders::look_up(client.producer.client(), &topic, limit, seen);
                    client.check_cluster()?;
                    if found.is_ok() {
                        client.producer.context().cluster.on_look_up();
                    }
                    found
                });
                Ok(begun.learn_leaders(found.await??))
            };
            let look_up = look_up.boxed().shared();
            *lock(&client.look_up) = Some(look_up.clone());
            look_up
        }
    };
    look_up.await
}

/// Sends a metadata request, until `limit` is over. A bootstrap server may be what answers.
pub(crate) async fn any_broker<R: Runtime>(
    client: &Arc<LivenessClient>,
    limit: Duration,
) -> Result<(), Failure> {
    connected::<R>(client, limit).await;
    let asked = Arc::clone(client);
    let answer = on_thread(move || {
        let answer = asked.producer.client().fetch_metadata(None, limit);
        let metadata = answer.map_err(|error| failure(&error))?;
        asked.on_brokers(metadata.brokers());
        asked.producer.context().cluster.on_look_up();
        asked.check_cluster()
    });
    answer.await?
}

/// Waits until the client is connected, for half of `limit` at most; if no broker can reject it, for [`MAX_WAIT`] at most.
///
/// A call for metadata blocks its thread and keeps its client for its whole time if there is no broker: most clients that reach none,
/// or are rejected, are closed before that. Whether it is connected is known by the id of the cluster, and librdkafka ignores the
/// first answer of a broker that its controller has not taken back yet: only a call for metadata shows then that it is taken back.
async fn connected<R: Runtime>(client: &LivenessClient, limit: Duration) {
    let limit = if client.can_be_rejected() {
        share(limit, 1, 2)
    } else {
        MAX_WAIT.min(share(limit, 1, 2))
    };
    let began = Instant::now();
    let end = from_now(limit);
    while !client.is_connected() && !left_until(end).is_zero() {
        R::sleep(pace(began.elapsed())).await;
    }
}

/// Returns the time until the next look, after this time of waiting.
fn pace(waited: Duration) -> Duration {
    if waited < Duration::from_secs(1) {
        FIRST_PACE
    } else {
        LATER_PACE
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use futures::executor::block_on;

    use super::*;

    #[test]
    fn after_the_first_second_it_is_looked_more_rarely() {
        let second = Duration::from_secs(1);
        assert_eq!(pace(Duration::ZERO), FIRST_PACE);
        assert_eq!(pace(Duration::from_nanos(999_999_999)), FIRST_PACE);
        assert_eq!(pace(second), LATER_PACE);
        assert_eq!(pace(2 * second), LATER_PACE);
    }

    #[test]
    fn a_client_without_a_broker_is_waited_for_to_the_limit() {
        let client = crate::context::tests::client();
        let limit = Duration::from_millis(30);
        let began = Instant::now();
        block_on(connected::<Blocking>(&client, limit));
        assert!(began.elapsed() >= limit / 2);
    }

    /// Sleeps on the thread that polls.
    struct Blocking;

    impl Runtime for Blocking {
        fn spawn(_task: impl Future<Output = ()> + Send + 'static) {}

        async fn sleep(duration: Duration) {
            std::thread::sleep(duration);
        }

        async fn spawn_blocking<T: Send + 'static>(
            work: impl FnOnce() -> T + Send + 'static,
        ) -> Option<T> {
            Some(work())
        }
    }
}
