//! A service on hyper with a producer and a request handler, and the probes beside its own routes. The bus is an embedded Kafka here, so
//! that it runs anywhere.
//!
//! It serves until it is killed. Try `/orders/a-book`, `/readyz?verbose`, `/livez?verbose`, `/statusz` and `/metrics`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_std::net::{TcpListener, TcpStream};
use futures::StreamExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Response, StatusCode};
use livebus_async_std::endpoints::Probes;
use livebus_async_std::handlers::RequestHandler;
use livebus_async_std::kafka::rdkafka::client::DefaultClientContext;
use livebus_async_std::kafka::rdkafka::producer::{FutureProducer, FutureRecord};
use livebus_async_std::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};
use livebus_async_std::{AsyncStdRuntime, Builder};
use smol_hyper::rt::{FuturesIo, SmolTimer};

type Producer = FutureProducer<DefaultClientContext, AsyncStdRuntime>;

/// What each connection needs.
struct App {
    producer: Producer,
    probes: Probes,
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        match request.uri().path().strip_prefix("/orders/") {
            Some(what) => Ok(self.order(what).await),
            // Whatever is none of the service's own paths.
            None => self.probes.call(request).await,
        }
    }

    async fn order(&self, what: &str) -> Response<String> {
        let record = FutureRecord::<(), _>::to("orders").payload(what);
        let mut response = Response::new(String::new());
        *response.status_mut() = match self.producer.send(record, Duration::from_secs(5)).await {
            Ok(_) => StatusCode::ACCEPTED,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        response
    }
}

async fn serve(app: Arc<App>, stream: TcpStream) {
    let service = service_fn(|request| app.answer(request));
    let served = http1::Builder::new()
        .timer(SmolTimer::new())
        .serve_connection(FuturesIo::new(stream), service);
    if let Err(error) = served.await {
        eprintln!("{error}");
    }
}

#[async_std::main]
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

    let app = Arc::new(App {
        producer,
        probes: bus.probes(),
    });
    let listener = TcpListener::bind(("127.0.0.1", port())).await?;
    println!("http://{}", listener.local_addr()?);
    while let Some(stream) = listener.incoming().next().await {
        async_std::task::spawn(serve(Arc::clone(&app), stream?));
    }
    Ok(())
}

/// Returns the first argument, or else any free port.
fn port() -> u16 {
    let first = std::env::args().nth(1);
    first.and_then(|port| port.parse().ok()).unwrap_or(0)
}
