//! A supervision of a Kafka bus on a runtime of its own, and what it tells.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use livebus_async_std::AsyncStdRuntime;
use livebus_core::{Cause, Config, FailureClass, Settings, Status};
use livebus_kafka::{KafkaBus, KafkaConfig, LivenessBy, Properties, RoundTally};
use livebus_readiness::StatusChange;
use livebus_recording::Recorder;
use livebus_runner::{BuildError, Builder, Changes, Handle, Runtime};
use livebus_tokio::TokioRuntime;

use crate::host::{FullRunner, Host};
use crate::{PATIENCE, recordings};

/// The bus at `servers`, asked by producing to `topic`.
///
/// # Errors
///
/// When these are no servers.
pub fn by_produce(servers: &str, topic: &str) -> anyhow::Result<KafkaConfig> {
    by(
        servers,
        LivenessBy::Produce {
            topic: topic.to_owned(),
            create: false,
        },
    )
}

/// The bus at `servers`, asked as `liveness_by` says.
///
/// # Errors
///
/// When these are no servers.
pub fn by(servers: &str, liveness_by: LivenessBy) -> anyhow::Result<KafkaConfig> {
    Ok(KafkaConfig::new(servers.parse()?, Properties::new())?.liveness_by(liveness_by))
}

/// The fast preset, without a drain.
#[must_use]
pub fn fast() -> Settings {
    Settings {
        drain: Duration::ZERO,
        ..Settings::fast()
    }
}

/// Which supervision it is. No two have the same label.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// What it is started for: a scenario's sentence.
    pub scenario: &'a str,
    /// The name of the service, which tells it from the others of its scenario.
    pub service: &'a str,
    /// Where it runs.
    pub host: Host,
}

/// One supervision, driven by a thread of its own: whatever the scenario's thread waits for, the supervision goes on.
pub struct Watched {
    name: String,
    handle: Option<Box<dyn AnyHandle>>,
    changes: Receiver<StatusChange>,
    history: Vec<StatusChange>,
    began: Instant,
}

impl Watched {
    /// Starts with probes on a port of its own, and waits until it is Prepared.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or is something else before.
    pub fn start(label: Label<'_>, kafka: KafkaConfig, settings: Settings) -> anyhow::Result<Self> {
        match label.host {
            Host::TokioCurrentThread | Host::TokioMultiThread => {
                Self::start_on::<TokioRuntime>(label, kafka, settings)
            }
            Host::AsyncStd => Self::start_on::<AsyncStdRuntime>(label, kafka, settings),
        }
    }

    fn start_on<R: FullRunner>(
        label: Label<'_>,
        kafka: KafkaConfig,
        settings: Settings,
    ) -> anyhow::Result<Self> {
        let builder = builder::<R>(label, kafka, settings)?;
        let host = label.host;
        let (told, changes) = mpsc::channel();
        let (started, starts) = mpsc::channel();
        thread::Builder::new()
            .name(label.service.to_owned())
            .spawn(move || host.block_on(drive(builder, started, told)))?;
        let handle = starts.recv().context("the runtime's thread ended")??;
        let mut watched = Self {
            name: format!("{} on {}", label.service, label.host),
            handle: Some(Box::new(handle)),
            changes,
            history: Vec::new(),
            began: Instant::now(),
        };
        watched.becomes(Status::Preparing)?;
        watched.becomes(Status::Prepared)?;
        Ok(watched)
    }

    /// What the service holds.
    ///
    /// # Panics
    ///
    /// Never: it is held until the end.
    #[must_use]
    pub fn handle(&self) -> &dyn AnyHandle {
        self.handle.as_deref().expect("it is held until the drop")
    }

    /// Where the probes are.
    ///
    /// # Panics
    ///
    /// Never: it is started with probes.
    #[must_use]
    pub fn probes(&self) -> SocketAddr {
        let address = self.handle().http_address();
        address.expect("it was started with probes")
    }

    /// Everything that was told so far and nobody has looked at.
    pub fn unread(&mut self) -> Vec<StatusChange> {
        let unread: Vec<_> = self.changes.try_iter().collect();
        self.history.extend(&unread);
        unread
    }

    /// The status that was told last and that somebody has looked at.
    #[must_use]
    pub fn told(&self) -> Status {
        let last = self.history.last();
        last.map_or(Status::Unknown, |change| change.report.status)
    }

    /// Whatever is told next.
    ///
    /// # Errors
    ///
    /// When nothing is told, or it does not go on from what was told last.
    pub fn next_change(&mut self) -> anyhow::Result<StatusChange> {
        let Ok(change) = self.changes.recv_timeout(PATIENCE) else {
            bail!("nothing was told for {PATIENCE:?}: {}", self.story());
        };
        let last = self.told();
        self.history.push(change);
        ensure!(
            change.from == last,
            "it came from {} and not from {last}: {}",
            change.from,
            self.story()
        );
        Ok(change)
    }

