//! A whole service on hyper and async-std: it takes orders over HTTP, writes them to Kafka, and handles them. The probes and the metrics of
//! livebus are in the same server.
//!
//! `cargo run -p livebus-async-std --example service_on_hyper -- 8080 localhost:9092` serves at that port, and uses that Kafka, which needs the
//! topics `orders` and `livebus-liveness`. Without arguments: at any port, and with a Kafka inside the process.
//!
//! Try `curl -X POST 127.0.0.1:8080/orders/a-book`, `/readyz?verbose`, `/livez?verbose`, `/statusz` and `/metrics`. It serves until SIGINT or SIGTERM.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use async_std::net::{TcpListener, TcpStream};
use futures::channel::{mpsc, oneshot};
use futures::future::{self, Either, FutureExt as _, Shared};
use futures::{StreamExt as _, select};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Method, Request, Response, StatusCode};
use livebus_async_std::endpoints::Probes;
use livebus_async_std::handlers::{Context, Failed, Record, RequestHandler};
use livebus_async_std::kafka::rdkafka::client::DefaultClientContext;
use livebus_async_std::kafka::rdkafka::producer::FutureRecord;
use livebus_async_std::kafka::{
    EmbeddedCluster, KafkaConfig, LivenessBy, OwnFutureProducer, Properties,
};
use livebus_async_std::{AsyncStdRuntime, Builder};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use smol_hyper::rt::{FuturesIo, SmolTimer};

type Producer = OwnFutureProducer<DefaultClientContext, AsyncStdRuntime>;

/// The maximum time for which the end waits for requests that are being answered.
const MAX_END: Duration = Duration::from_secs(10);

/// What each connection needs.
struct App {
    producer: Producer,
    probes: Probes,
}

impl App {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<String>, Infallible> {
        match (
            request.method(),
            request.uri().path().strip_prefix("/orders/"),
        ) {
            (&Method::POST, Some(what)) => Ok(self.take_order(what).await),
            // Whatever is none of the service's own paths.
            (_, _) => self.probes.call(request).await,
        }
    }

    /// Takes an order: it is accepted once Kafka has it.
    async fn take_order(&self, what: &str) -> Response<String> {
        let record = FutureRecord::<(), _>::to("orders").payload(what);
        let (status, text) = match self.producer.send(record, Duration::from_secs(5)).await {
            Ok(_) => (StatusCode::ACCEPTED, "accepted\n".to_owned()),
            Err((error, _)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        response
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

#[async_std::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or_else(|| "0".to_owned());
    let port: u16 = port.parse().context("the first argument is no port")?;
    let (kafka, _embedded) = kafka(arguments.next())?;
    let signal = first_signal()?;

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

    let app = Arc::new(App {
        producer,
        probes: bus.probes(),
    });
    // On Kubernetes: 0.0.0.0.
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    let (end, ended) = oneshot::channel();
    let ended = ended.shared();
    // Each connection holds a clone of the sender: the receiver ends with the last of them.
    let (open, mut connections) = mpsc::channel::<Infallible>(0);
    let mut shutdown = pin!(
        async {
            signal.await?;
            // NotReady first. The probes, and requests that still come, are answered until the drain is over.
            anyhow::Ok(bus.shutdown().await)
        }
        .fuse()
    );
    let mut incoming = listener.incoming().fuse();
    let last = loop {
        select! {
            stream = incoming.select_next_some() => {
                let (app, ended, open) = (Arc::clone(&app), ended.clone(), open.clone());
                async_std::task::spawn(async move {
                    serve(&app, stream?, ended).await;
                    drop(open);
                    anyhow::Ok(())
                });
            }
            last = shutdown => break last?,
        }
    };
    println!("{}: {}", last.status, last.cause);
    drop((end, open));
    let _timeout = async_std::future::timeout(MAX_END, connections.next()).await;
    Ok(())
}

/// Serves a connection until it is closed, or until the current answer after `ended`.
async fn serve(app: &App, stream: TcpStream, ended: Shared<oneshot::Receiver<Infallible>>) {
    let service = service_fn(|request| app.answer(request));
    let connection = http1::Builder::new()
        .timer(SmolTimer::new())
        .serve_connection(FuturesIo::new(stream), service);
    let mut connection = pin!(connection);
    let served = match future::select(ended, connection.as_mut()).await {
        Either::Left(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        Either::Right((served, _)) => served,
    };
    if let Err(error) = served {
        eprintln!("{error}");
    }
}

/// Resolves with the first SIGINT or SIGTERM.
fn first_signal() -> anyhow::Result<oneshot::Receiver<()>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (sender, signal) = oneshot::channel();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // After its end, the program has no receiver.
            let _ = sender.send(());
        }
    });
    Ok(signal)
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
