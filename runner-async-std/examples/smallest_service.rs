//! The smallest service: one bus, and the probes over HTTP. The bus is an embedded Kafka here, so that it runs anywhere.

use futures::StreamExt as _;
use livebus_async_std::Builder;
use livebus_async_std::kafka::rdkafka::producer::{
    BaseRecord, DefaultProducerContext, ThreadedProducer,
};
use livebus_async_std::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};

#[async_std::main]
async fn main() -> anyhow::Result<()> {
    let cluster = EmbeddedCluster::start(1)?;
    cluster.create_topic(LivenessBy::DEFAULT_TOPIC, 1)?;
    cluster.create_topic("orders", 1)?;
    // For your own Kafka: KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
    let kafka = KafkaConfig::embedded(&cluster)?;

    // A client of your own: while brokers acknowledge its records, no liveness message is sent.
    let producer: ThreadedProducer<_> = kafka
        .own_clients()
        .create(&kafka.client_config(), DefaultProducerContext)?;

    let bus = Builder::new(kafka)
        .http("127.0.0.1:0".parse()?)
        .start()
        .await?;
    bus.ready().await?;
    println!("Running; ready: {}", bus.is_ready());
    let sent = producer.send(BaseRecord::<str, str>::to("orders").payload("the first"));
    sent.map_err(|(error, _)| error)?;

    let mut changes = bus.changes();
    cluster.kill()?;
    println!("The broker is killed.");
    if let Some(change) = changes.next().await {
        println!("{}: {}", change.report.status, bus.describe(&change.report));
    }
    cluster.restore()?;
    bus.ready().await?;
    println!("The broker is back; ready: {}", bus.is_ready());

    let last = bus.shutdown().await;
    println!("{}: {}", last.status, last.cause);
    Ok(())
}
