//! One of two services that call each other over Kafka: the stock. `calls_orders` is the other.
//!
//! `cargo run -p livebus-tokio --example calls_stock -- 8083 localhost:9092` serves its probes at that port, and uses that Kafka, which needs the
//! topics `livebus-liveness`, `stock-requests`, `stock-replies`, `orders-requests` and `orders-replies`. It runs until SIGINT or SIGTERM.

use std::time::Instant;

use anyhow::Context as _;
use livebus_tokio::Builder;
use livebus_tokio::calls::{
    ApplicationError, CallContext, CallHandler, Caller, NotReplied, Request,
};
use livebus_tokio::kafka::{KafkaConfig, Properties};
use tokio::signal::unix::{SignalKind, signal};

/// Reserves an article. Before that it asks the service that orders it how urgent it is, in the time that its own caller has left.
async fn reserve(orders: Caller, request: Request, cx: CallContext) -> Result<Vec<u8>, NotReplied> {
    let left = cx.deadline().saturating_duration_since(Instant::now());
    let call = orders.call("orders-requests", "", request.payload());
    let urgency = call
        .deadline(left)
        .await
        .map_err(|error| ApplicationError {
            code: 1,
            reason: format!("the urgency is not known: {error}"),
        })?;
    let article = String::from_utf8_lossy(request.payload());
    let urgency = String::from_utf8_lossy(urgency.payload());
    println!("reserved: {article} ({urgency})");
    Ok(format!("reserved, as it is {urgency}").into_bytes())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "0".to_owned());
    let port: u16 = port.parse().context("the first argument is no port")?;
    let servers = arguments
        .next()
        .unwrap_or_else(|| "localhost:9092".to_owned());
    let kafka = KafkaConfig::new(servers.parse()?, Properties::new())?;

    let orders = Caller::builder("to-orders", "stock-replies").build()?;
    let caller = orders.clone();
    let stock = CallHandler::new("stock")
        .topics(["stock-requests"])
        .group("stock")
        .run(move |request, cx| reserve(caller.clone(), request, cx));
    let bus = Builder::new(kafka)
        .service("stock")
        .caller(&orders)
        .call_handler(stock)
        .http(([127, 0, 0, 1], port).into())
        .start()
        .await?;
    // The bus works, requests are read, and so are the replies to its own.
    bus.ready().await?;
    println!("ready");

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    let last = bus.shutdown().await;
    println!("{}: {}", last.status, last.cause);
    Ok(())
}
