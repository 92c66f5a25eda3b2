//! Measures the time from an observation of the client library to the supervisor's reaction, with a loop that was asleep.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::future::pending;
use livebus_core::{FailureClass, OnSuspicion, Settings, Status};
use livebus_runner::{Builder, Bus as _, Changes, Handle};
use livebus_tests::host::{FullRunner, Host};
use pollster::block_on;

use crate::bus::PromptBus;

pub(crate) const SUSPICION: &str = "a suspicion to its liveness message";
pub(crate) const EVIDENCE: &str = "evidence to Running";

/// The pause before an observation, in which all threads go to sleep.
const PAUSE: Duration = Duration::from_millis(1);

/// Measures one of them from this thread, which observes as a client's own thread would, and prints the figures.
pub(crate) fn measure<R: FullRunner>(what: &str, host: Host, rounds: u32) -> anyhow::Result<()> {
    let (sender, messages) = unbounded();
    let bus = PromptBus::reporting(sender);
    let (settings, measured): (_, fn(&mut Running) -> anyhow::Result<Duration>) = match what {
        SUSPICION => (nothing_due(OnSuspicion::Check), Running::suspicion),
        EVIDENCE => (nothing_due(OnSuspicion::NotReady), Running::evidence),
        _ => bail!("there is no {what}"),
    };
    let (handle, changes) = start::<R>(host, &bus, settings)?;
    let mut running = Running {
        bus,
        messages,
        changes,
        _handle: handle,
    };
    for status in [Status::Preparing, Status::Prepared, Status::Running] {
        running.expect_status(status)?;
    }
    block_on(running.messages.next()).context("Running without a liveness message")?;
    let mut took: Vec<Duration> = (0..rounds)
        .map(|_| measured(&mut running))
        .collect::<Result<_, _>>()?;
    took.sort();
    let at = |percent: usize| {
        let took = took.get((took.len() * percent / 100).min(took.len().saturating_sub(1)));
        took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e6)
    };
    println!("{rounds} | {:.1} | {:.1} | {:.1}", at(0), at(50), at(99));
    Ok(())
}

/// A supervision that is Running, before each measurement and after it.
struct Running {
    bus: PromptBus,
    /// The instants at which the liveness messages began.
    messages: UnboundedReceiver<Instant>,
    changes: Changes,
    _handle: Handle<PromptBus>,
}

impl Running {
    fn suspicion(&mut self) -> anyhow::Result<Duration> {
        let observed = self.suspect();
        let sent = block_on(self.messages.next()).context("the supervision ended")?;
        Ok(sent.saturating_duration_since(observed))
    }

    /// Measures until the instant at which the status is stored. Waiting for it in a busy loop would take a processor from the
    /// runtime's threads.
    fn evidence(&mut self) -> anyhow::Result<Duration> {
        self.bus.fall_silent();
        self.suspect();
        self.expect_status(Status::NotReady)?;
        thread::sleep(PAUSE);
        let observed = Instant::now();
        self.bus.observations().evidence_at(Instant::now());
        let running = self.expect_status(Status::Running)?;
        Ok(running.saturating_duration_since(observed))
    }

    fn suspect(&self) -> Instant {
        thread::sleep(PAUSE);
        let observed = Instant::now();
        let failure = FailureClass::Unreachable.into();
        self.bus.observations().suspicion(failure);
        observed
    }

    fn expect_status(&mut self, status: Status) -> anyhow::Result<Instant> {
        let change = block_on(self.changes.next()).context("the supervision ended")?;
        ensure!(change.report.status == status, "{change:?}");
        Ok(change.at)
    }
}

/// Returns settings with which nothing is due for an hour, so that only observations have an effect.
fn nothing_due(on_suspicion: OnSuspicion) -> Settings {
    let hour = Duration::from_hours(1);
    Settings {
        live_interval: hour,
        not_live_interval: hour,
        not_live_interval_max: hour,
        suspicion_spacing: Duration::from_nanos(1),
        on_suspicion,
        ..Settings::default()
    }
}

/// Starts the supervision on a thread that then drives the runtime.
fn start<R: FullRunner>(
    host: Host,
    bus: &PromptBus,
    settings: Settings,
) -> anyhow::Result<(Handle<PromptBus>, Changes)> {
    let bus = bus.clone();
    let builder = Builder::<R, _>::new(bus).settings(settings);
    let (started, starts) = mpsc::channel();
    thread::spawn(move || {
        host.block_on(async {
            // The caller waits for it.
            let _ = started.send(builder.start().await);
            pending::<()>().await;
        });
    });
    let handle = starts.recv()??;
    let changes = handle.changes_from_start();
    Ok((handle, changes))
}
