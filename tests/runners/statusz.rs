//! What a process shows of its services, their loops and their handlers.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use livebus_core::{Handler, Status};
use livebus_kafka::KafkaBus;
use livebus_readiness::Registry;
use livebus_runner::handlers::RequestHandler;
use livebus_runner::{Builder, Bus, Handle};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::FullRunner;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};

use crate::embedded::{config, fast, small};
use crate::probes::{any_port, request};
use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start};

const OPENAPI: &str = include_str!("../../endpoints/openapi.json");

/// Returns the answer of `/statusz`, which the document describes.
pub(crate) async fn statusz<R: FullRunner, B: Bus>(handle: &Handle<B>) -> Value {
    let response = request::<R, _>(handle, "GET", "/statusz").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&response.body).expect("it is JSON");
    let document: Value = serde_json::from_str(OPENAPI).expect("it is JSON");
    let schema = json!({
        "$ref": "#/components/schemas/Statusz",
        "components": document["components"],
    });
    let validator = jsonschema::draft202012::new(&schema).expect("it is a schema");
    let errors: Vec<String> = validator
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{body:#}");
    body
}

pub(crate) async fn loops_of_all_buses_are_in_livez<R: FullRunner>() {
    let registry = Registry::builder().required("a").optional("b").build();
    let registry = registry.expect("the names differ");
    let [first, second] = [0; 2].map(|_| ScriptedBus::new(Answer::Live));
    let reporter = |name| registry.reporter(name).expect("it has none");
    let serving = builder::<R>(&first)
        .reporter(reporter("a"))
        .http(any_port());
    let (serving, _changes) = start(serving).await;
    let other = builder::<R>(&second)
        .reporter(reporter("b"))
        .handler(Handler::optional("never"), pending);
    let (other, mut changes) = start(other).await;
    changes.until(Status::Running).await;
    let verbose = request::<R, _>(&serving, "GET", "/livez?verbose").await;
    assert_eq!(
        verbose.body,
        "[+]ping ok\n[+]loop/a ok\n[+]loop/b ok\nlivez check passed\n"
    );
    let alone = request::<R, _>(&serving, "GET", "/livez/loop/b").await;
    assert_eq!((alone.status, &*alone.body), (200, "ok"));
    let mounted = other
        .probes()
        .answer("/livez", Some("verbose"), Instant::now());
    assert_eq!(mounted.body, verbose.body, "from either handle");
    let body = statusz::<R, _>(&serving).await;
    assert_eq!(
        body["services"][1]["handlers"],
        json!([{"name": "never", "required": false, "registered": false, "failure": null, "progress": null, "requests": null}])
    );
    assert_eq!(body["services"][1]["callers"], json!([]));
}

pub(crate) async fn statusz_shows_what_a_handler_has_done_and_what_waits<R: FullRunner>() {
    let cluster = small();
    cluster.create_topic("orders", 1).expect("it is created");
    let kafka = config(&cluster);
    let producer: BaseProducer = kafka.client_config().create().expect("valid properties");
    for payload in ["secret-0", "secret-1", "secret-2"] {
        let record = BaseRecord::<(), _>::to("orders").payload(payload);
        let sent = producer.send(record).map_err(|(error, _)| error);
        sent.expect("the queue has room");
    }
    producer.flush(WAIT_LIMIT).expect("they are acknowledged");
    let gate = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&gate);
    let handler = RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
        .property("fetch.wait.max.ms", "10")
        .run(move |_, _| {
            let opened = Arc::clone(&opened);
            async move {
                while !opened.load(Ordering::Relaxed) {
                    R::sleep(Duration::from_millis(10)).await;
                }
                Ok(())
            }
        });
    let builder = Builder::<R, KafkaBus<R>>::new(kafka)
        .settings(fast())
        .request_handler(handler)
        .http(any_port());
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;

    let waiting = handler_until::<R>(&handle, |progress| {
        progress["lag"] == 3 && progress["records_held"] == 3
    })
    .await;
    assert_eq!(waiting["partitions"], 1);
    assert_eq!(waiting["runs_in_flight"], 1);
    assert_eq!(waiting["oldest_record"]["topic"], "orders");
    assert_eq!(waiting["oldest_record"]["offset"], 0);
    assert_eq!(waiting["counters"]["done"], 0);
    let loops = request::<R, _>(&handle, "GET", "/livez?verbose").await;
    assert!(
        loops.body.contains("[+]loop/message-bus/orders ok\n"),
        "{loops:?}"
    );

    gate.store(true, Ordering::Relaxed);
    let done = handler_until::<R>(&handle, |progress| progress["lag"] == 0).await;
    assert_eq!(done["counters"]["done"], 3);
    assert_eq!(done["oldest_record"], Value::Null);

    let body = statusz::<R, _>(&handle).await;
    let service = &body["services"][0];
    assert_eq!(service["details"]["leaders"], "1 of 1 answered");
    assert_eq!(service["handlers"][0]["registered"], true);
    assert!(!body.to_string().contains("secret"), "{body:#}");

    let readiness = handle.readiness().clone();
    handle.shutdown().await;
    let probes = livebus_endpoints::Probes::new(readiness);
    eventually::<R>("the end of the loops", || {
        let body = probes.answer("/statusz", None, Instant::now()).body;
        let body: Value = serde_json::from_str(&body).expect("it is JSON");
        let handler = &body["services"][0]["handlers"][0];
        handler["registered"] == false && handler["progress"].is_null()
    })
    .await;
}

/// Waits until the progress of the handler is as it should be, and returns it.
async fn handler_until<R: FullRunner>(
    handle: &Handle<KafkaBus<R>>,
    condition: impl Fn(&Value) -> bool,
) -> Value {
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        let body = statusz::<R, _>(handle).await;
        let progress = &body["services"][0]["handlers"][0]["progress"];
        if condition(progress) {
            return progress.clone();
        }
        assert!(Instant::now() < deadline, "{body:#}");
        R::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn paths_of_voltha_are_served_only_when_asked_for<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (plain, _changes) = start(builder::<R>(&bus).http(any_port())).await;
    assert_eq!(request::<R, _>(&plain, "GET", "/readz").await.status, 404);
    drop(plain);
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _changes) = start(builder::<R>(&bus).http(any_port()).http_as_in_voltha()).await;
    let not_ready = request::<R, _>(&handle, "GET", "/readz").await;
    assert_eq!((not_ready.status, &*not_ready.body), (418, ""));
    assert_eq!(
        request::<R, _>(&handle, "GET", "/healthz").await.status,
        200
    );
    let details = request::<R, _>(&handle, "GET", "/detailz").await;
    let details: Value = serde_json::from_str(&details.body).expect("it is JSON");
    assert!(details["message-bus"].is_string(), "{details}");
    bus.set_answer(Answer::Live);
    handle.ready().await.expect("the bus answers");
    assert_eq!(request::<R, _>(&handle, "GET", "/readz").await.status, 200);
}
