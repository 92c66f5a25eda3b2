//! The options, on the command line and in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint};

mod bus;
mod call_policy;
mod check;
pub(crate) mod help;
mod timing;
mod values;

pub(crate) use bus::BusArgs;
pub(crate) use call_policy::CallPolicyArgs;
pub(crate) use check::{CheckArgs, CheckedArgs, CheckedFormat, WaitArgs, WantedVerdict};
pub(crate) use timing::{EndArgs, RuleArgs};

/// Watch whether a Kafka bus works, print each change of its status, and serve probes.
#[derive(Debug, Parser)]
#[command(name = "livebus", version, arg_required_else_help = true, after_long_help = help::after(&help::ROOT))]
pub(crate) struct Args {
    /// When to use colours. Without this: on a terminal, unless `NO_COLOR` is set or TERM is dumb.
    #[arg(long, global = true, env = "LIVEBUS_COLOR", value_name = "WHEN")]
    pub(crate) color: Option<ColorChoice>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Returns the program's command. No help shows the values of variables: they may hold secrets.
pub(crate) fn command() -> clap::Command {
    without_values(Args::command())
}

/// Parses the command line and the environment.
pub(crate) fn parse() -> Result<Args, clap::Error> {
    let matches = command().try_get_matches()?;
    let mut args = Args::from_arg_matches(&matches)?;
    if let Some((_, of_command)) = matches.subcommand() {
        match &mut args.command {
            Command::Check(args) => args.checked.complete(of_command)?,
            Command::Wait(args) => args.checked.complete(of_command)?,
            Command::Watch(args) => args.prefer_command_line(of_command),
            Command::Demo(_)
            | Command::Replay(_)
            | Command::Completions { .. }
            | Command::Man { .. } => {}
        }
    }
    Ok(args)
}

/// Returns the value of an option as it was written on the command line or in the environment, or its default; `None` without one.
pub(crate) fn written(id: &str) -> Option<String> {
    let matches = command().try_get_matches().ok()?;
    let (_, of_command) = matches.subcommand()?;
    let mut values = of_command.try_get_raw(id).ok()??;
    values.next()?.to_str().map(str::to_owned)
}

fn is_from_the_environment(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::EnvVariable)
}

fn without_values(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(without_values)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a bus: a line for each change of its status, on a terminal a live line that is updated in place, and probes over
    /// HTTP and gRPC.
    #[command(after_long_help = help::after(&help::WATCH))]
    Watch(Box<WatchArgs>),
    /// Check once whether a bus works, or whether a running livebus is ready: one line, and the exit code.
    #[command(after_long_help = help::after(&help::CHECK))]
    Check(Box<CheckArgs>),
    /// Wait until a bus works, or until a running livebus is ready, or until it is not: one line, and the exit code.
    #[command(after_long_help = help::after(&help::WAIT))]
    Wait(Box<WaitArgs>),
    /// Show in half a minute how livebus notices a broker that is missing, appears, is killed, comes back, hangs and comes back.
    #[command(after_long_help = help::after(&help::DEMO))]
    Demo(DemoArgs),
    /// Replay a recording: print its timeline, and check that the supervisor returns the same actions again.
    #[command(after_long_help = help::after(&help::REPLAY))]
    Replay(ReplayArgs),
    /// Print a completion script for a shell.
    #[command(after_long_help = help::after(&help::COMPLETIONS))]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of a command if one is named.
    #[command(after_long_help = help::after(&help::MAN))]
    Man {
        /// A command of livebus.
        #[arg(value_parser = ["watch", "check", "wait", "demo", "replay", "completions", "man"])]
        command: Option<String>,
    },
}

/// Options of `livebus watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) bus: BusArgs,

    /// Start a Kafka inside this process, and watch it: to try livebus.
    #[arg(long, env = "LIVEBUS_EMBEDDED", value_parser = BoolishValueParser::new())]
    pub(crate) embedded: bool,

    /// The name of the service in probes, logs and lines.
    #[arg(long, env = "LIVEBUS_SERVICE", value_name = "NAME", default_value = "message-bus", value_hint = ValueHint::Other)]
    pub(crate) service: String,

    /// Serve /livez, /readyz, /startupz, /statusz and /metrics at this port of 127.0.0.1, or at an IP address and port, like 0.0.0.0:8080.
    ///
    /// The first three answer as those of Kubernetes' API server: ?verbose, ?exclude=NAME, and a path for each check, like /readyz/NAME.
    /// /statusz is JSON, /metrics is for Prometheus. Port 0 is any free port. On Kubernetes write 0.0.0.0:8080: the kubelet cannot reach
    /// 127.0.0.1.
    #[arg(long, env = "LIVEBUS_HTTP", value_name = "ADDR", value_hint = ValueHint::Other, value_parser = values::http_address)]
    pub(crate) http: Option<SocketAddr>,

    /// Serve VOLTHA's /readz, /healthz and /detailz as well, with the status codes and bodies of its probe. Needs --http.
    #[arg(long, env = "LIVEBUS_HTTP_AS_IN_VOLTHA", value_parser = BoolishValueParser::new())]
    pub(crate) http_as_in_voltha: bool,

    /// Serve the health service of gRPC (grpc.health.v1) at this port of 127.0.0.1, or at an IP address and port, like 0.0.0.0:9090.
    ///
    /// Without TLS. Port 0 is any free port. The empty name and that of --service are known.
    #[arg(long, env = "LIVEBUS_GRPC", value_name = "ADDR", value_hint = ValueHint::Other, value_parser = values::http_address)]
    pub(crate) grpc: Option<SocketAddr>,

    /// The format of the changes.
    #[arg(long, env = "LIVEBUS_FORMAT", default_value = "auto")]
    pub(crate) format: Format,

    /// The async runtime.
    #[arg(
        long,
        env = "LIVEBUS_RUNTIME",
        value_name = "NAME",
        default_value = "tokio"
    )]
    pub(crate) runtime: RuntimeName,

    /// Write a log of this level to standard error.
    #[arg(long, env = "LIVEBUS_LOG", value_name = "LEVEL", value_parser = values::log_level())]
    pub(crate) log: Option<tracing::Level>,

    #[command(flatten)]
    pub(crate) record: RecordArgs,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    #[command(flatten)]
    pub(crate) end: EndArgs,
}

