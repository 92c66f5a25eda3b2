//! A supervision on a runtime of its own, and what it tells.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::StreamExt as _;
use livebus_tokio::{
    BuildError, Builder, Cause, Changes, FailureClass, Handle, KafkaConfig, LivenessBy, Properties,
    Settings, Status, StatusChange,
};
use tokio::runtime::{self, Runtime};

/// How long to wait for a change that must come: many times what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// tokio has two.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scheduler {
    CurrentThread,
    MultiThread,
}

impl Scheduler {
    fn runtime(self) -> std::io::Result<Runtime> {
        match self {
            Self::CurrentThread => runtime::Builder::new_current_thread().enable_all().build(),
            Self::MultiThread => runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build(),
        }
    }
}

/// The bus at `servers`, asked by producing to `topic`.
pub(crate) fn by_produce(servers: &str, topic: &str) -> anyhow::Result<KafkaConfig> {
    by(
        servers,
        LivenessBy::Produce {
            topic: topic.to_owned(),
            create: false,
        },
    )
}

/// The bus at `servers`, asked as `liveness_by` says.
pub(crate) fn by(servers: &str, liveness_by: LivenessBy) -> anyhow::Result<KafkaConfig> {
    Ok(KafkaConfig::new(servers.parse()?, Properties::new())?.liveness_by(liveness_by))
}

/// The fast preset, without a drain.
pub(crate) fn fast() -> Settings {
    Settings {
        drain: Duration::ZERO,
        ..Settings::fast()
    }
}

/// One supervision, driven by a thread of its own: whatever the scenario's thread waits for, the supervision goes on.
pub(crate) struct Watched {
    name: String,
    handle: Option<Handle>,
    changes: Receiver<StatusChange>,
    history: Vec<StatusChange>,
    began: Instant,
}

impl Watched {
    /// Starts with probes on a port of its own, and waits until it is Prepared.
    pub(crate) fn start(
        name: &str,
        scheduler: Scheduler,
        kafka: KafkaConfig,
        settings: Settings,
    ) -> anyhow::Result<Self> {
        let (told, changes) = mpsc::channel();
        let (started, starts) = mpsc::channel();
        let builder = Builder::kafka(kafka)
            .settings(settings)
            .service(name)
            .http(SocketAddr::from(([127, 0, 0, 1], 0)));
        let runtime = scheduler.runtime()?;
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.block_on(drive(builder, started, told));
                // A blocked call of librdkafka must not keep a scenario from ending.
                runtime.shutdown_background();
            })?;
        let handle = starts.recv().context("the runtime's thread ended")??;
        let mut watched = Self {
            name: name.to_owned(),
            handle: Some(handle),
            changes,
            history: Vec::new(),
            began: Instant::now(),
        };
        watched.becomes(Status::Preparing)?;
        watched.becomes(Status::Prepared)?;
        Ok(watched)
    }

    /// What the service holds.
    pub(crate) fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("it is held until the drop")
    }

    /// Where the probes are.
    pub(crate) fn probes(&self) -> SocketAddr {
        let address = self.handle().http_address();
        address.expect("it was started with probes")
    }

    /// Everything that was told so far and nobody has looked at.
    pub(crate) fn unread(&mut self) -> Vec<StatusChange> {
        let unread: Vec<_> = self.changes.try_iter().collect();
        self.history.extend(&unread);
        unread
    }

    /// The status that was told last and that somebody has looked at.
    pub(crate) fn told(&self) -> Status {
        let last = self.history.last();
        last.map_or(Status::Unknown, |change| change.report.status)
    }

    /// Whatever is told next.
    pub(crate) fn next(&mut self) -> anyhow::Result<StatusChange> {
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
    pub(crate) fn becomes(&mut self, expected: Status) -> anyhow::Result<StatusChange> {
        loop {
            let change = self.next()?;
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
    pub(crate) fn loses(&mut self, classes: &[FailureClass]) -> anyhow::Result<StatusChange> {
        let change = self.becomes(Status::NotReady)?;
        ensure!(
            matches!(change.report.cause, Cause::LivenessFailed(failure) if classes.contains(&failure.class)),
            "the reason should have been one of {classes:?}: {}",
            self.story()
        );
        Ok(change)
    }

    /// Waits until it is Running, by evidence.
    pub(crate) fn runs(&mut self) -> anyhow::Result<StatusChange> {
        let change = self.becomes(Status::Running)?;
        ensure!(change.report.cause == Cause::Evidence, "{}", self.story());
        Ok(change)
    }

    /// Waits for the next change, which must be Running, with that warning or with none.
    pub(crate) fn runs_with(&mut self, warning: Option<FailureClass>) -> anyhow::Result<()> {
        let report = self.next()?.report;
        ensure!(
            report.status == Status::Running
                && report.warning.map(|failure| failure.class) == warning,
            "it should have been Running, with a warning of {warning:?}: {}",
            self.story()
        );
        Ok(())
    }

    /// Nothing was told since somebody looked last.
    pub(crate) fn has_said_nothing(&mut self) -> anyhow::Result<()> {
        let unread = self.unread();
        ensure!(
            unread.is_empty(),
            "it should have said nothing: {}",
            self.story()
        );
        Ok(())
    }

    /// Shuts down: not ready first, then Stopped in order, and nothing after that.
    pub(crate) fn shuts_down(mut self) -> anyhow::Result<StatusChange> {
        self.handle().begin_shutdown();
        let mut change = self.next()?;
        while change.report.status == Status::NotReady && change.report.cause != Cause::ShuttingDown
        {
            change = self.next()?;
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
    pub(crate) fn story(&self) -> String {
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

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.handle.take());
        // Its thread ends the stream when the supervision has ended.
        while self.changes.recv_timeout(PATIENCE).is_ok() {}
    }
}

type Started = Sender<Result<Handle, BuildError>>;

/// Starts what `builder` says, and hands on what it tells until there is nothing more to tell.
async fn drive(builder: Builder, started: Started, told: Sender<StatusChange>) {
    // In a task, because a task that is spawned by a task runs after it has yielded: nothing is told before the
    // subscription.
    let start = tokio::spawn(async move {
        let handle = builder.start().await?;
        let changes = handle.changes();
        Ok((handle, changes))
    });
    match start.await.expect("starting does not panic") {
        Ok((handle, changes)) => {
            // Whoever does not listen any more has dropped the handle, and ends the stream by that.
            let _ = started.send(Ok(handle));
            hand_on(changes, &told).await;
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

async fn hand_on(mut changes: Changes, told: &Sender<StatusChange>) {
    while let Some(change) = changes.next().await {
        let _ = told.send(change);
    }
}
