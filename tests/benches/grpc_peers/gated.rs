//! A service behind a gate, in this process, that depends on the same broker.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::channel::oneshot;
use livebus_core::Settings;
use livebus_grpc::{Gate, Health, serve};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::grpc::Echo;
use livebus_tests::host::Host;
use livebus_tests::kafka_supervision::by_produce;
use livebus_tests::reader_order::{Met, ReaderClock, Readers};
use livebus_tokio::{Builder, TokioRuntime};
use tonic::service::Routes;

use crate::TOPIC;

pub(crate) struct GatedService {
    address: SocketAddr,
    gate: Gate,
    is_polled: Arc<AtomicBool>,
    polls: JoinHandle<(u32, Met)>,
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
        let is_polled = Arc::new(AtomicBool::new(true));
        let polls = thread::spawn({
            let is_polled = Arc::clone(&is_polled);
            move || poll(readers, &is_polled)
        });
        Ok(Self {
            address,
            gate,
            is_polled,
            polls,
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
        self.is_polled.store(false, Ordering::Release);
        self.polls
            .join()
            .ok()
            .context("the readers are not in order")
    }
}

/// Looks with all readers every 20 ms.
fn poll(mut readers: Readers, is_polled: &AtomicBool) -> (u32, Met) {
    let (mut polls, mut met) = (0, Met::default());
    while is_polled.load(Ordering::Acquire) {
        polls += 1;
        readers.check(&format!("poll {polls}"), &mut met);
        thread::sleep(Duration::from_millis(20));
    }
    (polls, met)
}
