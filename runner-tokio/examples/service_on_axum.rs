//! A whole service on axum: it takes orders over HTTP, writes them to Kafka, and handles them. The probes and the metrics of livebus are in the
//! same server.
//!
//! `cargo run -p livebus-tokio --features tower --example service_on_axum -- 8080 localhost:9092` serves at that port, and uses that Kafka, which
//! needs the topics `orders` and `livebus-liveness`. Without arguments: at any port, and with a Kafka inside the process.
//!
//! Try `curl -X POST 127.0.0.1:8080/orders/a-book`, `/readyz?verbose`, `/livez?verbose`, `/statusz` and `/metrics`. It serves until SIGINT or SIGTERM.

use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use livebus_tokio::handlers::{Context, Failed, Record, RequestHandler};
use livebus_tokio::kafka::rdkafka::client::DefaultClientContext;
use livebus_tokio::kafka::rdkafka::producer::FutureRecord;
use livebus_tokio::kafka::{
    EmbeddedCluster, KafkaConfig, LivenessBy, OwnFutureProducer, Properties,
};
use livebus_tokio::{Builder, TokioRuntime};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

type Producer = OwnFutureProducer<DefaultClientContext, TokioRuntime>;

/// Takes an order: it is accepted once Kafka has it.
async fn take_order(
    State(producer): State<Producer>,
    Path(what): Path<String>,
) -> (StatusCode, String) {
    let record = FutureRecord::<(), _>::to("orders").payload(&what);
    match producer.send(record, Duration::from_secs(5)).await {
        Ok(_) => (StatusCode::ACCEPTED, "accepted\n".to_owned()),
        Err((error, _)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

/// Handles an order. It is called with each record of the topic, again after a failure, and by one instance of the group only.
async fn handle_order(record: Record, _: Context) -> Result<(), Failed> {
    let payload = record.payload().unwrap_or_default();
    println!(
        "order: {}",
        str::from_utf8(payload).map_err(Failed::permanent)?
    );
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "0".to_owned());
    let port: u16 = port.parse().context("the first argument is no port")?;
    let (kafka, _embedded) = kafka(arguments.next())?;

    let mut config = kafka.client_config();
    // A request waits no longer than this for Kafka.
    config.set("message.timeout.ms", "3000");
    // While brokers acknowledge its records, no liveness message is sent.
    let producer: Producer = kafka.own_clients().create(&config, DefaultClientContext)?;
    let orders = RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
        .run(handle_order);
    let bus = Builder::new(kafka)
        .request_handler(orders)
        .systemd()
        .start()
        .await?;

    // Whatever is none of the service's own paths. If these have a fallback already: `.nest_service("/probes", bus.probes())`.
    let router = Router::new()
        .route("/orders/{what}", post(take_order))
        .with_state(producer)
        .fallback_service(bus.probes());
    // On Kubernetes: 0.0.0.0.
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let ended = async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        // NotReady first. The probes, and requests that still come, are answered until the drain is over.
        let last = bus.shutdown().await;
        println!("{}: {}", last.status, last.cause);
    };
    axum::serve(listener, router)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

/// Returns the configuration of the Kafka at `servers`; without it, of one inside the process, which must be kept.
fn kafka(servers: Option<String>) -> anyhow::Result<(KafkaConfig, Option<EmbeddedCluster>)> {
    if let Some(servers) = servers {
        let kafka = KafkaConfig::new(servers.parse()?, Properties::new())?;
        return Ok((kafka, None));
    }
    let cluster = EmbeddedCluster::start(1)?;
    for topic in [LivenessBy::DEFAULT_TOPIC, "orders"] {
        cluster.create_topic(topic, 1)?;
    }
    Ok((KafkaConfig::embedded(&cluster)?, Some(cluster)))
}
