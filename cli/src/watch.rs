//! `livebus watch`.

use std::env;
use std::future;
use std::io::{self, IsTerminal};
use std::process::{self, ExitCode};
use std::time::Duration;

use anyhow::Context;
use futures::{FutureExt, StreamExt, select};
use livebus_core::{Cause, Config, RejectionPolicy, Settings};
use livebus_kafka::{EmbeddedCluster, KafkaBus, KafkaConfig, LivenessBy, Properties};
use livebus_readiness::StatusChange;
use livebus_recording::RecordError;
use livebus_runner::{BuildError, Builder, Handle, Runtime};

use crate::args::{Ask, Format, Preset, TimingArgs, WatchArgs};
use crate::exit::UsageError;
use crate::runtime::CommandRuntime;
use crate::signals::Signals;
use crate::terminal::{LiveLine, REDRAW};
use crate::{output, record, style};

/// The default of `--drain` when probes are served: long enough for a probe every few seconds to notice it.
const DRAIN_WITH_PROBES: Duration = Duration::from_secs(5);

pub(crate) async fn watch<R: CommandRuntime>(args: Box<WatchArgs>) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let settings = settings(&args.timing, args.http.is_some());
    Config::new(settings.clone()).map_err(|error| usage_error(error.into()))?;
    let (kafka, _cluster) = bus(&args)?;
    let mut builder = Builder::<R, _>::new(kafka)
        .settings(settings)
        .service(&args.service);
    if let Some(address) = args.http {
        builder = builder.http(address);
    }
    let (builder, recording) = args.record.apply(builder);
    let bus = builder.start().await.map_err(usage_error)?;
    let mut changes = bus.changes_from_start();
    if let Some(address) = bus.http_address() {
        eprintln!("livebus: probes on http://{address}/livez and http://{address}/readyz");
    }

    let writer = Writer::new(&args);
    let mut ending = false;
    loop {
        writer.draw(&bus)?;
        select! {
            change = changes.next().fuse() => match change {
                Some(change) if writer.change(&change)? => {}
                // There is no reader any more.
                Some(_) => bus.begin_shutdown(),
                None => break,
            },
            () = writer.redraw::<R>().fuse() => {}
            code = signals.next().fuse() => {
                if ending {
                    process::exit(code);
                }
                bus.begin_shutdown();
                ending = true;
            }
        }
    }
    record::finish(recording.as_ref());
    let cause = bus.report().cause;
    anyhow::ensure!(cause == Cause::ShutDown, "did not end in order: {cause}");
    Ok(ExitCode::SUCCESS)
}

/// Returns the configured bus, or an embedded one, which lives as long as its handle.
fn bus(args: &WatchArgs) -> anyhow::Result<(KafkaConfig, Option<EmbeddedCluster>)> {
    let mut properties = Properties::new();
    if let Some(file) = &args.config {
        properties.load(file).context(UsageError)?;
    }
    // Empty lines are ignored: a variable often ends with one.
    let environment = env::var("LIVEBUS_PROPERTY").unwrap_or_default();
    for pair in environment.lines().filter(|line| !line.trim().is_empty()) {
        properties.set_pair(pair).context(UsageError)?;
    }
    for pair in &args.properties {
        properties.set_pair(pair).context(UsageError)?;
    }
    let servers = args
        .bootstrap_servers
        .as_deref()
        .or_else(|| properties.get("bootstrap.servers"))
        .map(str::to_owned);
    let (servers, cluster) = if let Some(servers) = servers {
        (servers.parse().context(UsageError)?, None)
    } else {
        let cluster = EmbeddedCluster::start(1).context("cannot start the embedded cluster")?;
        cluster
            .create_topic(&args.topic, 1)
            .context("cannot create the topic in the embedded cluster")?;
        let servers = cluster.bootstrap_servers();
        eprintln!("livebus: no bootstrap servers; watching an embedded cluster at {servers}");
        (servers.parse()?, Some(cluster))
    };
    let liveness_by = match args.ask {
        Ask::Metadata => LivenessBy::Metadata,
        Ask::Produce => LivenessBy::Produce {
            topic: args.topic.clone(),
            create: args.create_topic,
        },
    };
    let kafka = KafkaConfig::new(servers, properties).context(UsageError)?;
    Ok((kafka.liveness_by(liveness_by), cluster))
}

pub(crate) fn preset(preset: Preset) -> Settings {
    match preset {
        Preset::Default => Settings::default(),
        Preset::Fast => Settings::fast(),
        Preset::Voltha => Settings::as_in_voltha(),
    }
}

