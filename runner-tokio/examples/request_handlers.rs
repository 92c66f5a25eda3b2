//! Two request handlers, a producer and the probes in one file: the bus is an embedded Kafka here, so that it runs anywhere.
//!
//! The handlers are those of a service of which a pair of instances runs: every instance reads the broadcast topic, and the pair shares
//! the topic of its requests, from the newest record on.

use std::time::Duration;

use livebus_tokio::Builder;
use livebus_tokio::TokioRuntime;
use livebus_tokio::handlers::{Begin, Context, Failed, Record, RequestHandler};
use livebus_tokio::kafka::rdkafka::producer::{FutureProducer, FutureRecord};
use livebus_tokio::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};

const BROADCAST: &str = "core";
const REQUESTS: &str = "core-pair";

async fn on_broadcast(record: Record, _: Context) -> Result<(), Failed> {
    println!("broadcast: {}", text(&record)?);
    Ok(())
}

async fn on_request(record: Record, cx: Context) -> Result<(), Failed> {
    println!("request: {} (attempt {})", text(&record)?, cx.attempt());
    Ok(())
}

/// What is no text will never be one.
fn text(record: &Record) -> Result<&str, Failed> {
    str::from_utf8(record.payload().unwrap_or_default()).map_err(Failed::permanent)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = EmbeddedCluster::start(1)?;
    for topic in [LivenessBy::DEFAULT_TOPIC, BROADCAST, REQUESTS] {
        cluster.create_topic(topic, 1)?;
    }
    // For your own Kafka: KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
    let kafka = KafkaConfig::embedded(&cluster)?;
    let producer: FutureProducer<_, TokioRuntime> = kafka.client_config().create()?;

    let broadcast = RequestHandler::new("broadcast")
        .topics([BROADCAST])
        .broadcast()
        .run(on_broadcast);
    let requests = RequestHandler::new("requests")
        .topics([REQUESTS])
        .group("core-pair")
        .begin(Begin::Latest)
        .run(on_request);
    let bus = Builder::new(kafka)
        .request_handler(broadcast)
        .request_handler(requests)
        .http("127.0.0.1:0".parse()?)
        .start()
        .await?;
    // The bus works, and both handlers have their partitions.
    bus.ready().await?;
    println!("Running; ready: {}", bus.is_ready());

    for (topic, payload) in [(BROADCAST, "a new device"), (REQUESTS, "reboot it")] {
        let record = FutureRecord::<(), _>::to(topic).payload(payload);
        let sent = producer.send(record, Duration::from_secs(5)).await;
        sent.map_err(|(error, _)| error)?;
    }
    // They are handled in the meantime.
    tokio::time::sleep(Duration::from_secs(1)).await;

    // NotReady first. What is handled is committed before it ends.
    let last = bus.shutdown().await;
    println!("{}: {}", last.status, last.cause);
    Ok(())
}
