//! A service behind a gate, in this process, that depends on the same broker.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::channel::oneshot;
use livebus_core::Settings;
use livebus_grpc::{Gate, Health, serve};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::grpc::Echo;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::by_produce;
use livebus_tests::reader_order::{Met, ReaderClock, ReaderPolls, Readers};
use livebus_tokio::{Builder, TokioRuntime};
use tonic::service::Routes;

use crate::TOPIC;

pub(crate) struct GatedService {
    address: SocketAddr,
    gate: Gate,
    polls: ReaderPolls,
    /// Never used: the service ends when it is dropped.
    _end: oneshot::Sender<()>,
}

impl GatedService {
    pub(crate) fn start(servers: &str) -> anyhow::Result<Self> {
        let kafka = by_produce(servers, TOPIC)?;
        let (end, ended) = oneshot::channel::<()>();
        let (started, start) = mpsc::channel();
        thread::spawn(move || {
            Host::TokioMultiThread.block_on(async {
                // A client with a retry policy has five attempts, so an outage may last four of these.
                let interval = Duration::from_secs(5);
                let settings = Settings {
                    not_live_interval: interval,
                    not_live_interval_max: interval,
                    ..Settings::default()
                };
                let bus = Builder::new(kafka).settings(settings).start().await?;
                let gate = Gate::of(&bus);
                let readers = Readers::new(&bus, ReaderClock::Real);
                let routes = Routes::new(Health::of(&bus)).add_service(gate.layer(Echo));
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                let server = serve::<TokioRuntime>(any, routes.prepare())?;
                let _ = started.send((server.address(), gate, readers));
                let _ = ended.await;
                anyhow::Ok(())
            })
        });
        let (address, gate, readers) = start.recv().context("the gated service does not start")?;
        Ok(Self {
            address,
            gate,
            polls: ReaderPolls::start(readers),
            _end: end,
        })
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn wait_until_it_is(&self, open: bool) -> anyhow::Result<()> {
        let begin = Instant::now();
        while self.gate.is_open() != open {
            ensure!(
                begin.elapsed() < WAIT_LIMIT,
                "the gate is not open: {}",
                !open
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends the polls of its readers, each of which checked their order. Returns their number, and what they met.
    pub(crate) fn end_polls(self) -> anyhow::Result<(u32, Met)> {
        self.polls.finish()
    }
}
