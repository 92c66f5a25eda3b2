//! A supervision of a Kafka bus on a runtime of its own, with checks of the changes that it publishes.

use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures::StreamExt as _;
use livebus_async_std::AsyncStdRuntime;
use livebus_core::{Cause, Config, FailureClass, Report, Settings, Status};
use livebus_kafka::{KafkaBus, KafkaConfig, LivenessBy, Properties, RoundTally};
use livebus_readiness::{HandlerState, StatusChange};
use livebus_recording::Recorder;
use livebus_runner::calls::{Caller, RunnableCallHandler};
use livebus_runner::handlers::RunnableHandler;
use livebus_runner::{BuildError, Builder, Changes, Handle, Runtime};
use livebus_tokio::TokioRuntime;

use crate::host::{FullRunner, Host};
use crate::label::Label;
use crate::reader_order::{ReaderClock, Readers};
use crate::{WAIT_LIMIT, recordings};

/// Returns the configuration of the bus at `servers`, with liveness checks that produce to `topic`.
///
/// # Errors
///
/// When `servers` is invalid.
pub fn by_produce(servers: &str, topic: &str) -> anyhow::Result<KafkaConfig> {
    kafka_config(
        servers,
        LivenessBy::Produce {
            topic: topic.to_owned(),
            create: false,
        },
    )
}

/// Returns the configuration of the bus at `servers`, with liveness checks that produce to `topic`, and these properties
/// (`key=value`).
///
/// # Errors
///
/// When `servers` or a property is invalid.
pub fn by_produce_with(
    servers: &str,
    topic: &str,
    properties: &[&str],
) -> anyhow::Result<KafkaConfig> {
    let properties = Properties::parse(properties)?;
    let kafka = KafkaConfig::new(servers.parse()?, properties)?;
    Ok(kafka.liveness_by(LivenessBy::Produce {
        topic: topic.to_owned(),
        create: false,
    }))
}

/// Returns the configuration of the bus at `servers`, with liveness checks as `liveness_by` says.
///
/// # Errors
///
/// When `servers` is invalid.
pub fn kafka_config(servers: &str, liveness_by: LivenessBy) -> anyhow::Result<KafkaConfig> {
    Ok(KafkaConfig::new(servers.parse()?, Properties::new())?.liveness_by(liveness_by))
}

/// Returns the fast preset, without a drain.
#[must_use]
pub fn fast() -> Settings {
    Settings {
        drain: Duration::ZERO,
        ..Settings::fast()
    }
}

/// What a supervision has beside its bus.
#[derive(Debug, Default)]
pub struct Parts {
    /// Request handlers.
    pub handlers: Vec<RunnableHandler>,
    /// Call handlers.
    pub call_handlers: Vec<RunnableCallHandler>,
    /// Callers.
    pub callers: Vec<Caller>,
    /// A recorder.
    pub recorder: Option<Recorder>,
}

impl Parts {
    fn add_to<R: FullRunner>(self, builder: Builder<R, KafkaBus<R>>) -> Builder<R, KafkaBus<R>> {
        let (handlers, call_handlers) = (self.handlers, self.call_handlers);
        let builder = self.recorder.into_iter().fold(builder, Builder::observer);
        let builder = handlers.into_iter().fold(builder, Builder::request_handler);
        let builder = call_handlers
            .into_iter()
            .fold(builder, Builder::call_handler);
        self.callers.iter().fold(builder, Builder::caller)
    }
}

/// A supervision on a thread of its own. It goes on while the scenario's thread waits.
pub struct KafkaSupervision {
    name: String,
    handle: Option<Box<dyn AnyHandle>>,
    changes: Receiver<StatusChange>,
    history: Vec<StatusChange>,
    began: Instant,
}

impl KafkaSupervision {
    /// Starts the supervision with probes on a port of its own, and waits until it is Prepared.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or has another status before.
    pub fn start(label: Label<'_>, kafka: KafkaConfig, settings: Settings) -> anyhow::Result<Self> {
        Self::start_with(label, kafka, settings, Vec::new())
    }

