//! A service on axum with a producer and a request handler, and the probes beside its own routes. The bus is an embedded Kafka here, so
//! that it runs anywhere.
//!
//! It serves until Ctrl-C. Try `/orders/a-book`, `/readyz?verbose`, `/livez?verbose`, `/statusz` and `/metrics`.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use livebus_tokio::handlers::RequestHandler;
use livebus_tokio::kafka::rdkafka::producer::{FutureProducer, FutureRecord};
use livebus_tokio::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};
use livebus_tokio::{Builder, TokioRuntime};

type Producer =
    FutureProducer<livebus_tokio::kafka::rdkafka::client::DefaultClientContext, TokioRuntime>;

async fn order(State(producer): State<Producer>, Path(what): Path<String>) -> StatusCode {
    let record = FutureRecord::<(), _>::to("orders").payload(&what);
    match producer.send(record, Duration::from_secs(5)).await {
        Ok(_) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = EmbeddedCluster::start(1)?;
    cluster.create_topic(LivenessBy::DEFAULT_TOPIC, 1)?;
    cluster.create_topic("orders", 1)?;
    // For your own Kafka: KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
    let kafka = KafkaConfig::embedded(&cluster)?;
    let producer: Producer = kafka.client_config().create()?;

    let orders = RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing");
    let orders = orders.run(|record, _| async move {
        println!(
            "an order of {} bytes",
            record.payload().unwrap_or_default().len()
        );
        Ok(())
    });
    let bus = Builder::new(kafka).request_handler(orders).start().await?;

    // Whatever is none of the service's own paths. If these have a fallback already: `.nest_service("/probes", bus.probes())`.
    let router = Router::new()
        .route("/orders/{what}", get(order))
        .with_state(producer)
        .fallback_service(bus.probes());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await?;
    println!("http://{}", listener.local_addr()?);
    let ended = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("{error}");
        }
        // NotReady first: the probes are answered until the drain is over.
        bus.shutdown().await;
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

/// Returns the first argument, or else any free port.
fn port() -> u16 {
    let first = std::env::args().nth(1);
    first.and_then(|port| port.parse().ok()).unwrap_or(0)
}
