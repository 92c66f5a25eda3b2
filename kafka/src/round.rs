//! One liveness message: a round to the leaders of the liveness topic, of which one acknowledgement is enough.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::channel::mpsc::unbounded;
use futures::future::{Either, FutureExt as _, join, select};
use futures::stream::{self, Stream, StreamExt};
use livebus_core::{Failure, FailureClass, FailureKind};
use livebus_runner::Runtime;
use rdkafka::producer::{BaseRecord, Producer as _};

use crate::advertised;
use crate::ballot::Ballot;
use crate::config::{KafkaConfig, LivenessBy};
use crate::context::{RoundEnd, Tally, Vote};
use crate::count::Finding;
use crate::counting;
use crate::deadlines::{from_now, left_until, share};
use crate::error_class::failure;
use crate::leaders::{Leaders, Partition};
use crate::liveness_client::LivenessClient;
use crate::lock::lock;
use crate::look_up;

/// The payload of a record, which shows readers of the topic where it comes from.
const PAYLOAD: &str = "livebus";
/// The delay before a retry, after a failure that may be temporary.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The delay before a retry while replicas are missing.
const OUTAGE_RETRY_DELAY: Duration = Duration::from_millis(250);

/// The delay before a created topic is looked up again.
const LOOK_UP_DELAY: Duration = Duration::from_millis(50);

/// Sends one liveness message, until `deadline` at the latest.
///
/// Retries failures of the connection, and of a missing leader, while there is time: the bus may come back before the deadline,
/// and is noticed then. While nothing proves that the bus works, it retries missing replicas too: a liveness message that
/// is answered early is followed by none until its interval ends.
pub(crate) async fn send_liveness<R: Runtime>(
    client: Arc<LivenessClient>,
    kafka: &KafkaConfig,
    deadline: Instant,
) -> Result<(), Failure> {
    let mut known = None;
    loop {
        let attempt = pin!(attempt::<R>(&client, kafka, deadline));
        let result = match known {
            None => attempt.await,
            // Too little time may be left for the last attempt to explain what has failed.
            Some(known) => {
                match select(attempt, pin!(R::sleep(share(left_until(deadline), 19, 20)))).await {
                    Either::Left((result, _)) => result,
                    Either::Right(_) => return Err(known),
                }
            }
        };
        let Err(failure) = result else {
            return result;
        };
        let is_armed = client.producer.context().observations.is_armed();
        let Some(delay) = retry_delay(failure, is_armed) else {
            return result;
        };
        if left_until(deadline) <= 2 * delay {
            return result;
        }
        known = Some(failure);
        R::sleep(delay).await;
    }
}

async fn attempt<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    deadline: Instant,
) -> Result<(), Failure> {
    match kafka.liveness_message() {
        LivenessBy::Metadata => metadata::<R>(client, kafka, deadline).await,
        LivenessBy::Produce { topic, create } => {
            produce::<R>(client, kafka, topic, *create, deadline).await
        }
    }
}

/// Returns the delay before the liveness message is sent again; `None` if that cannot help. `is_armed` is whether nothing proves that
/// the bus works.
fn retry_delay(failure: Failure, is_armed: bool) -> Option<Duration> {
    if is_temporary(failure) {
        Some(RETRY_DELAY)
    } else {
        (is_armed && is_outage(failure)).then_some(OUTAGE_RETRY_DELAY)
    }
}

/// Returns whether brokers answer, and the records of the service would fail all the same, until the cluster is repaired.
fn is_outage(failure: Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::ReplicasSilent | FailureClass::NotEnoughReplicas
    )
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
    let leaders = match leaders::<R>(client, kafka, topic, create, deadline).await {
        Ok(leaders) => leaders,
        // Learnt from metadata, which a bootstrap server may have sent. A rejection of a record is from its leader.
        Err(failure) if failure.class.kind() == FailureKind::Rejected => {
            advertised::confirm::<R>(client, kafka, topic, deadline).await?;
            return Err(failure);
        }
        Err(failure) => return Err(failure),
    };
    let span = left_until(deadline);
    let result = to_leaders::<R>(client, kafka, topic, &leaders, deadline).await;
    match result {
        Ok(()) => {
            confirm::<R>(client, topic, deadline).await?;
            let was_in_doubt = lock(&client.doubt).end();
            if was_in_doubt || leaders.are_old(Instant::now()) {
                R::spawn(refresh::<R>(Arc::clone(client), topic.to_owned(), span));
            }
        }
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => {}
        Err(failure) => {
            lock(&client.doubt).on_answer();
            if denies_leaders(failure) {
                client.set_leaders(client.leaders().map(Leaders::stale));
            }
        }
    }
    result
}