impl WatchArgs {
    /// Drops a bus of the environment if the command line asks for the embedded one.
    fn prefer_command_line(&mut self, matches: &ArgMatches) {
        if self.embedded && !is_from_the_environment(matches, "embedded") {
            let from_environment = is_from_the_environment(matches, "bootstrap_servers");
            self.bus.bootstrap_servers.take_if(|_| from_environment);
        } else if self.bus.bootstrap_servers.is_some()
            && !is_from_the_environment(matches, "bootstrap_servers")
        {
            self.embedded = false;
        }
    }
}

/// Options of a recording, for [`Command::Replay`].
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// Record what the supervisor receives and does, for `livebus replay`. The file has no property and no secret.
    #[arg(long, env = "LIVEBUS_RECORD", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) record: Option<PathBuf>,

    /// The maximum size of FILE and FILE.1 together, like 64MiB, 10MB or 500KiB. A full FILE is renamed to FILE.1.
    #[arg(long, env = "LIVEBUS_RECORD_MAX_SIZE", value_name = "SIZE", default_value = "64MiB", value_hint = ValueHint::Other, value_parser = values::size)]
    pub(crate) record_max_size: u64,
}

/// Options of `livebus demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The supervisor's settings.
    #[arg(long, env = "LIVEBUS_PRESET", default_value = "default")]
    pub(crate) preset: Preset,

    /// The async runtime.
    #[arg(
        long,
        env = "LIVEBUS_RUNTIME",
        value_name = "NAME",
        default_value = "tokio"
    )]
    pub(crate) runtime: RuntimeName,

    /// Write a log of this level to standard error.
    #[arg(long, env = "LIVEBUS_LOG", value_name = "LEVEL", value_parser = values::log_level())]
    pub(crate) log: Option<tracing::Level>,

    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

/// Options of `livebus replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The recording.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Draw the recording as a picture, into this file.
    #[arg(long, env = "LIVEBUS_SVG", value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub(crate) svg: Option<PathBuf>,

    /// The format of the changes.
    #[arg(long, env = "LIVEBUS_FORMAT", default_value = "text")]
    pub(crate) format: ReplayFormat,

    #[command(flatten)]
    pub(crate) policy: PolicyArgs,

    #[command(flatten)]
    pub(crate) call_policy: CallPolicyArgs,
}

/// Another policy for the recording of a request handler.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Another policy, for the recording of a request handler")]
pub(crate) struct PolicyArgs {
    /// What would have followed the last retry of a record.
    #[arg(long, env = "LIVEBUS_THEN", value_name = "WHAT")]
    pub(crate) then: Option<ThenName>,

    /// How often a record that failed would have been tried again.
    #[arg(long, env = "LIVEBUS_RETRIES", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) retries: Option<u32>,

    /// Which records would have waited for which.
    #[arg(long, env = "LIVEBUS_ORDER", value_name = "ORDER")]
    pub(crate) order: Option<OrderName>,

    /// How many calls of the function would have been in flight at most.
    #[arg(long, env = "LIVEBUS_AT_ONCE", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) at_once: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThenName {
    /// Its partition stops until it succeeds
    Stop,
    /// It is skipped
    Skip,
    /// It is written to the dead-letter topic
    DeadLetter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderName {
    /// Those of a partition run one after the other
    Partition,
    /// Those of a partition with the same key do
    Key,
    /// None waits for another
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or TERM is dumb
    Auto,
    /// Always, also into a file or a pipe
    Always,
    /// Never
    Never,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Ask {
    /// A small record to each of at most three leaders of the topic: proves a write
    Produce,
    /// A metadata request: needs no topic and no rights
    Metadata,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text; on a terminal with a live line that is updated in place
    Auto,
    /// Text, one line per change
    Text,
    /// JSON, one object per line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayFormat {
    /// Text, one line per change
    #[value(alias = "auto")]
    Text,
    /// JSON, one object per line
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Killed is noticed in under a second, hung in under ten
    Default,
    /// Hung is noticed in under a second; four small messages a second
    Fast,
    /// The timings and the simpler rules of the VOLTHA core
    Voltha,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeName {
    /// The runtime that most services use
    Tokio,
    /// Discontinued (RUSTSEC-2025-0052); for services that still use it
    AsyncStd,
}
