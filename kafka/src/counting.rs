//! Counts the brokers that are alive, while there is doubt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use livebus_runner::Runtime;
use rdkafka::producer::Producer as _;

use crate::blocking::on_thread;
use crate::bootstrap_check::cluster_ids;
use crate::config::KafkaConfig;
use crate::count::{Count, Finding};
use crate::doubt::COUNTS;
use crate::inquiry::{Answer, Inquiry, Reach};
use crate::leaders::Leaders;
use crate::liveness_client::LivenessClient;
use crate::lock::lock;
use crate::look_up;

/// Counts the brokers that are alive, twice if the first count finds too few replicas, each time for an equal share of the time
/// `until` then. Returns the last finding.
pub(crate) async fn count<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    leaders: &Leaders,
    until: Instant,
) -> Option<Finding> {
    let mut finding = None;
    for left in (1..=COUNTS).rev() {
        let began = Instant::now();
        let share = until.saturating_duration_since(began) / left;
        let answers = if kafka.admits_admin_clients() {
            let inquiry = inquiry(client, kafka, leaders).await?;
            ask::<R>(&inquiry, topic, leaders, began + share).await
        } else {
            ask_each_alone(kafka, leaders, share).await?
        };
        let (alive, silent) = answers
            .iter()
            .partition::<Vec<_>, _>(|(_, it)| it.is_some());
        let ids = |part: Vec<&(i32, Option<Answer>)>| part.iter().map(|(id, _)| *id).collect();
        let count = Count {
            alive: ids(alive),
            silent: ids(silent),
        };
        let mut doubt = lock(&client.doubt);
        let min_in_sync = doubt.learn(answers.iter().filter_map(|(_, answer)| answer.as_ref()));
        let found = count.finding(&leaders.partitions, kafka.acks(), min_in_sync);
        let taken = doubt.take(found, began.elapsed());
        drop(doubt);
        tracing::debug!(topic, ?count, ?min_in_sync, ?taken, "counted the brokers");
        if !found.is_answered {
            client.producer.context().facts.on_silence();
        }
        finding = Some(taken);
        if is_final(found, taken) {
            break;
        }
    }
    finding
}

/// Returns whether no other count is needed after one that has `found` something, of which so much is `taken`: too few replicas must be
/// found again, and nobody may have answered by accident.
const fn is_final(found: Finding, taken: Finding) -> bool {
    taken.too_few || (found.is_answered && !found.too_few)
}

/// The answer of each broker, by its id.
type Answers = Vec<(i32, Option<Answer>)>;

async fn ask<R: Runtime>(
    inquiry: &Inquiry,
    topic: &str,
    leaders: &Leaders,
    deadline: Instant,
) -> Answers {
    let asked = leaders.members.iter().map(|member| {
        let answer = inquiry.ask::<R>(member.id, topic, deadline);
        async move { (member.id, answer.await) }
    });
    join_all(asked).await
}

/// Asks each broker by a client of its own, for properties with which no admin client can log in. None says how many replicas must be
/// in sync.
async fn ask_each_alone(
    kafka: &KafkaConfig,
    leaders: &Leaders,
    limit: Duration,
) -> Option<Answers> {
    let (ids, servers): (Vec<_>, Vec<_>) = leaders
        .members
        .iter()
        .filter_map(|member| Some((member.id, member.address.as_ref()?.to_string())))
        .unzip();
    let kafka = kafka.clone();
    let answers = on_thread(move || cluster_ids(&servers, &kafka, limit)).await;
    let answer = |id: Option<String>| id.map(|_| Answer { min_in_sync: None });
    Some(
        ids.into_iter()
            .zip(answers.ok()?.into_iter().map(answer))
            .collect(),
    )
}

/// Looks the leaders up in the background, on the client of the doubt if there is one: its connections hold up no question.
pub(crate) fn find_leaders<R: Runtime>(client: &Arc<LivenessClient>, topic: &str, limit: Duration) {
    let (client, topic) = (Arc::clone(client), topic.to_owned());
    let inquiry = lock(&client.doubt).inquiry.clone();
    // A failure is ignored: the next round has the leaders that were known.
    R::spawn(async move {
        let Some(inquiry) = inquiry else {
            drop(look_up::leaders::<R>(&client, &topic, limit).await);
            return;
        };
        let found = on_thread(move || {
            let cluster = &client.producer.context().cluster;
            let seen = |brokers: &[_]| cluster.on_brokers(brokers);
            let found = Leaders::look_up(inquiry.client()?, &topic, limit, seen).ok()?;
            Some(client.learn_leaders(found))
        });
        drop(found.await);
    });
}

async fn inquiry(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    leaders: &Leaders,
) -> Option<Arc<Inquiry>> {
    let kept = lock(&client.doubt).inquiry.clone();
    if kept.is_some() {
        return kept;
    }
    let kafka = kafka.clone();
    let addresses: Vec<_> = leaders.addresses().map(ToString::to_string).collect();
    let reach = if leaders.are_all_members {
        Reach::EveryBroker
    } else {
        Reach::AsNeeded
    };
    let open = move || Inquiry::open(&kafka, addresses.iter().map(String::as_str), reach);
    let opened = on_thread(open).await.and_then(|opened| opened);
    let opened = opened.inspect_err(|error| tracing::warn!(%error, "no client to ask brokers"));
    let opened = Arc::new(opened.ok()?);
    lock(&client.doubt).inquiry = Some(Arc::clone(&opened));
    Some(opened)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use rdkafka::ClientConfig;
    use rdkafka::producer::BaseProducer;

    use super::*;
    use crate::embedded::EmbeddedCluster;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn finding(is_answered: bool, too_few: bool) -> Finding {
        Finding {
            is_answered,
            too_few,
            explanation: None,
        }
    }

    #[test]
    fn enough_replicas_are_final_and_too_few_once_they_are_taken() {
        let enough = finding(true, false);
        assert!(is_final(enough, enough));
        let too_few = finding(true, true);
        assert!(!is_final(too_few, enough), "they must be found again");
        assert!(is_final(too_few, too_few));
        let silence = finding(false, false);
        assert!(!is_final(silence, silence));
    }

    #[test]
    fn each_broker_is_asked_alone_where_no_admin_client_can_log_in() {
        let cluster = EmbeddedCluster::start(2).expect("starts");
        cluster.create_topic("ours", 2).expect("creates");
        let kafka = KafkaConfig::embedded(&cluster).expect("its addresses are valid");
        let client: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .expect("a client");
        let leaders = Leaders::look_up(client.client(), "ours", TIMEOUT, |_| {});
        let leaders = leaders.expect("it has leaders");
        cluster.kill_broker(2).expect("kills");
        let asked = block_on(ask_each_alone(&kafka, &leaders, Duration::from_secs(3)));
        let alive = Answer { min_in_sync: None };
        assert_eq!(asked, Some(vec![(1, Some(alive)), (2, None)]));
    }
}
