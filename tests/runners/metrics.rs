//! The metrics of a process, as Prometheus scrapes them.

use std::time::{Duration, Instant};

use livebus_core::{Handler, Status};
use livebus_kafka::KafkaBus;
use livebus_readiness::Registry;
use livebus_runner::handlers::RequestHandler;
use livebus_runner::{Builder, Bus, Handle};
use livebus_tests::host::FullRunner;
use livebus_tests::http::{self, Response};
use livebus_tests::{WAIT_LIMIT, promtool};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::embedded::{config, fast, small};
use crate::probes::{any_port, request};
use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{blocking, eventually, start};

/// What Prometheus 2.42 accepts.
const PROMETHEUS_ACCEPTS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
     text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

pub(crate) async fn scrape<R: FullRunner, B: Bus>(
    handle: &Handle<B>,
    accept: &'static str,
) -> Response {
    let address = handle.http_address().expect("the server is started");
    let scraped = blocking::<R, _>(move || http::get_accepting(address, "/metrics", accept)).await;
    let response = scraped.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    response
}

/// Returns the value of a series, which is written with its labels.
pub(crate) fn value<'a>(metrics: &'a str, series: &str) -> &'a str {
    let values = metrics.lines().filter_map(|line| {
        let value = line.strip_prefix(series)?.strip_prefix(' ')?;
        Some(value)
    });
    let values: Vec<&str> = values.collect();
    let [value] = values[..] else {
        panic!("{series}: {values:?}\n{metrics}");
    };
    value
}

/// Scrapes until the metrics are as they should be, and returns them.
pub(crate) async fn until<R: FullRunner, B: Bus>(
    handle: &Handle<B>,
    condition: impl Fn(&str) -> bool,
) -> String {
    let deadline = Instant::now() + WAIT_LIMIT;
    loop {
        let metrics = scrape::<R, B>(handle, "*/*").await.body;
        if condition(&metrics) {
            return metrics;
        }
        assert!(Instant::now() < deadline, "{metrics}");
        R::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn format_is_the_one_that_the_client_accepts<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus).http(any_port())).await;
    changes.until(Status::Running).await;
    let open_metrics = scrape::<R, _>(&handle, PROMETHEUS_ACCEPTS).await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(open_metrics.header("content-type"), Some(content_type));
    assert!(open_metrics.body.ends_with("\n# EOF\n"), "{open_metrics:?}");
    let text = scrape::<R, _>(&handle, "*/*").await;
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(text.header("content-type"), Some(content_type));
    assert!(!text.body.contains("# EOF"), "{text:?}");
    let head = request::<R, _>(&handle, "HEAD", "/metrics").await;
    assert_eq!((head.status, &*head.body), (200, ""));
    assert_eq!(head.header("content-type"), Some(content_type));
}

pub(crate) async fn each_service_of_a_process_has_its_own_series<R: FullRunner>() {
    let registry = Registry::builder().required("a").optional("b").build();
    let registry = registry.expect("the names differ");
    let [live, silent] = [Answer::Live, Answer::Silence].map(ScriptedBus::new);
    let reporter = |name| registry.reporter(name).expect("it has none");
    let serving = builder::<R>(&live).reporter(reporter("a")).http(any_port());
    let (serving, mut changes) = start(serving).await;
    changes.until(Status::Running).await;
    let before = scrape::<R, _>(&serving, "*/*").await.body;
    assert_eq!(
        value(
            &before,
            "livebus_start_attempts_total{livebus_service=\"b\"}"
        ),
        "0"
    );
    let other = builder::<R>(&silent)
        .reporter(reporter("b"))
        .handler(Handler::optional("foreign"), std::future::pending);
    let (_other, _changes) = start(other).await;
    let failed = "livebus_check_duration_seconds_count{livebus_service=\"b\",outcome=\"failed\"}";
    let metrics = until::<R, _>(&serving, |it| value(it, failed) != "0").await;
    for (series, expected) in [
        ("livebus_ready", "1"),
        (
            "livebus_status{livebus_service=\"a\",status=\"Running\"}",
            "1",
        ),
        (
            "livebus_status{livebus_service=\"b\",status=\"Running\"}",
            "0",
        ),
        ("livebus_start_attempts_total{livebus_service=\"a\"}", "1"),
        (
            "livebus_check_duration_seconds_count{livebus_service=\"a\",outcome=\"failed\"}",
            "0",
        ),
        (
            "livebus_check_duration_seconds_count{livebus_service=\"b\",outcome=\"succeeded\"}",
            "0",
        ),
        (
            "livebus_handler_registered{livebus_service=\"b\",handler=\"foreign\"}",
            "0",
        ),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
    for absent in ["livebus_handler_lag", "livebus_leaders"] {
        assert!(!metrics.contains(absent), "{absent} of nothing");
    }
}

/// On Kafka, with a request handler, so that there is every series.
pub(crate) async fn promtool_accepts_the_metrics<R: FullRunner>() {
    let cluster = small();
    cluster.create_topic("orders", 1).expect("it is created");
    let kafka = config(&cluster);
    let producer: BaseProducer = kafka.client_config().create().expect("valid properties");
    for payload in ["0", "1", "2"] {
        let record = BaseRecord::<(), _>::to("orders").payload(payload);
        let sent = producer.send(record).map_err(|(error, _)| error);
        sent.expect("the queue has room");
    }
    producer.flush(WAIT_LIMIT).expect("they are acknowledged");
    let handler = RequestHandler::new("orders")
        .topics(["orders"])
        .group("billing")
        .property("fetch.wait.max.ms", "10")
        .run(|_, _| async { Ok(()) });
    let builder = Builder::<R, KafkaBus<R>>::new(kafka)
        .settings(fast())
        .request_handler(handler)
        .http(any_port());
    let (handle, mut changes) = start(builder).await;
    let first = scrape::<R, _>(&handle, "*/*").await.body;
    promtool::check_metrics(&first).expect("promtool accepts the first answer");
    let without_help = first.replace("# HELP livebus_ready ", "# ");
    promtool::check_metrics(&without_help).expect_err("promtool checks the rules");
    let done = "livebus_handler_verdicts_total\
                {livebus_service=\"message-bus\",handler=\"orders\",outcome=\"done\"}";
    assert_eq!(value(&first, done), "0");
    changes.until(Status::Running).await;
    let lag = "livebus_handler_lag{livebus_service=\"message-bus\",handler=\"orders\"}";
    let metrics = until::<R, _>(&handle, |it| {
        value(it, done) == "3" && value(it, lag) == "0"
    })
    .await;
    promtool::check_metrics(&metrics).expect("promtool accepts the metrics");
    for name in ["asked", "answered"] {
        let series = format!("livebus_leaders_{name}{{livebus_service=\"message-bus\"}}");
        assert_eq!(value(&metrics, &series), "1", "{name}");
    }
    let series = |metrics: &str| -> Vec<String> {
        let of_samples = metrics.lines().filter(|line| !line.starts_with('#'));
        let names = of_samples.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()));
        names.collect()
    };
    assert_eq!(
        series(&first),
        series(&metrics),
        "all are there from the beginning"
    );

    // Its counters stay after the end of the handler.
    let probes = handle.probes();
    handle.shutdown().await;
    eventually::<R>("the end of the handler", || {
        let metrics = probes.answer("/metrics", None, Instant::now()).body;
        let registered =
            "livebus_handler_registered{livebus_service=\"message-bus\",handler=\"orders\"}";
        value(&metrics, registered) == "0" && value(&metrics, done) == "3"
    })
    .await;
}
