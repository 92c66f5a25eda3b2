//! `livebus demo`: causes every fault of a bus, ends it again, and shows that livebus notices.

use std::future;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{FutureExt, StreamExt, select};
use livebus_core::{Settings, Status};
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig, LivenessBy};
use livebus_readiness::StatusChange;
use livebus_runner::{Builder, Bus, Changes, Handle};

use crate::args::{DemoArgs, RecordArgs};
use crate::console::Console;
use crate::demo_table::Table;
use crate::output::{Seen, short, text_line, wall_clock};
use crate::record::Recorded;
use crate::runtime::CommandRuntime;
use crate::signals::Signals;
use crate::stream::Stream;
use crate::{settings, style};

/// The delay between two steps.
const STEP_DELAY: Duration = Duration::from_secs(2);
/// How long after the detection bound a step fails.
const WAIT_LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn demo<R: CommandRuntime>(
    args: DemoArgs,
    console: Console,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    args.record.check()?;
    let settings = Settings {
        drain: Duration::from_secs(1),
        ..settings::preset(args.preset)
    };
    let (stdout, stderr) = (console.stdout, console.stderr);
    let mut script = Script::<R>::begin(settings, &args.record, stdout.clone()).await?;
    let recording = script.recording.clone();
    let report = async || {
        Recorded::report_early_end(&recording.ended().await, &stderr);
        future::pending::<()>().await;
    };
    select! {
        result = script.run().fuse() => result?,
        () = report().boxed_local().fuse() => {}
        _ = console.reader_gone.fuse() => {}
        _signal = signals.next().fuse() => stdout.line("\n>> interrupted"),
    }
    script.end().await?;
    recording.finish(&stderr);
    Ok(ExitCode::SUCCESS)
}

/// The script of the demo, on an embedded cluster.
struct Script<R: CommandRuntime> {
    cluster: EmbeddedCluster,
    bus: Handle<KafkaBus<R>>,
    changes: Changes,
    recording: Recorded,
    stdout: Stream,
    table: Table,
    coloured: bool,
    /// The instant of the last step.
    stepped_at: Instant,
}

impl<R: CommandRuntime> Script<R> {
    async fn begin(
        settings: Settings,
        record: &RecordArgs,
        stdout: Stream,
    ) -> anyhow::Result<Self> {
        let cluster = EmbeddedCluster::start(1).context("cannot start the embedded cluster")?;
        cluster.create_topic(LivenessBy::DEFAULT_TOPIC, 1)?;
        cluster.kill()?;
        let stepped_at = Instant::now();
        let kafka = KafkaConfig::embedded(&cluster)?;
        let builder = Builder::<R, _>::new(kafka).settings(settings);
        let (builder, recording) = record.apply(builder);
        let bus = builder.start().await.map_err(settings::usage_error)?;
        let changes = bus.changes_from_start();
        let bound = bus.config().detection_bound();
        stdout.line(format!(
            "An embedded Kafka at {}, without a broker. Each fault is noticed within {}.",
            cluster.bootstrap_servers(),
            short(bound)
        ));
        Ok(Self {
            cluster,
            changes,
            recording,
            stdout,
            bus,
            table: Table::default(),
            coloured: style::stdout_is_coloured(),
            stepped_at,
        })
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        self.expect("no broker at the start", Status::NotReady)
            .await?;
        R::sleep(STEP_DELAY).await;
        self.step("the broker appears", EmbeddedCluster::restore)?;
        self.expect("the broker appears", Status::Running).await?;
        R::sleep(STEP_DELAY).await;
        self.step(
            "the broker is killed: connections are closed and refused",
            EmbeddedCluster::kill,
        )?;
        self.expect("killed", Status::NotReady).await?;
        R::sleep(STEP_DELAY).await;
        self.step("the broker is back", EmbeddedCluster::restore)?;
        self.expect("back after the kill", Status::Running).await?;
        R::sleep(STEP_DELAY).await;
        self.step(
            "the broker hangs: it accepts and never answers",
            EmbeddedCluster::hang,
        )?;
        self.expect("hung", Status::NotReady).await?;
        R::sleep(STEP_DELAY).await;
        self.step("the broker is back", EmbeddedCluster::restore)?;
        self.expect("back after the hang", Status::Running).await?;
        R::sleep(STEP_DELAY).await;
        Ok(())
    }

    /// Runs one step on the cluster, and prints it.
    fn step<E>(
        &mut self,
        what: &str,
        operation: impl FnOnce(&EmbeddedCluster) -> Result<(), E>,
    ) -> anyhow::Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        self.stdout.line(format!("\n>> {what}"));
        self.stepped_at = Instant::now();
        operation(&self.cluster)?;
        Ok(())
    }

    /// Waits until livebus reports `status`, and adds a row with the time that it took.
    async fn expect(&mut self, step: &str, status: Status) -> anyhow::Result<()> {
        let bound = self.bus.config().detection_bound() + WAIT_LIMIT;
        let change = select! {
            change = self.until(status).fuse() => change?,
            () = R::sleep(bound).fuse() => {
                anyhow::bail!("{step}: not {status} within {}", short(bound))
            }
        };
        let took = change.at.saturating_duration_since(self.stepped_at);
        self.stdout
            .line(format!("   noticed after {}", short(took)));
        self.table.row(step, status, took);
        Ok(())
    }

    async fn until(&mut self, status: Status) -> anyhow::Result<StatusChange> {
        loop {
            let change = self
                .changes
                .next()
                .await
                .context("the supervision ended early")?;
            let explain = |failure| self.bus.bus().explain(failure);
            let time = wall_clock(change.at);
            let line = text_line(&time, &change, explain, &Seen::of(&self.bus), self.coloured);
            self.stdout.line(line);
            if change.report.status == status {
                return Ok(change);
            }
        }
    }

    async fn end(mut self) -> anyhow::Result<()> {
        self.stdout.line("\n>> the service shuts down");
        self.stepped_at = Instant::now();
        self.bus.begin_shutdown();
        self.expect("shutdown begins", Status::NotReady).await?;
        self.expect("shutdown ends, after the drain", Status::Stopped)
            .await?;
        self.stdout.line(format!("\n{}", self.table));
        Ok(())
    }
}
