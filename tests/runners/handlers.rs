//! Request handlers are registered after each start, and Running waits for the required ones.

use std::future::{pending, ready};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::channel::oneshot;
use livebus_core::{Cause, Failure, FailureClass, Handler, Settings, Status};
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig, LivenessBy, Properties};
use livebus_runner::Builder;
use livebus_runner::handlers::RequestHandler;
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::FullRunner;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start};

pub(crate) async fn running_needs_every_required_handler<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (open, gate) = oneshot::channel::<()>();
    let gate = gate.shared();
    let builder = builder::<R>(&bus)
        .handler(Handler::optional("never"), pending)
        .handler(Handler::required("requests"), move || {
            let gate = gate.clone();
            async move { gate.await.map_err(|_| FailureClass::Other.into()) }
        });
    let (handle, _changes) = start(builder).await;
    eventually::<R>("a message", || bus.messages_sent() > 0).await;
    assert!(!handle.is_ready());
    open.send(()).expect("the handler waits for it");
    handle.ready().await.expect("the handler is registered");
}

pub(crate) async fn failed_handler_is_the_cause_and_is_retried<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let attempts = AtomicU32::new(0);
    let builder = builder::<R>(&bus).handler(Handler::required("requests"), move || {
        let fails = attempts.fetch_add(1, Ordering::Relaxed) < 2;
        async move {
            if fails {
                Err(Failure::new(FailureClass::Authorization))
            } else {
                Ok(())
            }
        }
    });
    let (_handle, mut changes) = start(builder).await;
    let failed = changes.until(Status::NotReady).await;
    assert!(
        matches!(failed.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Authorization)
    );
    changes.until(Status::Running).await;
}

pub(crate) async fn request_handlers_that_cannot_be_right_are_refused<R: FullRunner>() {
    let handler = |name: &str, topic: &str, group: &str| {
        let handler = RequestHandler::new(name).topics([topic]).group(group);
        handler.run(|_, _| async { Ok(()) })
    };
    for (handlers, needle) in [
        (vec![handler("a", "", "g")], "names the topic ``"),
        (vec![handler("a", "a/b", "g")], "names the topic `a/b`"),
        (vec![handler("a", "t", "")], "has no name"),
        (
            vec![handler("a", "t", "g"), handler("a", "u", "g")],
            "a name of its own",
        ),
        (
            vec![handler("a", "t", "g"), handler("b", "t", "g")],
            "may both read `t`",
        ),
    ] {
        let properties = Properties::new();
        let kafka = KafkaConfig::new("127.0.0.1:1".parse().expect("an address"), properties);
        let builder = Builder::<R, KafkaBus<R>>::new(kafka.expect("valid properties"));
        let builder = handlers.into_iter().fold(builder, Builder::request_handler);
        let error = builder.start().await.expect_err(needle);
        assert!(error.to_string().contains(needle), "{error}");
    }
}

pub(crate) async fn request_handler_reads_across_faults<R: FullRunner>() {
    const RECORDS: usize = 200;

    let cluster = EmbeddedCluster::start(1).expect("it starts");
    for topic in [LivenessBy::DEFAULT_TOPIC, "orders"] {
        cluster.create_topic(topic, 1).expect("it is created");
    }
    let kafka = KafkaConfig::embedded(&cluster).expect("valid addresses");
    let producer: BaseProducer = kafka.client_config().create().expect("valid properties");
    let send = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let text = number.to_string();
            let record = BaseRecord::<(), _>::to("orders").payload(&text);
            producer
                .send(record)
                .map_err(|(error, _)| error)
                .expect("the queue has room");
        }
        producer.flush(WAIT_LIMIT).expect("they are acknowledged");
    };
    let seen: Arc<Mutex<Vec<i64>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let handler = RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
        // A consumer of the embedded cluster waits for this whole time.
        .property("fetch.wait.max.ms", "10")
        .run(move |record, _| {
            noted.lock().expect("no panic").push(record.offset());
            ready(Ok(()))
        });
    let handle = Builder::<R, KafkaBus<R>>::new(kafka)
        .settings(Settings::fast())
        .request_handler(handler)
        .start()
        .await
        .expect("it starts");
    handle.ready().await.expect("the handler is registered");
    send(0..RECORDS / 2);
    let count = || seen.lock().expect("no panic").len();
    eventually::<R>("half of the records", || count() >= RECORDS / 2).await;
    cluster.kill().expect("it is killed");
    eventually::<R>("NotReady", || handle.status() == Status::NotReady).await;
    cluster.restore().expect("it is restored");
    send(RECORDS / 2..RECORDS);
    eventually::<R>("all records", || count() >= RECORDS).await;
    let report = handle.shutdown().await;
    assert_eq!(report.cause, Cause::ShutDown);
    let mut offsets = seen.lock().expect("no panic").clone();
    offsets.sort_unstable();
    offsets.dedup();
    assert_eq!(offsets.len(), RECORDS);
}

pub(crate) async fn request_handler_sees_headers_unless_they_are_left_out<R: FullRunner>() {
    let cluster = EmbeddedCluster::start(1).expect("it starts");
    for topic in [LivenessBy::DEFAULT_TOPIC, "orders"] {
        cluster.create_topic(topic, 1).expect("it is created");
    }
    let kafka = KafkaConfig::embedded(&cluster).expect("valid addresses");
    let producer: BaseProducer = kafka.client_config().create().expect("valid properties");
    let header = rdkafka::message::Header {
        key: "kind",
        value: Some("new"),
    };
    let headers = rdkafka::message::OwnedHeaders::new().insert(header);
    let record = BaseRecord::<(), _>::to("orders").payload("1");
    producer
        .send(record.headers(headers))
        .map_err(|(error, _)| error)
        .expect("the queue has room");
    producer.flush(WAIT_LIMIT).expect("it is acknowledged");
    let seen = Arc::new(Mutex::new(Vec::<(&str, Option<Vec<u8>>)>::new()));
    let handler = |name: &'static str| {
        RequestHandler::new(name)
            .topics(["orders"])
            .group(name)
            .property("fetch.wait.max.ms", "10")
    };
    let run = |name: &'static str, handler: RequestHandler| {
        let seen = Arc::clone(&seen);
        handler.run(move |record, _| {
            let kind = record.header("kind").map(<[u8]>::to_vec);
            seen.lock().expect("no panic").push((name, kind));
            ready(Ok(()))
        })
    };
    let handle = Builder::<R, KafkaBus<R>>::new(kafka)
        .settings(Settings::fast())
        .request_handler(run("with", handler("with")))
        .request_handler(run("without", handler("without").without_headers()))
        .start()
        .await
        .expect("it starts");
    eventually::<R>("both", || seen.lock().expect("no panic").len() == 2).await;
    drop(handle);
    let mut seen = seen.lock().expect("no panic").clone();
    seen.sort_unstable();
    let expected = [("with", Some(b"new".to_vec())), ("without", None)];
    assert_eq!(seen, expected);
}
