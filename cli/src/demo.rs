//! `livebus demo`: a bus is broken in every way, and mended; livebus notices.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{FutureExt, StreamExt, select};
use livebus_core::{Settings, Status};
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig, LivenessBy};
use livebus_readiness::StatusChange;
use livebus_recording::Recording;
use livebus_runner::{Builder, Changes, Handle};

use crate::args::{DemoArgs, RecordArgs};
use crate::demo_table::Table;
use crate::output::{print, short, text_line, wall_clock};
use crate::runtime::CommandRuntime;
use crate::signals::Signals;
use crate::{record, style, watch};

/// How long the bus is left in peace between two steps.
const PEACE: Duration = Duration::from_secs(2);
/// How much longer than promised a step may take before the demo says that it failed.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn demo<R: CommandRuntime>(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let settings = Settings {
        drain: Duration::from_secs(1),
        ..watch::preset(args.preset)
    };
    let mut story = Story::<R>::begin(settings, &args.record).await?;
    select! {
        told = story.tell().fuse() => told?,
        _ = signals.next().fuse() => print("\n>> interrupted").map(drop)?,
    }
    signals.patiently(story.end()).await?;
    Ok(ExitCode::SUCCESS)
}

struct Story<R: CommandRuntime> {
    cluster: EmbeddedCluster,
    bus: Handle<KafkaBus<R>>,
    changes: Changes,
    recording: Option<Recording>,
    table: Table,
    coloured: bool,
    /// When something was done to the bus the last time.
    done_at: Instant,
}

impl<R: CommandRuntime> Story<R> {
    async fn begin(settings: Settings, record: &RecordArgs) -> anyhow::Result<Self> {
        let cluster = EmbeddedCluster::start(1).context("no embedded cluster")?;
        cluster.create_topic(LivenessBy::DEFAULT_TOPIC, 1)?;
        cluster.kill()?;
        let done_at = Instant::now();
        let kafka = KafkaConfig::embedded(&cluster)?;
        let builder = Builder::<R, _>::new(kafka).settings(settings);
        let (builder, recording) = record.apply(builder);
        let bus = builder.start().await.map_err(watch::usage_error)?;
        let changes = bus.changes_from_start();
        let bound = bus.config().detection_bound();
        print(&format!(
            "An embedded Kafka at {}, without a broker yet. Whatever happens to it, it is noticed within {}.",
            cluster.bootstrap_servers(),
            short(bound)
        ))?;
        Ok(Self {
            cluster,
            changes,
            recording,
            bus,
            table: Table::default(),
            coloured: style::coloured(&io::stdout()),
            done_at,
        })
    }

    async fn tell(&mut self) -> anyhow::Result<()> {
        self.expect("no broker at the start", Status::NotReady)
            .await?;
        R::sleep(PEACE).await;
        self.act("the broker appears", EmbeddedCluster::restore)?;
        self.expect("the broker appears", Status::Running).await?;
        R::sleep(PEACE).await;
        self.act(
            "the broker is killed: connections are closed and refused",
            EmbeddedCluster::kill,
        )?;
        self.expect("killed", Status::NotReady).await?;
        R::sleep(PEACE).await;
        self.act("the broker is back", EmbeddedCluster::restore)?;
        self.expect("back after the kill", Status::Running).await?;
        R::sleep(PEACE).await;
        self.act(
            "the broker hangs: it accepts and never answers",
            EmbeddedCluster::hang,
        )?;
        self.expect("hung", Status::NotReady).await?;
        R::sleep(PEACE).await;
        self.act("the broker is back", EmbeddedCluster::restore)?;
        self.expect("back after the hang", Status::Running).await?;
        R::sleep(PEACE).await;
        Ok(())
    }

    /// Does something to the bus, and says so.
    fn act<E>(
        &mut self,
        what: &str,
        act: impl FnOnce(&EmbeddedCluster) -> Result<(), E>,
    ) -> anyhow::Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        print(&format!("\n>> {what}"))?;
        self.done_at = Instant::now();
        act(&self.cluster)?;
        Ok(())
    }

    /// Waits until livebus says `status`, and notes how long that took.
    async fn expect(&mut self, step: &str, status: Status) -> anyhow::Result<()> {
        let bound = self.bus.config().detection_bound() + PATIENCE;
        let change = select! {
            change = self.until(status).fuse() => change?,
            () = R::sleep(bound).fuse() => {
                anyhow::bail!("{step}: not {status} within {}", short(bound))
            }
        };
        let took = change.at.saturating_duration_since(self.done_at);
        print(&format!("   noticed after {}", short(took)))?;
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
            print(&text_line(&wall_clock(change.at), &change, self.coloured))?;
            if change.report.status == status {
                return Ok(change);
            }
        }
    }

    async fn end(mut self) -> anyhow::Result<()> {
        print("\n>> the service shuts down")?;
        self.done_at = Instant::now();
        self.bus.begin_shutdown();
        self.expect("shutdown begins", Status::NotReady).await?;
        self.expect("shutdown ends, after the drain", Status::Stopped)
            .await?;
        record::finish(self.recording.as_ref());
        print("")?;
        print(&self.table.to_string())?;
        Ok(())
    }
}
