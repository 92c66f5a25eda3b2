//! One of two services that call each other over Kafka: the orders. `calls_stock` is the other.
//!
//! `cargo run -p livebus-tokio --example calls_orders -- 8084 localhost:9092 a-book a-lamp` serves its probes at that port, orders these articles, one
//! after the other, prints what became of each, and ends.

use std::time::Duration;

use anyhow::Context as _;
use livebus_tokio::Builder;
use livebus_tokio::calls::{CallContext, CallHandler, Caller, NotReplied, Request};
use livebus_tokio::kafka::{KafkaConfig, Properties};

/// Says how urgent an article is: the stock asks for it.
async fn urgency(request: Request, _: CallContext) -> Result<Vec<u8>, NotReplied> {
    let is_urgent = request.payload().ends_with(b"lamp");
    Ok(if is_urgent { "urgent" } else { "not urgent" }.into())
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

    let stock = Caller::builder("to-stock", "orders-replies").build()?;
    let orders = CallHandler::new("orders")
        .topics(["orders-requests"])
        .group("orders")
        .run(urgency);
    let bus = Builder::new(kafka)
        .service("orders")
        .caller(&stock)
        .call_handler(orders)
        .http(([127, 0, 0, 1], port).into())
        .start()
        .await?;
    bus.ready().await?;
    println!("ready");

    for article in arguments {
        let call = stock.call("stock-requests", article.as_str(), article.as_str());
        // With a key it may be sent again: the stock reserves once.
        let call = call
            .idempotent(article.as_str())
            .deadline(Duration::from_secs(5));
        match call.await {
            Ok(reply) => println!("{article}: {}", String::from_utf8_lossy(reply.payload())),
            Err(error) => println!("{article}: {error} (executed: {:?})", error.execution()),
        }
    }
    let last = bus.shutdown().await;
    println!("{}: {}", last.status, last.cause);
    Ok(())
}
