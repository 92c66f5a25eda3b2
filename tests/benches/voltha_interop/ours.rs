//! A livebus service that calls the original, is called by it, and hears of devices.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail, ensure};
use futures::channel::oneshot;
use livebus_kafka::KafkaBus;
use livebus_runner::calls::{
    ApplicationError, CallHandler, Caller, NotReplied, ReplyPartitions, Request,
    RunnableCallHandler,
};
use livebus_runner::handlers::{RequestHandler, RunnableHandler};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::by_produce;
use livebus_tokio::{Builder, Handle, TokioRuntime};
use livebus_voltha::messages::{DeviceDiscovered, StrType};
use livebus_voltha::{Arguments, Discovery, TimestampForm, VolthaWire, encode_result};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::calls::{Calls, DEADLINE};
use crate::{LIVENESS_TOPIC, Topics};

/// How long an announcement may take.
const DISCOVERY_LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Ours {
    /// Its calls of the original.
    pub(crate) calls: Calls,
    devices: Receiver<anyhow::Result<Discovery>>,
    handle: Arc<Handle<KafkaBus<TokioRuntime>>>,
    producer: BaseProducer,
    form: TimestampForm,
    announcements: String,
    /// Never used: the service ends when it is dropped.
    _end: oneshot::Sender<()>,
}

impl Ours {
    pub(crate) fn start(
        servers: &str,
        form: TimestampForm,
        topics: &Topics,
    ) -> anyhow::Result<Self> {
        let kafka = by_produce(servers, LIVENESS_TOPIC)?;
        let caller = Caller::builder("adapter", topics.our_replies.as_str())
            .reply_partitions(ReplyPartitions::All)
            .wire(VolthaWire::new(form))
            .default_deadline(DEADLINE)
            .build()?;
        let (found, devices) = mpsc::channel();
        let builder = Builder::new(kafka)
            .caller(&caller)
            .call_handler(callee(form, &topics.ours))
            .request_handler(listener(form, &topics.to_us, found));
        let (end, ended) = oneshot::channel::<()>();
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            Host::TokioMultiThread.block_on(async {
                let handle = Arc::new(builder.start().await?);
                let _ = started.send(Arc::clone(&handle));
                let _ = ended.await;
                handle.begin_shutdown();
                handle.ended().await;
                anyhow::Ok(())
            })
        });
        let handle = start
            .recv_timeout(WAIT_LIMIT)
            .context("the service does not start")?;
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("message.timeout.ms", "10000")
            .create()?;
        Ok(Self {
            calls: Calls::new(caller, &topics.adapter),
            devices,
            handle,
            producer,
            form,
            announcements: topics.from_us.clone(),
            _end: end,
        })
    }

    /// Waits until the service is ready, or is not.
    pub(crate) fn wait_until_ready_is(&self, expected: bool) -> anyhow::Result<()> {
        let begin = Instant::now();
        while self.handle.is_ready() != expected {
            ensure!(
                begin.elapsed() < WAIT_LIMIT,
                "the service is still {:?}",
                self.handle.report()
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Announces a device.
    pub(crate) fn announce(&self, device: &str) -> anyhow::Result<()> {
        let discovery = Discovery {
            id: format!("announcement of {device}"),
            from_topic: "livebus".to_owned(),
            to_topic: self.announcements.clone(),
            timestamp: Some(SystemTime::now()),
            device: DeviceDiscovered {
                id: device.to_owned(),
                parent_id: "olt".to_owned(),
                device_type: "onu".to_owned(),
                publisher: "livebus".to_owned(),
            },
        };
        let payload = discovery.encode(self.form)?;
        let record = BaseRecord::<(), _>::to(&self.announcements).payload(&payload);
        self.producer.send(record).map_err(|(error, _)| error)?;
        Ok(self.producer.flush(DISCOVERY_LIMIT)?)
    }

    /// Returns the next device that was announced to it.
    pub(crate) fn device(&self) -> anyhow::Result<String> {
        match self.devices.recv_timeout(DISCOVERY_LIMIT) {
            Ok(discovery) => {
                let discovery = discovery?;
                ensure!(discovery.timestamp.is_some(), "it has no timestamp");
                let device = discovery.device;
                Ok(format!(
                    "{} {} {} {} {}",
                    discovery.from_topic,
                    device.id,
                    device.device_type,
                    device.parent_id,
                    device.publisher
                ))
            }
            Err(RecvTimeoutError::Timeout) => bail!("no device within {DISCOVERY_LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("the service has ended"),
        }
    }
}

fn callee(form: TimestampForm, topic: &str) -> RunnableCallHandler {
    CallHandler::new("ours")
        .topics([topic])
        .group(topic)
        .wire(VolthaWire::new(form))
        .methods(["Echo", "Fail", "Nothing"])
        .run(|request, _| async move { answer(&request) })
}

fn answer(request: &Request) -> Result<Vec<u8>, NotReplied> {
    let invalid = |error: livebus_voltha::VolthaError| ApplicationError {
        code: 1,
        reason: error.to_string(),
    };
    let arguments = Arguments::decode(request.payload()).map_err(invalid)?;
    let text = arguments.text("text").map_err(invalid)?;
    match request.method() {
        Some("Echo") => Ok(encode_result(&StrType { val: text })),
        Some("Nothing") => Ok(Vec::new()),
        Some(_) | None => Err(ApplicationError {
            code: 7,
            reason: "no such device".to_owned(),
        }
        .into()),
    }
}

fn listener(
    form: TimestampForm,
    topic: &str,
    found: mpsc::Sender<anyhow::Result<Discovery>>,
) -> RunnableHandler {
    RequestHandler::new("discovery")
        .topics([topic])
        .group(topic)
        .run(move |record, _| {
            let discovery = Discovery::decode(record.payload(), form);
            // Without a receiver nobody waits for it.
            let _ = found.send(discovery.map_err(|error| anyhow!(error)));
            async { Ok(()) }
        })
}
