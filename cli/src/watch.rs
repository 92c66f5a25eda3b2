//! `livebus watch`.

use std::future;
use std::pin::pin;
use std::process::ExitCode;

use anyhow::Context;
use futures::{FutureExt, StreamExt, select};
use livebus_core::{Cause, Config};
use livebus_endpoints::Probes;
use livebus_grpc::{Health, serve};
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig};
use livebus_readiness::{Registry, StatusChange};
use livebus_runner::{Builder, Bus, Handle, Runtime, Systemd};

use crate::args::{Format, WatchArgs};
use crate::bus_config::{bus_config, named_bus, needed_topics};
use crate::console::Console;
use crate::exit::UsageError;
use crate::output::{self, Seen};
use crate::record::Recorded;
use crate::runtime::CommandRuntime;
use crate::settings::{settings, usage_error};
use crate::signals::Signals;
use crate::stream::Stream;
use crate::style;
use crate::terminal::{self, LiveLine, REDRAW};

pub(crate) async fn watch<R: CommandRuntime>(
    args: Box<WatchArgs>,
    console: Console,
) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let is_probed = args.http.is_some() || args.grpc.is_some();
    let settings = settings(&args.rules, &args.end, is_probed);
    Config::new(settings.clone()).map_err(|error| usage_error(error.into()))?;
    if args.http_as_in_voltha && args.http.is_none() {
        let error = anyhow::anyhow!(
            "--http-as-in-voltha adds paths to the probes, and there are none: add --http, like --http 8080"
        );
        return Err(error.context(UsageError));
    }
    let service = Registry::builder().required(&args.service).build();
    service.map_err(|error| usage_error(error.into()))?;
    args.record.check()?;
    let (kafka, _cluster) = bus(&args, &console.stderr)?;
    let mut builder = Builder::<R, _>::new(kafka)
        .settings(settings)
        .service(&args.service);
    if let Some(address) = args.http {
        builder = builder.http(address);
    }
    if args.http_as_in_voltha {
        builder = builder.http_as_in_voltha();
    }
    match Systemd::from_env() {
        Ok(Some(systemd)) => {
            if let Some(error) = systemd.watchdog_error() {
                let line = format!("livebus: the watchdog of systemd is not notified: {error}");
                console.stderr.line(line);
            }
            builder = builder.systemd_at(systemd);
        }
        Ok(None) => {}
        Err(error) => {
            let line = format!("livebus: systemd is not notified: {error}");
            console.stderr.line(line);
        }
    }
    let (builder, recording) = args.record.apply(builder);
    let bus = builder.start().await.map_err(usage_error)?;
    let mut changes = bus.changes_from_start();
    if let Some(address) = bus.http_address() {
        let more = if args.http_as_in_voltha {
            Probes::PATHS_AS_IN_VOLTHA
        } else {
            &[]
        };
        let paths = [Probes::PATHS, more].concat().join(", ");
        let line = format!("livebus: probes on http://{address} ({paths})");
        console.stderr.line(line);
    }

    let health = args
        .grpc
        .map(|address| serve::<R>(address, Health::of(&bus)));
    // Until the end of the supervision, which ends its watches.
    let health = health.transpose().context(UsageError)?;
    if let Some(server) = &health {
        let address = server.address();
        console
            .stderr
            .line(format!("livebus: health service on grpc://{address}"));
    }

    let writer = Writer::new(&args, console.stdout);
    let mut reader_gone = console.reader_gone.fuse();
    let mut recording_ended = pin!(recording.ended().fuse());
    loop {
        writer.draw(&bus);
        select! {
            change = changes.next().fuse() => match change {
                Some(change) => {
                    R::sleep(output::UNTIL_DEADLINE_IS_SET).await;
                    writer.change(&bus, &change)?;
                }
                None => break,
            },
            () = writer.redraw::<R>().fuse() => {}
            end = recording_ended => Recorded::report_early_end(&end, &console.stderr),
            _ = reader_gone => bus.begin_shutdown(),
            _signal = signals.next().fuse() => bus.begin_shutdown(),
        }
    }
    bus.ended().await;
    recording.finish(&console.stderr);
    let cause = bus.report().cause;
    anyhow::ensure!(cause == Cause::ShutDown, "did not end in order: {cause}");
    Ok(ExitCode::SUCCESS)
}

/// Returns the bus that is named, or the embedded one that is asked for, which lives as long as its handle.
fn bus(
    args: &WatchArgs,
    stderr: &Stream,
) -> anyhow::Result<(KafkaConfig, Option<EmbeddedCluster>)> {
    let named = named_bus(&args.bus)?;
    match (named, args.embedded) {
        (Some(_), true) => {
            let error = anyhow::anyhow!(
                "--embedded starts a Kafka inside the process, and another bus is named with -b, in the environment or in \
                 the properties: leave one out"
            );
            Err(error.context(UsageError))
        }
        (Some(servers), false) => Ok((bus_config(&args.bus, &servers, stderr)?, None)),
        (None, true) => {
            // Before the cluster is started.
            needed_topics(&args.bus)?;
            let cluster = EmbeddedCluster::start(1).context("cannot start the embedded cluster")?;
            cluster
                .create_topic(&args.bus.topic, 1)
                .context("cannot create the topic in the embedded cluster")?;
            let servers = cluster.bootstrap_servers();
            stderr.line(format!(
                "livebus: watching an embedded cluster at {servers}"
            ));
            Ok((bus_config(&args.bus, servers, stderr)?, Some(cluster)))
        }
        (None, false) => {
            let error = anyhow::anyhow!(
                "no bus is named: write its addresses, like -b kafka:9092, or --embedded for a Kafka inside the process"
            );
            Err(error.context(UsageError))
        }
    }
}

/// Writes changes in the selected format.
struct Writer {
    service: String,
    json: bool,
    coloured: bool,
    live_line: Option<LiveLine>,
    stdout: Stream,
}

impl Writer {
    fn new(args: &WatchArgs, stdout: Stream) -> Self {
        let live = args.format == Format::Auto && terminal::shows_a_live_line();
        Self {
            service: args.service.clone(),
            json: args.format == Format::Json,
            coloured: style::stdout_is_coloured(),
            live_line: live.then(LiveLine::new),
            stdout,
        }
    }

    fn draw<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>) {
        if let Some(live_line) = &self.live_line {
            self.stdout.set_live_line(Some(live_line.text(bus)));
        }
    }

    /// Waits until the live line must be drawn again; without one, forever.
    async fn redraw<R: Runtime>(&self) {
        match self.live_line {
            Some(_) => R::sleep(REDRAW).await,
            None => future::pending().await,
        }
    }

    /// Writes a change.
    fn change<R: Runtime>(
        &self,
        bus: &Handle<KafkaBus<R>>,
        change: &StatusChange,
    ) -> anyhow::Result<()> {
        let explain = |failure| bus.bus().explain(failure);
        let seen = Seen::of(bus);
        let time = output::wall_clock(change.at);
        let line = if self.json {
            output::json_line(&self.service, &time, None, change, explain, &seen)?
        } else {
            output::text_line(&time, change, explain, &seen, self.coloured)
        };
        self.stdout.line(line);
        Ok(())
    }
}
