//! Logins: a rejected password, one that changes while the service runs, and tokens that expire.

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_core::FailureClass;
use livebus_kafka::{KafkaConfig, LivenessBy, Properties};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, Outside};
use livebus_tests::kafka_supervision::fast;
use livebus_tests::slow_network::SlowNetwork;

use crate::context::Context;

const TOPIC: &str = "logins";

/// How long logins are counted.
const COUNTED: Duration = Duration::from_secs(21);

/// One login each 5 s after a rejected one, and the first.
const MAX_LOGINS: usize = 5;

pub(crate) fn rejected_login_is_repeated_slowly_until_the_password_is_right(
    context: &Context,
) -> anyhow::Result<()> {
    let (node, servers) = node_with_logins(context)?;
    let password = Arc::new(Mutex::new("wrong"));
    let now = Arc::clone(&password);
    let read = move || {
        let password = *now.lock().unwrap_or_else(PoisonError::into_inner);
        let mut properties = Properties::new();
        properties
            .set("security.protocol", "SASL_PLAINTEXT")
            .set("sasl.mechanism", "PLAIN")
            .set("sasl.username", "service")
            .set("sasl.password", password);
        Ok(properties)
    };
    let kafka = KafkaConfig::new(servers.parse()?, read()?)?
        .reload_properties(read)
        .liveness_by(LivenessBy::Produce {
            topic: TOPIC.to_owned(),
            create: false,
        });
    let mut bus = context.supervise("password", context.host(), kafka, fast())?;
    bus.expect_not_ready(&[FailureClass::Authentication])?;
    let before = rejected_logins(&node)?;
    thread::sleep(COUNTED);
    let logins = rejected_logins(&node)? - before;
    ensure!(
        (1..=MAX_LOGINS).contains(&logins),
        "{logins} logins in {COUNTED:?}"
    );
    for change in bus.take_changes() {
        let class = change.report.cause.failure().map(|failure| failure.class);
        ensure!(
            class == Some(FailureClass::Authentication),
            "{}",
            bus.history_text()
        );
    }

    *password.lock().unwrap_or_else(PoisonError::into_inner) = "right";
    bus.expect_running()?;
    bus.shut_down()?;
    Ok(())
}

/// A token lives for some seconds, and several of them are needed while nothing may change.
#[cfg(feature = "ssl")]
pub(crate) fn expiring_tokens_are_refreshed(context: &Context) -> anyhow::Result<()> {
    let (_node, servers) = node_with_logins(context)?;
    let properties = Properties::parse([
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt=true",
        "sasl.oauthbearer.config=principal=service lifeSeconds=6",
    ])?;
    let kafka = KafkaConfig::new(servers.parse()?, properties)?.liveness_by(LivenessBy::Produce {
        topic: TOPIC.to_owned(),
        create: false,
    });
    let mut bus = context.supervise("tokens", context.host(), kafka, fast())?;
    bus.expect_running()?;
    thread::sleep(Duration::from_secs(20));
    bus.expect_no_change()?;
    bus.shut_down()?;
    Ok(())
}

/// Returns a node with a listener for logins, and its address.
fn node_with_logins(context: &Context) -> anyhow::Result<(KafkaNode, String)> {
    const LISTENER: &str = "listener.name.outside";
    let address = SlowNetwork::listen()?.local_addr()?;
    let plain =
        "org.apache.kafka.common.security.plain.PlainLoginModule required user_service=\"right\";";
    let token = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
                 unsecuredLoginStringClaim_sub=\"broker\";";
    let properties = [
        (
            format!("{LISTENER}.sasl.enabled.mechanisms"),
            "PLAIN,OAUTHBEARER",
        ),
        (format!("{LISTENER}.plain.sasl.jaas.config"), plain),
        (format!("{LISTENER}.oauthbearer.sasl.jaas.config"), token),
        // A client whose token has expired must log in again, or is disconnected.
        (format!("{LISTENER}.connections.max.reauth.ms"), "60000"),
    ];
    let node = context.own_node(&NodeOptions {
        outside: Some(Outside {
            port: address.port(),
            advertised: address.to_string(),
            protocol: "SASL_PLAINTEXT",
        }),
        properties: properties
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec(),
        ..NodeOptions::default()
    })?;
    node.create_topic(TOPIC, 1)?;
    Ok((node, address.to_string()))
}

/// Returns how many logins the node has rejected.
fn rejected_logins(node: &KafkaNode) -> anyhow::Result<usize> {
    let log = fs::read_to_string(node.folder().join("kafka.log")).context("the node's log")?;
    Ok(log
        .lines()
        .filter(|line| line.contains("Failed authentication with"))
        .count())
}
