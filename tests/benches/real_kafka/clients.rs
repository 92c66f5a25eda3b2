//! A node with its clients, and an outage of it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use fastrand::Rng;
use livebus_core::{Settings, Status};
use livebus_readiness::StatusChange;
use livebus_tests::apache_kafka::KafkaNode;
use livebus_tests::http::{Sampler, last_ready};
use livebus_tests::kafka_supervision::KafkaSupervision;

use crate::bare_producer::BareProducer;
use crate::figures::{millis, millis_or_never};
use crate::nodes::START_LIMIT;
use crate::steady_client::SteadyClient;
use crate::supervisions::{presets, supervise, until};

/// In milliseconds. One that takes longer is explained on the standard error.
const RECOVERY_MAX: f64 = 1_000.0;

/// How the node is made unusable, and usable again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// SIGKILL, and a start.
    Killed,
    /// SIGSTOP, and SIGCONT.
    Hung,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Killed, Self::Hung];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Hung => "hung",
        }
    }

    fn begin(self, node: &mut KafkaNode) -> anyhow::Result<()> {
        match self {
            Self::Killed => node.kill(),
            Self::Hung => node.stop(),
        }
    }

    fn end(self, node: &mut KafkaNode) -> anyhow::Result<()> {
        match self {
            Self::Killed => node.restart(),
            Self::Hung => node.cont(),
        }
    }
}

/// A node with its clients: a supervision of each preset, and a bare producer.
pub(crate) struct Clients {
    // The order matters: they end before the node.
    supervisions: Vec<KafkaSupervision>,
    bare: BareProducer,
    node: KafkaNode,
}

/// One outage, as each client saw it.
pub(crate) struct Outage {
    /// In the order of [`presets`].
    pub(crate) supervisions: Vec<Measured>,
    /// The first acknowledgement after the node works.
    pub(crate) bare_recovered: f64,
}

/// In milliseconds.
pub(crate) struct Measured {
    pub(crate) preset: &'static str,
    pub(crate) detection_bound: Duration,
    pub(crate) noticed: f64,
    /// Zero without probes.
    pub(crate) last_ready: f64,
    /// From the instant since which the node works without an interruption.
    pub(crate) recovered: f64,
    pub(crate) recovered_after_end: f64,
}

impl Clients {
    /// Starts them.
    pub(crate) fn start(node: KafkaNode) -> anyhow::Result<Self> {
        let servers = node.bootstrap_servers();
        let bare = BareProducer::start(&servers)?;
        let mut supervisions = Vec::new();
        for (preset, host, settings) in presets() {
            let mut bus = supervise(preset, host, &servers, settings)?;
            until(&mut bus, Status::Running)?;
            supervisions.push(bus);
        }
        Ok(Self {
            supervisions,
            bare,
            node,
        })
    }

    /// Makes the node unusable at a random instant of the interval between two liveness messages, until some time after each
    /// supervision has noticed it. Requests `/readyz` all the time until then, if it `is_probed`.
    pub(crate) fn outage(
        &mut self,
        kind: Kind,
        length: Duration,
        is_probed: bool,
        random: &mut Rng,
    ) -> anyhow::Result<Outage> {
        let phase = Settings::default().live_interval.mul_f64(random.f64());
        thread::sleep(Duration::from_secs(1) + phase);
        self.bare.wait_until_it_works()?;
        let mut probing = Vec::new();
        for bus in &mut self.supervisions {
            bus.take_changes();
            ensure!(
                bus.last_status() == Status::Running,
                "expected Running: {}",
                bus.history_text()
            );
            if is_probed {
                probing.push(Sampler::start(bus.probes())?);
            }
        }

        let fault = Instant::now();
        kind.begin(&mut self.node)?;
        let mut noticed = Vec::new();
        for bus in &mut self.supervisions {
            noticed.push(until(bus, Status::NotReady)?.at);
        }
        let mut probed = Vec::new();
        for sampler in probing {
            let samples = sampler.finish()?;
            probed.push(last_ready(&samples, fault, Instant::now()));
        }
        thread::sleep(length + Duration::from_secs(1).mul_f64(random.f64()));

        let end = Instant::now();
        kind.end(&mut self.node)?;
        let steady = SteadyClient::start(&self.node.bootstrap_servers())?;
        let works = steady.works_since(START_LIMIT)?;
        drop(steady);
        let acknowledged = self.bare.first_after(works.max(end), START_LIMIT);

        let mut supervisions = Vec::new();
        for (index, (preset, ..)) in presets().into_iter().enumerate() {
            let bus = &mut self.supervisions[index];
            let running = running_since(bus)?;
            let recovered = millis_or_never(works, running);
            if recovered > RECOVERY_MAX {
                eprintln!("{}", bus.history_text());
            }
            let last_ready = probed.get(index).copied().flatten();
            supervisions.push(Measured {
                preset,
                detection_bound: bus.handle().config().detection_bound(),
                noticed: millis(fault, noticed[index]),
                last_ready: last_ready.map_or(0.0, |at| millis(fault, at)),
                recovered,
                recovered_after_end: millis_or_never(end, running),
            });
        }
        Ok(Outage {
            supervisions,
            bare_recovered: millis_or_never(works, acknowledged),
        })
    }
}

/// Waits until it is Running, and returns since when; `None` when it is not within [`START_LIMIT`].
fn running_since(bus: &mut KafkaSupervision) -> anyhow::Result<Option<Instant>> {
    let mut changes = bus.take_changes();
    let deadline = Instant::now() + START_LIMIT;
    while bus.last_status() != Status::Running {
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
        changes.extend(bus.take_changes());
    }
    let began = |change: &&StatusChange| {
        change.report.status == Status::Running && change.from != Status::Running
    };
    let began = changes.iter().rev().find(began);
    let began = began.context("it was Running during the outage")?;
    Ok(Some(began.at))
}