/// Returns whether a broker says that it does not lead its partition, or that there is no such topic. What a count says has no code.
fn denies_leaders(failure: Failure) -> bool {
    let is_denied =
        failure.class == FailureClass::NoLeader || failure.class.kind() == FailureKind::Rejected;
    is_denied && failure.code.is_some()
}

/// Looks up which cluster has acknowledged a record, if a connection has ended since the last look-up. Only then was it a proof.
///
/// # Errors
///
/// [`FailureClass::WrongCluster`]. Without an answer it counts: the connection on which the record was sent may have been the old one.
async fn confirm<R: Runtime>(
    client: &Arc<LivenessClient>,
    topic: &str,
    deadline: Instant,
) -> Result<(), Failure> {
    let context = client.producer.context();
    if context.cluster.is_unconfirmed() {
        let found = look_up::leaders::<R>(client, topic, share(left_until(deadline), 3, 4)).await;
        if let Err(failure) = found
            && failure.class == FailureClass::WrongCluster
        {
            return Err(failure);
        }
        context.proved();
    }
    Ok(())
}

/// Returns the leaders that are known, or looks them up. Those that were known are better than none: a look-up may meet a broker
/// that hangs.
async fn leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    create: bool,
    deadline: Instant,
) -> Result<Leaders, Failure> {
    if client.producer.context().cluster.is_unconfirmed() {
        // The metadata says which cluster answers now.
        client.set_leaders(client.leaders().map(Leaders::stale));
    }
    let known = match client.leaders() {
        Some(leaders) if !leaders.are_stale() => return Ok(leaders),
        known => known,
    };
    let Some(known) = known else {
        return find_leaders::<R>(client, kafka, topic, create, deadline).await;
    };
    let limit = share(left_until(deadline), 1, 4);
    let found = find_leaders::<R>(client, kafka, topic, create, from_now(limit));
    match select(pin!(found), pin!(R::sleep(limit))).await {
        Either::Left((found, _)) => found_or_known(found, known),
        Either::Right(_) => Ok(known),
    }
}

/// Returns what a look-up has found, or the leaders that were known if it has met a broker that does not answer.
fn found_or_known(found: Result<Leaders, Failure>, known: Leaders) -> Result<Leaders, Failure> {
    match found {
        Err(failure) if failure.class.kind() == FailureKind::Ambiguous => Ok(known),
        found => found,
    }
}

/// A broker that answers proves something only at the address at which records would be sent to it.
async fn metadata<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    deadline: Instant,
) -> Result<(), Failure> {
    let topic = LivenessBy::DEFAULT_TOPIC;
    let asked = look_up::any_broker::<R>(client, left_until(deadline));
    let are_known = !client.producer.context().cluster.brokers().is_empty();
    if are_known {
        // Both at once: the bus may be far away.
        let asked = asked.map(|result| (result, Instant::now()));
        let confirmed = advertised::confirm::<R>(client, kafka, topic, deadline)
            .map(|result| (result, Instant::now()));
        let ((asked, answered_at), (confirmed, ended_at)) = join(asked, confirmed).await;
        asked?;
        // A bus that hangs answers both late, and the first one later than the other one was waited for.
        if confirmed.is_err() && ended_at <= answered_at {
            advertised::confirm::<R>(client, kafka, topic, deadline).await?;
        } else {
            confirmed?;
        }
    } else {
        asked.await?;
        advertised::confirm::<R>(client, kafka, topic, deadline).await?;
    }
    client.producer.context().proved();
    Ok(())
}

async fn find_leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    create: bool,
    deadline: Instant,
) -> Result<Leaders, Failure> {
    match look_up::leaders::<R>(client, topic, left_until(deadline)).await {
        Err(failure) if failure.class == FailureClass::TopicMissing && create => {
            created::<R>(client, kafka, topic, deadline).await
        }
        found => found,
    }
}

/// Creates the topic, and looks it up until it is there. The creation goes on beyond the deadline.
async fn created<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    deadline: Instant,
) -> Result<Leaders, Failure> {
    // The rest is for the brokers to confirm that the topic is missing.
    let until = from_now(share(left_until(deadline), 3, 4));
    let cluster = Arc::clone(&client.producer.context().cluster);
    let creation = cluster.creation();
    let permit = move || cluster.creatable();
    let created = pin!(creation.ensure::<R>(kafka, topic, permit, until));
    // At the same time, because it may be needed after that.
    let confirmed = pin!(advertised::confirm::<R>(client, kafka, topic, deadline));
    match select(created, confirmed).await {
        Either::Left((created, _)) => created?,
        Either::Right((confirmed, created)) => confirmed.and(created.await)?,
    }
    loop {
        // The broker that is asked may not know it yet, or not its leaders.
        match look_up::leaders::<R>(client, topic, left_until(deadline)).await {
            Err(failure) if may_come(failure, left_until(until)) => {
                R::sleep(LOOK_UP_DELAY).await;
            }
            found => return found,
        }
    }
}

