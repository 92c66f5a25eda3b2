//! One liveness message: a round to the leaders of the liveness topic, where the first answer is enough.

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

/// What a record says: enough for whoever finds it in the topic.
const PAYLOAD: &str = "livebus";
/// How long after something was lost on its way it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How long one call may block its thread: what a runtime that shuts down may have to wait for.
const LONGEST_CALL: Duration = Duration::from_secs(1);

/// Asks the bus once, until `deadline` at the latest.
///
/// What failed on the way, or for want of a leader, is asked again while there is time: the bus may come back meanwhile, and
/// shall be noticed when it does.
pub(crate) async fn ask<R: Runtime>(
    client: Arc<LivenessClient>,
    kafka: &KafkaConfig,
    deadline: Instant,
) -> Result<(), Failure> {
    loop {
        let told = match kafka.question() {
            LivenessBy::Metadata => metadata::<R>(&client, deadline).await,
            LivenessBy::Produce { topic, create } => {
                produce::<R>(&client, kafka, topic, *create, deadline).await
            }
        };
        match told {
            Err(failure) if may_pass(failure) && left_until(deadline) > 2 * ASK_AGAIN => {
                R::sleep(ASK_AGAIN).await;
            }
            told => return told,
        }
    }
}

/// Whether it failed on the way to the broker, or for want of a leader, rather than because a broker refused.
fn may_pass(failure: Failure) -> bool {
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
    let told = to_leaders::<R>(client, topic, &leaders, deadline).await;
    match told {
        Ok(()) if leaders.are_old() => R::spawn(refresh::<R>(Arc::clone(client), topic.to_owned())),
        Ok(()) => {}
        // Records wait for those leaders to come back.
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => {}
        // They may have moved, or be gone: look before asking again.
        Err(_) => client.set_leaders(None),
    }
    told
}

async fn metadata<R: Runtime>(
    client: &Arc<LivenessClient>,
    deadline: Instant,
) -> Result<(), Failure> {
    let timeout = left_until(deadline).min(LONGEST_CALL);
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
    let timeout = timeout.min(LONGEST_CALL);
    let look_up = move |producer: &Producer| Leaders::look_up(producer, &topic, timeout);
    let leaders = blocking::<R, _>(client, look_up).await??;
    client.set_leaders(Some(leaders.clone()));
    Ok(leaders)
}

async fn refresh<R: Runtime>(client: Arc<LivenessClient>, topic: String) {
    // Failing is no news: the next round notices whatever it means.
    let _ = look_up::<R>(&client, &topic, LONGEST_CALL).await;
}

async fn to_leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    leaders: &Leaders,
    deadline: Instant,
) -> Result<(), Failure> {
    let votes = pin!(votes(client, topic, &leaders.partitions));
    let meanwhile = pin!(other_brokers::<R>(client, topic, deadline));
    match select(votes, meanwhile).await {
        Either::Left((told, _)) => told,
        Either::Right((Some(failure), _)) => Err(failure),
        // Nobody else answers either. The leaders may yet do so, until the supervisor's deadline.
        Either::Right((None, votes)) => votes.await,
    }
}

/// Sends the records and gives the first acknowledgement, or the most decisive failure once all have failed.
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
        tally.asked.fetch_add(1, Ordering::Relaxed);
        if let Err((error, record)) = client.producer.send(record) {
            // The receiver is right here.
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

/// What a metadata answer of another broker makes of leaders that stay silent. `None` when nobody answers, or nobody
/// else is there to do so.
///
/// Asked at half time, so that a round which is answered as usual costs no metadata; told a little before the deadline,
/// so that the supervisor hears it rather than a timeout.
async fn other_brokers<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    deadline: Instant,
) -> Option<Failure> {
    let span = left_until(deadline);
    R::sleep(span / 2).await;
    let verdict = match look_up::<R>(client, topic, span * 3 / 10).await {
        Ok(leaders) if leaders.others => FailureClass::NoLeader.into(),
        Ok(_) => return None,
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => return None,
        Err(failure) => failure,
    };
    R::sleep(left_until(deadline).saturating_sub(span / 5)).await;
    Some(verdict)
}

async fn blocking<R: Runtime, T: Send + 'static>(
    client: &Arc<LivenessClient>,
    work: impl FnOnce(&Producer) -> T + Send + 'static,
) -> Result<T, Failure> {
    let producer = Arc::clone(&client.producer);
    let done = R::spawn_blocking(move || work(&producer)).await;
    done.ok_or(FailureClass::Other.into())
}

/// A definitive failure decides over a refusal, a refusal over a missing leader, and anything over silence.
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
