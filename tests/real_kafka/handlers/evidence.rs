//! What the consumer of a handler proves about the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::Settings as Supervision;
use livebus_core::Status;
use livebus_core::dispatch::{Limits, Settings};
use livebus_runner::handlers::{Context as Call, Failed, Record, RequestHandler};
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::kafka_supervision::by_produce;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use super::support::{Handled, kafka, produce, wait_until};
use crate::context::Context;
use crate::own_clients::Reader;

/// Long enough for several liveness messages, were there no traffic.
const BUSY: Duration = Duration::from_secs(12);

/// What a busy machine may add to a bound.
const MARGIN: Duration = Duration::from_secs(2);

pub(crate) fn busy_handler_replaces_liveness_messages(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    let supervision = Supervision {
        live_interval: Duration::from_secs(3),
        drain: Duration::ZERO,
        ..Supervision::default()
    };
    for &host in context.hosts() {
        let (orders, liveness) = (format!("orders-{host}"), format!("liveness-{host}"));
        for topic in [&orders, &liveness] {
            node.create_topic(topic, 1)?;
        }
        let mut reader = Reader::new(&servers, &liveness)?;
        let (seen, is_blocked) = (Handled::default(), Arc::new(AtomicBool::new(false)));
        let handler = RequestHandler::new("orders")
            .topics([&orders])
            .group(&orders);
        let settings = handler.current_settings();
        let settings = Settings {
            limits: Limits {
                records: 4,
                ..settings.limits
            },
            drain: Duration::from_secs(1),
            ..settings.clone()
        };
        let function = {
            let (seen, is_blocked) = (seen.clone(), Arc::clone(&is_blocked));
            move |record: Record, _: Call| {
                wait_until(|| !is_blocked.load(Ordering::Acquire))
                    .map_err(|error| Failed::permanent(error.to_string()))?;
                seen.note(&record);
                Ok(())
            }
        };
        let handler = handler.settings(settings).run_blocking(function);
        let kafka = by_produce(&servers, &liveness)?;
        let handlers = vec![handler];
        let mut service =
            context.supervise_with("busy", host, kafka, supervision.clone(), handlers)?;
        service.expect_running()?;
        let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
            .set("bootstrap.servers", &servers)
            .create()?;
        let busy = |time| {
            let start = Instant::now();
            while start.elapsed() < time {
                let record = BaseRecord::<str, str>::to(&orders).payload("7");
                producer.send(record).map_err(|(error, _)| error)?;
                thread::sleep(Duration::from_millis(10));
            }
            anyhow::Ok(())
        };
        // The first statistics come a second after the client.
        busy(Duration::from_secs(3))?;
        let (before, count) = (reader.count()?, seen.count());
        busy(BUSY)?;
        let after = reader.count()?;
        ensure!(before > 0, "the first proof is a liveness message");
        ensure!(seen.count() > count + 100, "the handler is busy");
        ensure!(
            after == before,
            "{} liveness messages while a handler is busy on {host}",
            after - before
        );
        // A handler that is full fetches nothing.
        is_blocked.store(true, Ordering::Release);
        busy(Duration::from_secs(3))?;
        let full = reader.count()?;
        thread::sleep(BUSY);
        let silent = reader.count()?;
        println!(
            "{host}: {BUSY:?} busy: {} liveness messages; {BUSY:?} silent: {}",
            after - before,
            silent - full
        );
        ensure!(silent > full, "no liveness message in silence");
        is_blocked.store(false, Ordering::Release);
        producer.flush(MARGIN)?;
        service.expect_no_change()?;
        service.shut_down()?;
    }
    Ok(())
}

pub(crate) fn prefetched_records_prove_nothing(context: &Context) -> anyhow::Result<()> {
    const RECORDS: u32 = 3_000;
    let mut node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    for &host in context.hosts() {
        let topic = &format!("prefetched-{host}");
        node.create_topic(topic, 1)?;
        produce(&servers, topic, 0..RECORDS)?;
        let seen = Handled::default();
        let handler = RequestHandler::new("prefetched")
            .topics([topic])
            .group(topic)
            .run_blocking(seen.slow_function(Duration::from_millis(20)));
        let handlers = vec![handler];
        let mut bus = context.begin_serving(topic, host, kafka(&servers)?, handlers)?;
        bus.expect_running()?;
        seen.wait_for(100)?;
        let (fault, count) = (Instant::now(), seen.count());
        node.stop()?;
        bus.expect_status(Status::NotReady)?;
        let (took, bound) = (fault.elapsed(), bus.handle().config().detection_bound());
        println!(
            "{host}: NotReady after {took:?} of {bound:?}; {} records were handled",
            seen.count() - count
        );
        ensure!(took < bound + MARGIN, "NotReady after {took:?}");
        let left = RECORDS as usize - seen.count();
        ensure!(left > 500, "{left} records were left");
        node.cont()?;
        bus.expect_running()?;
        bus.shut_down()?;
    }
    Ok(())
}
