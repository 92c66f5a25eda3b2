//! Whether a broker answers at an address that the metadata names.
//!
//! A bootstrap server may answer although no broker can be used: behind a load balancer, or with wrong `advertised.listeners`. What
//! it says proves something only if a broker answers at the address that records would be sent to.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use livebus_core::{Failure, FailureClass};
use livebus_runner::Runtime;
use rdkafka::producer::Producer as _;

use crate::blocking::on_thread;
use crate::cluster_guard::ClusterGuard;
use crate::config::KafkaConfig;
use crate::deadlines::{from_now, left_until, share};
use crate::inquiry::{Inquiry, Reach};
use crate::liveness_client::LivenessClient;

/// The age at which a client without an answer is replaced.
const MAX_AGE: Duration = Duration::from_mins(1);

/// How long an answer is waited for before the client requests metadata again.
const REFRESH_AFTER: Duration = Duration::from_millis(100);

/// The time from one answer with metadata to the next request.
const REFRESH_PACE: Duration = Duration::from_millis(250);

/// Checks that one of the brokers in the newest metadata answers. With tokens (OAUTHBEARER) nobody can be asked, and the check is
/// left out.
///
/// # Errors
///
/// [`FailureClass::AdvertisedAddress`] if none does, a little before `deadline`; any answer will do, whatever it says about `topic`.
pub(crate) async fn confirm<R: Runtime>(
    client: &Arc<LivenessClient>,
    kafka: &KafkaConfig,
    topic: &str,
    deadline: Instant,
) -> Result<(), Failure> {
    if !kafka.admits_admin_clients() {
        return Ok(());
    }
    let context = client.producer.context();
    let cluster = &context.cluster;
    let brokers = cluster.brokers();
    let now = Instant::now();
    let until = from_now(share(left_until(deadline), 4, 5));
    let inquiry = inquiry(cluster, kafka).await?;
    if answer::<R>(&inquiry, &brokers, topic, until).await {
        return Ok(());
    }
    // It is kept for a while, because it may still be connecting to brokers that are far away. A new one reads the properties again.
    cluster.forget_inquiry(MAX_AGE);
    context.facts.set_reason(
        FailureClass::AdvertisedAddress,
        &reason(kafka, &brokers, now.elapsed()),
    );
    Err(FailureClass::AdvertisedAddress.into())
}

/// Returns whether one of the brokers answers until `deadline`.
async fn answer<R: Runtime>(
    inquiry: &Arc<Inquiry>,
    brokers: &[(i32, String)],
    topic: &str,
    deadline: Instant,
) -> bool {
    let answers: FuturesUnordered<_> = brokers
        .iter()
        .map(|(id, _)| inquiry.answers::<R>(*id, topic, deadline))
        .collect();
    let answered = pin!(answers.any(ready));
    let refresh_at = pin!(R::sleep(REFRESH_AFTER));
    match select(answered, refresh_at).await {
        Either::Left((answered, _)) => answered,
        Either::Right(((), answered)) => {
            let refreshed = pin!(refresh::<R>(inquiry, deadline));
            match select(answered, refreshed).await {
                Either::Left((answered, _)) => answered,
                Either::Right(((), answered)) => answered.await,
            }
        }
    }
}

/// Requests metadata until `deadline`, from which the client learns its brokers. They were none if they came from a broker that its
/// controller had not taken back yet, and librdkafka would not request them again for minutes.
async fn refresh<R: Runtime>(inquiry: &Arc<Inquiry>, deadline: Instant) {
    while !left_until(deadline).is_zero() {
        let inquiry = Arc::clone(inquiry);
        let requested = on_thread(move || {
            let timeout = left_until(deadline);
            let client = inquiry.client();
            // Its content is of no interest.
            client.map(|client| drop(client.fetch_metadata(None, timeout)))
        });
        // Without a thread there is no refresh.
        let _ = requested.await;
        R::sleep(REFRESH_PACE).await;
    }
}

async fn inquiry(cluster: &ClusterGuard, kafka: &KafkaConfig) -> Result<Arc<Inquiry>, Failure> {
    if let Some(inquiry) = cluster.inquiry() {
        return Ok(inquiry);
    }
    let mut kafka = kafka.clone();
    let opened = on_thread(move || {
        kafka.reload();
        Inquiry::open(&kafka, [], Reach::AsNeeded)
    });
    let opened = Arc::new(opened.await??);
    cluster.set_inquiry(Arc::clone(&opened));
    Ok(opened)
}

fn reason(kafka: &KafkaConfig, brokers: &[(i32, String)], waited: Duration) -> String {
    let servers = kafka.servers();
    if brokers.is_empty() {
        return format!("{servers} answers, and names no broker");
    }
    let addresses: Vec<&str> = brokers
        .iter()
        .map(|(_, address)| address.as_str())
        .collect();
    format!(
        "{servers} answers, and within {} ms no broker does at the address that it advertises: {}",
        waited.as_millis(),
        addresses.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::Properties;

    #[test]
    fn the_reason_names_the_server_that_answers_and_each_address_that_does_not() {
        let servers = "kafka:9092".parse().expect("an address");
        let kafka = KafkaConfig::new(servers, Properties::new()).expect("valid");
        let brokers = [(1, "inside:1".to_owned()), (2, "inside:2".to_owned())];
        assert_eq!(
            reason(&kafka, &brokers, Duration::from_millis(800)),
            "kafka:9092 answers, and within 800 ms no broker does at the address that it advertises: inside:1, inside:2"
        );
        assert_eq!(
            reason(&kafka, &[], Duration::ZERO),
            "kafka:9092 answers, and names no broker"
        );
    }
}