fn settings(args: &TimingArgs, probes: bool) -> Settings {
    let preset = preset(args.preset);
    let live_interval = args.live_interval.unwrap_or(preset.live_interval);
    let within_interval = |preset: Duration| preset.min(live_interval);
    let liveness_timeout = args
        .liveness_timeout
        .unwrap_or(within_interval(preset.liveness_timeout));
    let not_live_interval = args.not_live_interval.unwrap_or(preset.not_live_interval);
    let drain = if probes {
        DRAIN_WITH_PROBES
    } else {
        Duration::ZERO
    };
    Settings {
        live_interval,
        liveness_timeout,
        recheck_delay: args
            .recheck_delay
            .unwrap_or(within_interval(preset.recheck_delay)),
        failures_to_not_ready: args
            .failures_to_not_ready
            .unwrap_or(preset.failures_to_not_ready),
        successes_to_ready: args.successes_to_ready.unwrap_or(preset.successes_to_ready),
        not_live_interval,
        not_live_interval_max: args
            .not_live_interval_max
            .unwrap_or(preset.not_live_interval_max.max(not_live_interval)),
        suspicion_timeout: args
            .suspicion_timeout
            .unwrap_or(preset.suspicion_timeout.min(liveness_timeout)),
        suspicion_spacing: args
            .suspicion_spacing
            .unwrap_or(within_interval(preset.suspicion_spacing)),
        partial_tolerance: args.partial_tolerance.unwrap_or(preset.partial_tolerance),
        recreate_after: args.recreate_after.or(preset.recreate_after),
        on_rejection: if args.strict {
            RejectionPolicy::NotLive
        } else {
            preset.on_rejection
        },
        drain: args.drain.unwrap_or(drain),
        stop_timeout: args.stop_timeout.unwrap_or(preset.stop_timeout),
        ..preset
    }
}

/// Returns the usage error for `error`. A setting has the name of its option.
pub(crate) fn usage_error(error: BuildError) -> anyhow::Error {
    let error = match error {
        BuildError::Config(error) => {
            let remedy: Vec<String> = error.remedy.split(' ').map(as_option).collect();
            let (option, remedy) = (as_option(error.field), remedy.join(" "));
            anyhow::anyhow!("{option} {}: {remedy}", error.value)
        }
        BuildError::Observer(error) => match error.downcast::<RecordError>().map(|it| *it) {
            Ok(RecordError::TooSmall { value, min }) => {
                anyhow::anyhow!("--record-max-size {value}B: make it at least {min}B")
            }
            Ok(error) => error.into(),
            Err(error) => anyhow::anyhow!(error),
        },
        error @ (BuildError::ServiceName(_)
        | BuildError::Reporter(_)
        | BuildError::Serve(_)
        | _) => error.into(),
    };
    error.context(UsageError)
}

/// Returns the option of a setting's name; any other word unchanged.
fn as_option(word: &str) -> String {
    if word.contains('_') {
        format!("--{}", word.replace('_', "-"))
    } else {
        word.to_owned()
    }
}

/// Writes changes in the selected format.
struct Writer {
    service: String,
    json: bool,
    coloured: bool,
    live_line: Option<LiveLine>,
}

impl Writer {
    fn new(args: &WatchArgs) -> Self {
        let coloured = style::coloured(&io::stdout());
        let live = args.format == Format::Auto && io::stdout().is_terminal();
        Self {
            service: args.service.clone(),
            json: args.format == Format::Json,
            coloured,
            live_line: live.then(|| LiveLine::new(coloured)),
        }
    }

    fn draw<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>) -> anyhow::Result<()> {
        if let Some(live_line) = &self.live_line {
            live_line.draw(bus)?;
        }
        Ok(())
    }

    /// Waits until the live line must be drawn again; without one, forever.
    async fn redraw<R: Runtime>(&self) {
        match self.live_line {
            Some(_) => R::sleep(REDRAW).await,
            None => future::pending().await,
        }
    }

    /// Writes a change. Returns `false` when standard output has no reader any more.
    fn change(&self, change: &StatusChange) -> anyhow::Result<bool> {
        let time = output::wall_clock(change.at);
        let line = if self.json {
            output::json_line(&self.service, &time, None, change)?
        } else {
            output::text_line(&time, change, self.coloured)
        };
        if self.live_line.is_some() {
            LiveLine::clear()?;
        }
        Ok(output::print(&line)?)
    }
}
