//! A gRPC service with a unary and a streaming method behind the gate, the health service, the probes in axum, two request handlers and a
//! producer in one file: the bus is an embedded Kafka here, so that it runs anywhere.
//!
//! `cargo run -p livebus-tokio --example grpc_service --features grpc,tower -- 9090`, then `livebus check grpc://127.0.0.1:9090`.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use livebus_tokio::grpc::{Gate, Health};
use livebus_tokio::handlers::{Begin, RequestHandler};
use livebus_tokio::kafka::rdkafka::producer::{FutureProducer, FutureRecord};
use livebus_tokio::kafka::{EmbeddedCluster, KafkaConfig, LivenessBy};
use livebus_tokio::{Builder, TokioRuntime};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Context, Poll, Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cluster = EmbeddedCluster::start(1)?;
    for topic in [LivenessBy::DEFAULT_TOPIC, "orders", "news"] {
        cluster.create_topic(topic, 1)?;
    }
    // For your own Kafka: KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
    let kafka = KafkaConfig::embedded(&cluster)?;
    let producer = kafka.client_config().create()?;

    let handled = Arc::<AtomicU64>::default();
    let count = Arc::clone(&handled);
    let orders = RequestHandler::new("orders").topics(["orders"]);
    let orders = orders.group("billing").run(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(()) }
    });
    let news = RequestHandler::new("news").topics(["news"]).broadcast();
    let news = news.begin(Begin::Latest).run(|record, _| async move {
        println!("news: {} bytes", record.payload().unwrap_or_default().len());
        Ok(())
    });
    let builder = Builder::new(kafka).request_handler(orders);
    let bus = builder.request_handler(news).start().await?;

    let service = Orders { producer, handled };
    let health = Health::of(&bus);
    health.register(Orders::NAME)?;
    let routes = Routes::new(health).add_service(Gate::of(&bus).layer(service));
    // gRPC and the probes share one port.
    let app = routes.into_axum_router().fallback_service(bus.probes());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port())).await?;
    println!("grpc://{0}, and http://{0}/readyz", listener.local_addr()?);
    let ended = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            eprintln!("{error}");
        }
        // NotReady first: the gate closes. The watches of the health service end with the supervision.
        bus.shutdown().await;
    };
    axum::serve(listener, app)
        .with_graceful_shutdown(ended)
        .await?;
    Ok(())
}

/// Returns the first argument, or else any free port.
fn port() -> u16 {
    let first = std::env::args().nth(1);
    first.and_then(|port| port.parse().ok()).unwrap_or(0)
}

/// The service `orders.v1.Orders`, as tonic would generate it. `Create` has a text as its request and its answer
/// (`google.protobuf.StringValue`); `Follow` streams how many orders were handled (`google.protobuf.UInt64Value`).
#[derive(Clone)]
struct Orders {
    producer:
        FutureProducer<livebus_tokio::kafka::rdkafka::client::DefaultClientContext, TokioRuntime>,
    handled: Arc<AtomicU64>,
}

impl UnaryService<String> for Orders {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let producer = self.producer.clone();
        Box::pin(async move {
            let order = request.into_inner();
            let record = FutureRecord::<(), _>::to("orders").payload(&order);
            let sent = producer.send(record, Duration::from_secs(5)).await;
            let sent = sent.map_err(|(error, _)| Status::unavailable(error.to_string()))?;
            Ok(Response::new(format!("order {}", sent.offset)))
        })
    }
}

impl ServerStreamingService<()> for Orders {
    type Response = u64;
    type ResponseStream = BoxStream<'static, Result<u64, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, _: Request<()>) -> Self::Future {
        let counts = stream::unfold(Arc::clone(&self.handled), |handled| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok(handled.load(Ordering::Relaxed)), handled))
        });
        Box::pin(async { Ok(Response::new(counts.boxed())) })
    }
}

impl NamedService for Orders {
    const NAME: &'static str = "orders.v1.Orders";
}

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let orders = self.clone();
        Box::pin(async {
            Ok(match request.uri().path() {
                "/orders.v1.Orders/Create" => {
                    let codec = ProstCodec::<String, String>::default();
                    Grpc::new(codec).unary(orders, request).await
                }
                "/orders.v1.Orders/Follow" => {
                    let codec = ProstCodec::<u64, ()>::default();
                    Grpc::new(codec).server_streaming(orders, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}
