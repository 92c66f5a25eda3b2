//! Networks with long round trips and low rates.

use std::thread;
use std::time::Duration;

use livebus_core::{Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions, Outside};
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, kafka_config};
use livebus_tests::slow_network::{Link, SlowNetwork};

use crate::context::{Context, START_LIMIT};

const TOPIC: &str = "far";

pub(crate) fn far_bus_is_running_if_the_settings_allow_it(context: &Context) -> anyhow::Result<()> {
    // Half of the timeout of a check that a suspicion sends, which is the shortest one.
    let near = Settings::default();
    is_running_through(
        context,
        Link {
            round_trip: near.suspicion_timeout / 2,
            bytes_per_second: None,
        },
        &near,
    )?;
    let timeout = Duration::from_secs(3);
    let far = Settings {
        start_timeout: timeout,
        liveness_timeout: timeout,
        suspicion_timeout: timeout,
        not_live_interval: timeout,
        not_live_interval_max: timeout,
        ..Settings::default()
    };
    is_running_through(
        context,
        Link {
            round_trip: timeout / 2,
            bytes_per_second: None,
        },
        &far,
    )
}

pub(crate) fn slow_bus_is_running(context: &Context) -> anyhow::Result<()> {
    is_running_through(
        context,
        Link {
            round_trip: Duration::from_millis(20),
            bytes_per_second: Some(8_000),
        },
        &Settings::default(),
    )
}

/// Both kinds of liveness message become Running through the network, and nothing changes during two intervals after that.
fn is_running_through(context: &Context, link: Link, settings: &Settings) -> anyhow::Result<()> {
    let network = SlowNetwork::listen()?;
    let servers = network.local_addr()?.to_string();
    let outside = SlowNetwork::listen()?.local_addr()?;
    let mut node = KafkaNode::new(&NodeOptions {
        outside: Some(Outside {
            port: outside.port(),
            advertised: servers.clone(),
            protocol: "PLAINTEXT",
        }),
        ..NodeOptions::default()
    })?;
    let _network = SlowNetwork::start(network, outside, link)?;
    node.start()?;
    node.wait_until_it_answers(START_LIMIT)?;
    node.create_topic(TOPIC, 1)?;

    let settings = Settings {
        drain: Duration::ZERO,
        ..settings.clone()
    };
    let trip = link.round_trip.as_millis();
    let mut buses = Vec::new();
    for (kind, kafka) in [
        ("produce", by_produce(&servers, TOPIC)?),
        ("metadata", kafka_config(&servers, LivenessBy::Metadata)?),
    ] {
        let service = format!("{kind}, {trip} ms");
        buses.push(context.supervise(&service, context.host(), kafka, settings.clone())?);
    }
    for bus in &mut buses {
        becomes_running(bus)?;
    }
    thread::sleep(2 * settings.live_interval);
    for bus in &mut buses {
        bus.expect_no_change()?;
    }
    for bus in buses {
        bus.shut_down()?;
    }
    Ok(())
}

/// Waits until it is Running: the first interval may end before the connections are made.
fn becomes_running(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    while bus.last_status() != Status::Running {
        bus.next_change()?;
    }
    Ok(())
}