/// Returns whether a created topic may be found by another look-up, while so much time is left.
fn may_come(failure: Failure, left: Duration) -> bool {
    is_not_there_yet(failure) && left > RETRY_DELAY
}

fn is_not_there_yet(failure: Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::TopicMissing | FailureClass::NoLeader
    )
}

async fn refresh<R: Runtime>(client: Arc<LivenessClient>, topic: String, limit: Duration) {
    // A failure is ignored: the next round notices its cause.
    let _ = look_up::leaders::<R>(&client, &topic, limit).await;
}

/// What happens in a round.
enum Step {
    Outcome(Result<(), Failure>),
    Counted(Option<Finding>),
    Late,
}

/// Returns whether the brokers can be counted. A single broker has nobody beside it who could be asked.
const fn may_count(members: usize, may_ask: bool) -> bool {
    members > 1 && may_ask
}

/// Sends the records. Returns at the first acknowledgement, or with the failure that decides.
///
/// A round that is acknowledged as usual asks nothing else. Without an acknowledgement for a quarter of the time, the brokers are
/// counted that are alive. The result comes a little before the deadline, so that the supervisor receives it and not a timeout.
async fn to_leaders<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    leaders: &Leaders,
    deadline: Instant,
) -> Result<(), Failure> {
    let span = left_until(deadline);
    let (asks, late) = (share(span, 1, 4), share(span, 9, 10));
    let until = from_now(share(span, 4, 5));
    let is_counted = may_count(leaders.members.len(), lock(&client.doubt).may_ask());
    let mut ballot = Ballot::new(leaders.partitions.len(), is_counted);
    let count = async {
        R::sleep(asks).await;
        let finding = counting::count::<R>(client, kafka, topic, leaders, until).await;
        if finding.is_some_and(lacks_leaders) {
            counting::find_leaders::<R>(client, topic, left_until(deadline));
        }
        Step::Counted(finding)
    };
    let late = async {
        R::sleep(late).await;
        Step::Late
    };
    let count = stream::iter(is_counted.then_some(count)).then(|count| count);
    let outcomes = send(client, topic, &leaders.partitions).map(Step::Outcome);
    let mut steps = pin!(stream::select(
        outcomes,
        stream::select(count, stream::once(late))
    ));
    while let Some(step) = steps.next().await {
        match step {
            Step::Outcome(Ok(())) => return Ok(()),
            Step::Outcome(Err(failure)) => ballot.failed(failure),
            Step::Counted(finding) => ballot.counted(finding),
            Step::Late if client.producer.context().facts.is_throttled(Instant::now()) => {
                return Err(FailureClass::Throttled.into());
            }
            Step::Late => ballot.late(),
        }
        let Some(failure) = ballot.decision() else {
            continue;
        };
        if failure.class != FailureClass::NotEnoughReplicas {
            return Err(failure);
        }
        // Another partition may have enough replicas: its acknowledgement is on the way then.
        let acknowledged = steps.any(|step| ready(matches!(step, Step::Outcome(Ok(())))));
        let wait = pin!(R::sleep(share(span, 1, 16)));
        return match select(pin!(acknowledged), wait).await {
            Either::Left((true, _)) => Ok(()),
            Either::Left((false, _)) | Either::Right(_) => Err(failure),
        };
    }
    // Every step was taken, and nothing explains the silence.
    Err(FailureClass::Timeout.into())
}

/// Returns whether the leaders of all partitions are silent: others may lead them now.
fn lacks_leaders(finding: Finding) -> bool {
    finding.explanation == Some(FailureClass::NoLeader)
}

/// Sends one record to each partition, and returns the stream of their outcomes.
fn send(
    client: &Arc<LivenessClient>,
    topic: &str,
    partitions: &[Partition],
) -> impl Stream<Item = Result<(), Failure>> + use<> {
    let (outcome, outcomes) = unbounded();
    let tally = Arc::new(Tally::default());
    client.begin_round(Arc::clone(&tally));
    let end = RoundEnd(Arc::clone(&tally));
    for partition in partitions {
        let vote = Box::new(Vote {
            outcome: outcome.clone(),
            tally: Arc::clone(&tally),
        });
        let record = BaseRecord::with_opaque_to(topic, vote)
            .partition(partition.id)
            .key("")
            .payload(PAYLOAD);
        tally.sent.fetch_add(1, Ordering::Relaxed);
        if let Err((error, record)) = client.producer.send(record) {
            // This cannot fail: the receiver is returned.
            let _ = record
                .delivery_opaque
                .outcome
                .unbounded_send(Err(failure(&error)));
        }
    }
    outcomes.inspect(move |_| {
        let _held_until_the_stream_is_dropped = &end;
    })
}

#[cfg(test)]
mod tests;