    /// As [`start`](Self::start), with request handlers.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_with(
        label: Label<'_>,
        kafka: KafkaConfig,
        settings: Settings,
        handlers: Vec<RunnableHandler>,
    ) -> anyhow::Result<Self> {
        let parts = Parts {
            handlers,
            ..Parts::default()
        };
        Self::start_parts(label, kafka, settings, parts)
    }

    /// As [`start`](Self::start), with everything that a supervision can have.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start).
    pub fn start_parts(
        label: Label<'_>,
        kafka: KafkaConfig,
        settings: Settings,
        parts: Parts,
    ) -> anyhow::Result<Self> {
        match label.host {
            Host::TokioCurrentThread | Host::TokioMultiThread => {
                Self::start_on::<TokioRuntime>(label, kafka, settings, parts)
            }
            Host::AsyncStd => Self::start_on::<AsyncStdRuntime>(label, kafka, settings, parts),
        }
    }

    fn start_on<R: FullRunner>(
        label: Label<'_>,
        kafka: KafkaConfig,
        settings: Settings,
        parts: Parts,
    ) -> anyhow::Result<Self> {
        let builder = parts.add_to(builder::<R>(label, kafka, settings)?);
        let host = label.host;
        let (change_sender, changes) = mpsc::channel();
        let (start_sender, starts) = mpsc::channel();
        thread::Builder::new()
            .name(label.service.to_owned())
            .spawn(move || host.block_on(drive(builder, start_sender, change_sender)))?;
        let handle = starts.recv().context("the runtime's thread ended")??;
        let mut supervision = Self {
            name: format!("{} on {}", label.service, label.host),
            handle: Some(Box::new(handle)),
            changes,
            history: Vec::new(),
            began: Instant::now(),
        };
        supervision.expect_status(Status::Preparing)?;
        supervision.expect_status(Status::Prepared)?;
        Ok(supervision)
    }

    /// Returns the handle of the supervision.
    ///
    /// # Panics
    ///
    /// Never: the handle is kept until the drop.
    #[must_use]
    pub fn handle(&self) -> &dyn AnyHandle {
        self.handle
            .as_deref()
            .expect("the handle is kept until the drop")
    }

    /// Returns the address of the probes.
    ///
    /// # Panics
    ///
    /// Never: it is started with probes.
    #[must_use]
    pub fn probes(&self) -> SocketAddr {
        let address = self.handle().http_address();
        address.expect("it was started with probes")
    }

    /// Returns the changes that were published and not taken yet.
    pub fn take_changes(&mut self) -> Vec<StatusChange> {
        let changes: Vec<_> = self.changes.try_iter().collect();
        self.history.extend(&changes);
        changes
    }

    /// Returns the status of the last change that was taken.
    #[must_use]
    pub fn last_status(&self) -> Status {
        let last = self.history.last();
        last.map_or(Status::Unknown, |change| change.report.status)
    }

    /// Waits for the next change, of any kind.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not begin with the status of the last one.
    pub fn next_change(&mut self) -> anyhow::Result<StatusChange> {
        let Ok(change) = self.changes.recv_timeout(WAIT_LIMIT) else {
            bail!("no change for {WAIT_LIMIT:?}: {}", self.history_text());
        };
        let last = self.last_status();
        self.history.push(change);
        ensure!(
            change.from == last,
            "the change is from {} and not from {last}: {}",
            change.from,
            self.history_text()
        );
        Ok(change)
    }

    /// Waits until the status changes; the new one must be `expected`, without a warning.
    ///
    /// Skips changes from `NotReady` to `NotReady` for another cause.
    ///
    /// # Errors
    ///
    /// When the change is another, with the history.
    pub fn expect_status(&mut self, expected: Status) -> anyhow::Result<StatusChange> {
        loop {
            let change = self.next_change()?;
            let still = change.from == change.report.status;
            if still && change.from == Status::NotReady {
                continue;
            }
            ensure!(
                !still && change.report.status == expected && change.report.warning.is_none(),
                "expected {expected}: {}",
                self.history_text()
            );
            return Ok(change);
        }
    }

    /// Waits until it is `NotReady` because liveness messages fail with one of `classes`.
    ///
    /// # Errors
    ///
    /// When the change is another, with the history.
    pub fn expect_not_ready(&mut self, classes: &[FailureClass]) -> anyhow::Result<StatusChange> {
        let change = self.expect_status(Status::NotReady)?;
        ensure!(
            matches!(change.report.cause, Cause::LivenessFailed(failure) if classes.contains(&failure.class)),
            "expected a failure of {classes:?}: {}",
            self.history_text()
        );
        Ok(change)
    }

    /// Waits until it is `Running` by evidence.
    ///
    /// # Errors
    ///
    /// When the change is another, with the history.
    pub fn expect_running(&mut self) -> anyhow::Result<StatusChange> {
        let change = self.expect_status(Status::Running)?;
        ensure!(
            change.report.cause == Cause::Evidence,
            "{}",
            self.history_text()
        );
        Ok(change)
    }

    /// Waits for the next change, which must be `Running` with this warning, or without one.
    ///
    /// # Errors
    ///
    /// When the change is another, with the history.
    pub fn expect_running_with(&mut self, warning: Option<FailureClass>) -> anyhow::Result<()> {
        let report = self.next_change()?.report;
        ensure!(
            report.status == Status::Running
                && report.warning.map(|failure| failure.class) == warning,
            "expected Running with the warning {warning:?}: {}",
            self.history_text()
        );
        Ok(())
    }

    /// Checks that no change was published since the last one that was taken.
    ///
    /// # Errors
    ///
    /// When there was one, with the history.
    pub fn expect_no_change(&mut self) -> anyhow::Result<()> {
        let changes = self.take_changes();
        ensure!(
            changes.is_empty(),
            "expected no change: {}",
            self.history_text()
        );
        Ok(())
    }

    /// Shuts down: expects `NotReady`, then `Stopped` in order, and then the end of the stream.
    ///
    /// # Errors
    ///
    /// When a change is another, with the history.
    pub fn shut_down(mut self) -> anyhow::Result<StatusChange> {
        self.handle().begin_shutdown();
        let mut change = self.next_change()?;
        while change.report.status == Status::NotReady && change.report.cause != Cause::ShuttingDown
        {
            change = self.next_change()?;
        }
        ensure!(
            change.report.status == Status::NotReady,
            "expected NotReady first: {}",
            self.history_text()
        );
        let stopped = self.expect_status(Status::Stopped)?;
        ensure!(
            stopped.report.cause == Cause::ShutDown,
            "expected an end in order: {}",
            self.history_text()
        );
        let ended = self.changes.recv_timeout(WAIT_LIMIT);
        ensure!(
            ended == Err(mpsc::RecvTimeoutError::Disconnected),
            "expected the end of the stream: {}",
            self.history_text()
        );
        Ok(stopped)
    }

    /// Returns all changes so far as text, for error messages.
    #[must_use]
    pub fn history_text(&self) -> String {
        let mut text = format!("{}, after the start:", self.name);
        for change in &self.history {
            let at = change.at.saturating_duration_since(self.began);
            let report = &change.report;
            let warning = report.warning.map_or_else(String::new, |warning| {
                format!(", with a warning: {warning}")
            });
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n  {:7.3} s  {:<9}  {}{warning}",
                at.as_secs_f64(),
                report.status,
                report.cause
            );
        }
        text
    }
}

