//! One liveness message: a round to the leaders of the liveness topic, of which one acknowledgement is enough.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::channel::mpsc::unbounded;
use futures::future::{Either, select};
use livebus_core::{Failure, FailureClass, FailureKind};
use livebus_runner::Runtime;
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::config::{KafkaConfig, LivenessBy};
use crate::context::{Producer, Tally, Vote};
use crate::create_topic::create_topic;
use crate::error_class::failure;
use crate::leaders::Leaders;
use crate::liveness_client::LivenessClient;

/// The payload of a record, which shows readers of the topic where it comes from.
const PAYLOAD: &str = "livebus";
/// The delay before a retry, after a failure that may be temporary.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The maximum time for which one call blocks its thread, and a runtime that shuts down waits for it.
const MAX_BLOCKING_CALL: Duration = Duration::from_secs(1);

/// Sends one liveness message, until `deadline` at the latest.
///
/// Retries failures of the connection, and of a missing leader, while there is time: the bus may come back before the deadline,
/// and is noticed then.
pub(crate) async fn send_liveness<R: Runtime>(
    client: Arc<LivenessClient>,
    kafka: &KafkaConfig,
    deadline: Instant,
) -> Result<(), Failure> {
    loop {
        let result = match kafka.liveness_message() {
            LivenessBy::Metadata => metadata::<R>(&client, deadline).await,
            LivenessBy::Produce { topic, create } => {
                produce::<R>(&client, kafka, topic, *create, deadline).await
            }
        };
        match result {
            Err(failure) if is_temporary(failure) && left_until(deadline) > 2 * RETRY_DELAY => {
                R::sleep(RETRY_DELAY).await;
            }
            result => return result,
        }
    }
}

/// Returns whether it failed on the way to the broker, or because of a missing leader, and no broker rejected it.
fn is_temporary(failure: Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::Unreachable
            | FailureClass::Timeout
            | FailureClass::NameResolution
            | FailureClass::NoLeader
    )
}

async fn produce<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    create: bool,
    deadline: Instant,
) -> Result<(), Failure> {
    let leaders = match client.leaders() {
        Some(leaders) => leaders,
        None => find_leaders::<R>(client, kafka, topic, create, deadline).await?,
    };
    let result = to_leaders::<R>(client, topic, &leaders, deadline).await;
    match result {
        Ok(()) if leaders.are_old() => R::spawn(refresh::<R>(Arc::clone(client), topic.to_owned())),
        Ok(()) => {}
        // Records wait until those leaders come back.
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => {}
        // The leaders may have moved or disappeared: look them up before the next round.
        Err(_) => client.set_leaders(None),
    }
    result
}

async fn metadata<R: Runtime>(
    client: &Arc<LivenessClient>,
    deadline: Instant,
) -> Result<(), Failure> {
    let timeout = left_until(deadline).min(MAX_BLOCKING_CALL);
    let answer = blocking::<R, _>(client, move |producer| {
        producer.client().fetch_metadata(None, timeout).map(drop)
    });
    answer.await?.map_err(|error| failure(&error))?;
    client.producer.context().observations.live();
    Ok(())
}

async fn find_leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    create: bool,
    deadline: Instant,
) -> Result<Leaders, Failure> {
    match look_up::<R>(client, topic, left_until(deadline)).await {
        Err(failure) if failure.class == FailureClass::TopicMissing && create => {
            create_topic::<R>(kafka, topic, left_until(deadline)).await?;
            look_up::<R>(client, topic, left_until(deadline)).await
        }
        found => found,
    }
}

async fn look_up<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    timeout: Duration,
) -> Result<Leaders, Failure> {
    let topic = topic.to_owned();
    let timeout = timeout.min(MAX_BLOCKING_CALL);
    let look_up = move |producer: &Producer| Leaders::look_up(producer, &topic, timeout);
    let leaders = blocking::<R, _>(client, look_up).await??;
    client.set_leaders(Some(leaders.clone()));
    Ok(leaders)
}

async fn refresh<R: Runtime>(client: Arc<LivenessClient>, topic: String) {
    // A failure is ignored: the next round notices its cause.
    let _ = look_up::<R>(&client, &topic, MAX_BLOCKING_CALL).await;
}

async fn to_leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    leaders: &Leaders,
    deadline: Instant,
) -> Result<(), Failure> {
    let votes = pin!(votes(client, topic, &leaders.partitions));
    let others = pin!(other_brokers::<R>(client, topic, deadline));
    match select(votes, others).await {
        Either::Left((result, _)) => result,
        Either::Right((Some(failure), _)) => Err(failure),
        // No other broker answers either. The leaders still may, until the supervisor's deadline.
        Either::Right((None, votes)) => votes.await,
    }
}

/// Sends the records. Returns at the first acknowledgement, or with the most decisive failure once all have failed.
async fn votes(
    client: &Arc<LivenessClient>,
    topic: &str,
    partitions: &[i32],
) -> Result<(), Failure> {
    let (outcome, mut outcomes) = unbounded();
    let tally = Arc::new(Tally::default());
    client.set_tally(Arc::clone(&tally));
    for partition in partitions {
        let vote = Box::new(Vote {
            outcome: outcome.clone(),
            tally: Arc::clone(&tally),
        });
        let record = BaseRecord::with_opaque_to(topic, vote)
            .partition(*partition)
            .key("")
            .payload(PAYLOAD);
        tally.sent.fetch_add(1, Ordering::Relaxed);
        if let Err((error, record)) = client.producer.send(record) {
            // This cannot fail: the receiver is in this function.
            let _ = record
                .delivery_opaque
                .outcome
                .unbounded_send(Err(failure(&error)));
        }
    }
    drop(outcome);
    let mut worst = None;
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(()) => return Ok(()),
            Err(failure) => {
                worst = Some(worst.map_or(failure, |worst| more_decisive(worst, failure)));
            }
        }
    }
    Err(worst.unwrap_or(FailureClass::Other.into()))
}

/// Returns the failure of leaders that stay silent while another broker answers a metadata request. `None` when no broker
/// answers, or there is no other broker.
///
/// The request is sent at half time, so that a round that is acknowledged as usual costs no metadata. The result comes a little
/// before the deadline, so that the supervisor receives it and not a timeout.
async fn other_brokers<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    deadline: Instant,
) -> Option<Failure> {
    let span = left_until(deadline);
    R::sleep(span / 2).await;
    let result = match look_up::<R>(client, topic, span * 3 / 10).await {
        Ok(leaders) if leaders.others => FailureClass::NoLeader.into(),
        Ok(_) => return None,
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => return None,
        Err(failure) => failure,
    };
    R::sleep(left_until(deadline).saturating_sub(span / 5)).await;
    Some(result)
}

async fn blocking<R: Runtime, T: Send + 'static>(
    client: &Arc<LivenessClient>,
    work: impl FnOnce(&Producer) -> T + Send + 'static,
) -> Result<T, Failure> {
    let producer = Arc::clone(&client.producer);
    let done = R::spawn_blocking(move || work(&producer)).await;
    done.ok_or(FailureClass::Other.into())
}

/// Returns the more decisive failure: definitive before rejected, rejected before partial, and any of them before ambiguous.
fn more_decisive(a: Failure, b: Failure) -> Failure {
    let rank = |failure: Failure| match failure.class.kind() {
        FailureKind::Definitive => 3,
        FailureKind::Rejected => 2,
        FailureKind::Partial => 1,
        FailureKind::Ambiguous => 0,
    };
    if rank(b) > rank(a) { b } else { a }
}

fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
