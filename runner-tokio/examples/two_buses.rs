//! Two buses in one process, and one readiness over both: the process is ready while each of them can be used.

use livebus_tokio::Builder;
use livebus_tokio::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};
use livebus_tokio::readiness::Registry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let clusters = [EmbeddedCluster::start(1)?, EmbeddedCluster::start(1)?];
    for cluster in &clusters {
        cluster.create_topic(LivenessBy::DEFAULT_TOPIC, 1)?;
    }
    let [orders, audit] = &clusters;

    let registry = Registry::builder()
        .required("orders")
        .required("audit")
        .build()?;
    // A reader. It can be cloned, and cannot change anything.
    let readiness = registry.readiness();

    let orders = Builder::new(KafkaConfig::embedded(orders)?)
        .reporter(registry.reporter("orders")?)
        .start()
        .await?;
    orders.ready().await?;
    println!("orders is ready; the process: {}", readiness.is_ready());

    let audit = Builder::new(KafkaConfig::embedded(audit)?)
        .reporter(registry.reporter("audit")?)
        .start()
        .await?;
    audit.ready().await?;
    println!("audit is ready too; the process: {}", readiness.is_ready());

    audit.shutdown().await;
    println!("audit is shut down; the process: {}", readiness.is_ready());
    orders.shutdown().await;
    for service in readiness.services() {
        println!("{}: {}", service.name(), service.status());
    }
    Ok(())
}