impl fmt::Debug for KafkaSupervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.history_text())
    }
}

impl Drop for KafkaSupervision {
    fn drop(&mut self) {
        drop(self.handle.take());
        // Its thread ends the stream when the supervision has ended.
        while self.changes.recv_timeout(WAIT_LIMIT).is_ok() {}
    }
}

/// The part of a [`Handle`] that scenarios need, for any runtime.
pub trait AnyHandle: Send {
    /// [`Handle::config`].
    fn config(&self) -> &Config;
    /// [`Handle::status`].
    fn status(&self) -> Status;
    /// [`Handle::next_deadline`].
    fn next_deadline(&self) -> Option<Instant>;
    /// [`Handle::http_address`].
    fn http_address(&self) -> Option<SocketAddr>;
    /// [`Handle::describe`].
    fn describe(&self, report: &Report) -> String;
    /// The handlers and the callers, as [`Service::handlers`](livebus_readiness::Service::handlers) has them.
    fn handlers(&self) -> Vec<HandlerState>;
    /// [`Handle::begin_shutdown`].
    fn begin_shutdown(&self);
    /// [`KafkaBus::newest_round`].
    fn newest_round(&self) -> Option<RoundTally>;
    /// All readers of this process, with the clock of this machine.
    fn readers(&self) -> Readers;
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

    fn describe(&self, report: &Report) -> String {
        self.describe(report)
    }

    fn handlers(&self) -> Vec<HandlerState> {
        let services = self.readiness().services();
        services.flat_map(|service| service.handlers()).collect()
    }

    fn begin_shutdown(&self) {
        self.begin_shutdown();
    }

    fn newest_round(&self) -> Option<RoundTally> {
        self.bus().newest_round()
    }

    fn readers(&self) -> Readers {
        Readers::new(self, ReaderClock::Real)
    }
}

/// Builds the supervision of a scenario. There is no other place that does.
fn builder<R: FullRunner>(
    label: Label<'_>,
    kafka: KafkaConfig,
    settings: Settings,
) -> anyhow::Result<Builder<R, KafkaBus<R>>> {
    let builder = Builder::new(kafka)
        .settings(settings)
        .service(label.service)
        .http(SocketAddr::from(([127, 0, 0, 1], 0)));
    Ok(match recordings::record_options(label)? {
        Some(options) => builder.observer(Recorder::new(options).0),
        None => builder,
    })
}

type Started<R> = Sender<Result<Handle<KafkaBus<R>>, BuildError>>;

/// Starts the supervision, and forwards its changes until the stream ends.
async fn drive<R: FullRunner>(
    builder: Builder<R, KafkaBus<R>>,
    start_sender: Started<R>,
    change_sender: Sender<StatusChange>,
) {
    let handle = builder.start().await;
    let changes = handle.as_ref().ok().map(Handle::changes_from_start);
    // Without a receiver the handle is dropped, which ends the stream.
    let _ = start_sender.send(handle);
    if let Some(changes) = changes {
        forward(changes, &change_sender).await;
    }
}

async fn forward(mut changes: Changes, sender: &Sender<StatusChange>) {
    while let Some(change) = changes.next().await {
        let _ = sender.send(change);
    }
}
