//! A request handler of a service that livebus supervises. It leaves out the headers, which the other consumers on rdkafka do not read.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::Settings;
use livebus_core::dispatch::Order;
use livebus_kafka::LivenessBy;
use livebus_runner::handlers::RequestHandler;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::{KafkaSupervision, kafka_config};
use livebus_tests::label::Label;

use super::Handled;
use crate::Task;
use crate::rows::Row;

const LIMIT: Duration = Duration::from_mins(5);

pub(super) fn consume(task: &Task, progress: Handled) -> anyhow::Result<()> {
    let progress = Arc::new(progress);
    let counted = Arc::clone(&progress);
    let row = task.row;
    let order = match row {
        Row::Throughput | Row::Slow => Order::Partition,
        Row::Keys => Order::Key,
    };
    let handler = RequestHandler::new(&task.topic)
        .topics([&task.topic])
        .group(&task.group)
        .order(order)
        .concurrency(task.calls)
        .without_headers();
    let handler = match row {
        Row::Throughput => handler.run(move |record, _| {
            counted.begin();
            black_box(record.payload());
            counted.end();
            std::future::ready(Ok(()))
        }),
        Row::Keys | Row::Slow => handler.run(move |record, _| {
            let counted = Arc::clone(&counted);
            async move {
                counted.begin();
                let millis = row.millis(record.offset());
                if millis > 0 {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                }
                counted.end();
                Ok(())
            }
        }),
    };
    let label = Label {
        folder: "",
        service: "peers",
        host: Host::TokioMultiThread,
    };
    let kafka = kafka_config(&task.servers, LivenessBy::Metadata)?;
    let _bus = KafkaSupervision::start_with(label, kafka, Settings::default(), vec![handler])?;
    let deadline = Instant::now() + LIMIT;
    while !progress.is_over() {
        ensure!(Instant::now() < deadline, "it takes too long");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