    /// Waits until the status is another, which must be `expected`, without a warning.
    ///
    /// Passes over what says no more than that it is still not ready, for another reason.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn becomes(&mut self, expected: Status) -> anyhow::Result<StatusChange> {
        loop {
            let change = self.next_change()?;
            let still = change.from == change.report.status;
            if still && change.from == Status::NotReady {
                continue;
            }
            ensure!(
                !still && change.report.status == expected && change.report.warning.is_none(),
                "it should have become {expected}: {}",
                self.story()
            );
            return Ok(change);
        }
    }

    /// Waits until it is not ready, because liveness messages fail as one of `classes`.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn loses(&mut self, classes: &[FailureClass]) -> anyhow::Result<StatusChange> {
        let change = self.becomes(Status::NotReady)?;
        ensure!(
            matches!(change.report.cause, Cause::LivenessFailed(failure) if classes.contains(&failure.class)),
            "the reason should have been one of {classes:?}: {}",
            self.story()
        );
        Ok(change)
    }

    /// Waits until it is Running, by evidence.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn runs(&mut self) -> anyhow::Result<StatusChange> {
        let change = self.becomes(Status::Running)?;
        ensure!(change.report.cause == Cause::Evidence, "{}", self.story());
        Ok(change)
    }

    /// Waits for the next change, which must be Running, with that warning or with none.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn runs_with(&mut self, warning: Option<FailureClass>) -> anyhow::Result<()> {
        let report = self.next_change()?.report;
        ensure!(
            report.status == Status::Running
                && report.warning.map(|failure| failure.class) == warning,
            "it should have been Running, with a warning of {warning:?}: {}",
            self.story()
        );
        Ok(())
    }

    /// Nothing was told since somebody looked last.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn has_said_nothing(&mut self) -> anyhow::Result<()> {
        let unread = self.unread();
        ensure!(
            unread.is_empty(),
            "it should have said nothing: {}",
            self.story()
        );
        Ok(())
    }

    /// Shuts down: not ready first, then Stopped in order, and nothing after that.
    ///
    /// # Errors
    ///
    /// When it is otherwise, with all that was told.
    pub fn shuts_down(mut self) -> anyhow::Result<StatusChange> {
        self.handle().begin_shutdown();
        let mut change = self.next_change()?;
        while change.report.status == Status::NotReady && change.report.cause != Cause::ShuttingDown
        {
            change = self.next_change()?;
        }
        ensure!(
            change.report.status == Status::NotReady,
            "it should have been NotReady first: {}",
            self.story()
        );
        let stopped = self.becomes(Status::Stopped)?;
        ensure!(
            stopped.report.cause == Cause::ShutDown,
            "it should have ended in order: {}",
            self.story()
        );
        let ended = self.changes.recv_timeout(PATIENCE);
        ensure!(
            ended == Err(mpsc::RecvTimeoutError::Disconnected),
            "the stream should have ended: {}",
            self.story()
        );
        Ok(stopped)
    }

    /// All that was told, for whoever has to find out why.
    #[must_use]
    pub fn story(&self) -> String {
        let mut story = format!("{}, after the start:", self.name);
        for change in &self.history {
            let at = change.at.saturating_duration_since(self.began);
            let report = &change.report;
            let warning = report.warning.map_or_else(String::new, |warning| {
                format!(", with a warning: {warning}")
            });
            // Writing to a string cannot fail.
            let _ = write!(
                story,
                "\n  {:7.3} s  {:<9}  {}{warning}",
                at.as_secs_f64(),
                report.status,
                report.cause
            );
        }
        story
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.handle.take());
        // Its thread ends the stream when the supervision has ended.
        while self.changes.recv_timeout(PATIENCE).is_ok() {}
    }
}

/// What a scenario asks of a [`Handle`], whatever runtime its bus is on.
pub trait AnyHandle: Send {
    /// [`Handle::config`].
    fn config(&self) -> &Config;
    /// [`Handle::status`].
    fn status(&self) -> Status;
    /// [`Handle::next_deadline`].
    fn next_deadline(&self) -> Option<Instant>;
    /// [`Handle::http_address`].
    fn http_address(&self) -> Option<SocketAddr>;
    /// [`Handle::begin_shutdown`].
    fn begin_shutdown(&self);
    /// [`KafkaBus::newest_round`].
    fn newest_round(&self) -> Option<RoundTally>;
}

impl<R: Runtime> AnyHandle for Handle<KafkaBus<R>> {
    fn config(&self) -> &Config {
        self.config()
    }

    fn status(&self) -> Status {
        self.status()
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline()
    }

    fn http_address(&self) -> Option<SocketAddr> {
        self.http_address()
    }

    fn begin_shutdown(&self) {
        self.begin_shutdown();
    }

    fn newest_round(&self) -> Option<RoundTally> {
        self.bus().newest_round()
    }
}

/// Here, and nowhere else, the supervision of a scenario is put together.
fn builder<R: FullRunner>(
    label: Label<'_>,
    kafka: KafkaConfig,
    settings: Settings,
) -> anyhow::Result<Builder<R, KafkaBus<R>>> {
    let builder = Builder::new(kafka)
        .settings(settings)
        .service(label.service)
        .http(SocketAddr::from(([127, 0, 0, 1], 0)));
    Ok(match recordings::wanted(label)? {
        Some(options) => builder.observer(Recorder::new(options).0),
        None => builder,
    })
}

type Started<R> = Sender<Result<Handle<KafkaBus<R>>, BuildError>>;

/// Starts what `builder` says, and hands on what it tells until there is nothing more to tell.
async fn drive<R: FullRunner>(
    builder: Builder<R, KafkaBus<R>>,
    started: Started<R>,
    told: Sender<StatusChange>,
) {
    let handle = builder.start().await;
    let changes = handle.as_ref().ok().map(Handle::changes_from_start);
    // Without a receiver the handle is dropped, and ends the stream by that.
    let _ = started.send(handle);
    if let Some(changes) = changes {
        hand_on(changes, &told).await;
    }
}

async fn hand_on(mut changes: Changes, told: &Sender<StatusChange>) {
    while let Some(change) = changes.next().await {
        let _ = told.send(change);
    }
}
