//! The options, on the command line and in the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Parser, Subcommand, ValueEnum};

/// Watch whether a Kafka bus works, print each change of its status, and serve probes.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_long_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    ended in order: shut down by SIGINT or SIGTERM, or the demo has ended
  1    an error while running
  2    a wrong option, address, property or file
  3    a replay differs from its recording
  130  ended at once by a second SIGINT (143: by a second SIGTERM)

Every option can be given in the environment too: --live-interval as LIVEBUS_LIVE_INTERVAL.
NO_COLOR disables colours.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a bus: a line for each change of its status, on a terminal a status line that is updated in place, and probes over
    /// HTTP.
    #[command(after_long_help = WATCH_EXAMPLES)]
    Watch(Box<WatchArgs>),
    /// Show in half a minute how livebus notices a broker that is missing, appears, is killed, comes back, hangs and comes back.
    #[command(after_long_help = DEMO_EXAMPLES)]
    Demo(DemoArgs),
    /// Replay a recording: print its timeline, and check that the supervisor returns the same actions again.
    #[command(after_long_help = REPLAY_HELP)]
    Replay(ReplayArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of a command if one is named.
    Man {
        /// A command of livebus.
        command: Option<String>,
    },
}

const WATCH_EXAMPLES: &str = "\
Examples:
  livebus watch                                     an embedded cluster, to try livebus without a Kafka
  livebus watch -b kafka-1:9092,kafka-2:9092        your own Kafka
  livebus watch -b kafka:9092 --topic health --create-topic
  livebus watch -b kafka:9093 --config client.properties -X client.id=watcher
  livebus watch -b kafka:9092 --ask metadata        needs no topic and no rights
  livebus watch -b kafka:9092 --http 127.0.0.1:8080 and then: curl '127.0.0.1:8080/readyz?verbose'
  livebus watch -b kafka:9092 --format json | jq .

Exit codes: see `livebus --help`.";

const DEMO_EXAMPLES: &str = "\
Examples:
  livebus demo                  the defaults: a hung broker is noticed within ten seconds
  livebus demo --preset fast    a hung broker is noticed within one second
  livebus demo --runtime async-std";

const REPLAY_HELP: &str = "\
Examples:
  livebus watch --record bus.jsonl              make a recording
  livebus replay bus.jsonl                      its timeline, and a check that the supervisor acts the same
  livebus replay bus.jsonl --svg bus.svg        a picture of it
  livebus replay bus.jsonl --format json | jq .

A last line that a crash cut is ignored, and a recording that is still being written has no end yet. The output reports both;
neither is an error.

Exit codes:
  0  the same
  3  different: the first difference is shown
  2  a file that is missing, damaged or no recording: the line is shown";

/// Options of `livebus watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// The addresses of the bus: host:port, separated by commas. Without it, an embedded cluster is started.
    #[arg(
        short = 'b',
        long,
        env = "LIVEBUS_BOOTSTRAP_SERVERS",
        value_name = "SERVERS"
    )]
    pub(crate) bootstrap_servers: Option<String>,

    // Not read from the environment by clap: on the command line a value may have several lines.
    #[arg(
        short = 'X',
        long = "property",
        value_name = "KEY=VALUE",
        help = "A property of every Kafka client; may be repeated [env: LIVEBUS_PROPERTY, one on each line]"
    )]
    pub(crate) properties: Vec<String>,

    /// A properties file for every Kafka client. -X overrides it.
    #[arg(long, env = "LIVEBUS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The kind of liveness message: a record to the topic's leaders, or a metadata request.
    #[arg(
        long,
        env = "LIVEBUS_ASK",
        value_name = "HOW",
        default_value = "produce"
    )]
    pub(crate) ask: Ask,

    /// The topic of liveness messages.
    #[arg(long, env = "LIVEBUS_TOPIC", default_value = livebus_kafka::LivenessBy::DEFAULT_TOPIC, value_parser = topic)]
    pub(crate) topic: String,

    /// Create the topic when it is missing.
    #[arg(long, env = "LIVEBUS_CREATE_TOPIC", value_parser = BoolishValueParser::new())]
    pub(crate) create_topic: bool,

    /// The name of the service in probes, logs and lines.
    #[arg(long, env = "LIVEBUS_SERVICE", default_value = "message-bus")]
    pub(crate) service: String,

    /// Serve /livez and /readyz at this address; port 0 is any free port.
    #[arg(long, env = "LIVEBUS_HTTP", value_name = "ADDR")]
    pub(crate) http: Option<SocketAddr>,

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

    /// Write a log of this level to standard error: error, warn, info, debug or trace.
    #[arg(long, env = "LIVEBUS_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<tracing::Level>,

    #[command(flatten)]
    pub(crate) record: RecordArgs,

    #[command(flatten)]
    pub(crate) timing: TimingArgs,
}

/// Options of a recording, for [`Command::Replay`].
#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    /// Record what the supervisor receives and does, for `livebus replay`. The file has no property and no secret.
    #[arg(long, env = "LIVEBUS_RECORD", value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// The maximum size of FILE and FILE.1 together, like 64MiB, 10MB or 500KiB. A full FILE is renamed to FILE.1.
    #[arg(long, env = "LIVEBUS_RECORD_MAX_SIZE", value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub(crate) record_max_size: u64,
}

/// Options that change the supervisor's settings. The others come from the preset, and are shortened if they would exceed an
/// option that limits them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Timings and rules")]
pub(crate) struct TimingArgs {
    /// The settings that the options below change.
    #[arg(long, env = "LIVEBUS_PRESET", default_value = "default")]
    pub(crate) preset: Preset,

    /// The maximum silence while live, like 5s or 500ms.
    #[arg(long, env = "LIVEBUS_LIVE_INTERVAL", value_name = "DURATION", value_parser = duration)]
    pub(crate) live_interval: Option<Duration>,

    /// The timeout of a liveness message.
    #[arg(long, env = "LIVEBUS_LIVENESS_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    pub(crate) liveness_timeout: Option<Duration>,

    /// The delay from an ambiguous failure (a timeout, say) to the next liveness message.
    #[arg(long, env = "LIVEBUS_RECHECK_DELAY", value_name = "DURATION", value_parser = duration)]
    pub(crate) recheck_delay: Option<Duration>,

    /// Ambiguous failures in a row that make the service NotReady.
    #[arg(long, env = "LIVEBUS_FAILURES_TO_NOT_READY", value_name = "N")]
    pub(crate) failures_to_not_ready: Option<u32>,

    /// Proofs in a row that make the service Running again.
    #[arg(long, env = "LIVEBUS_SUCCESSES_TO_READY", value_name = "N")]
    pub(crate) successes_to_ready: Option<u32>,

    /// The interval of liveness messages while the bus is not live.
    #[arg(long, env = "LIVEBUS_NOT_LIVE_INTERVAL", value_name = "DURATION", value_parser = duration)]
    pub(crate) not_live_interval: Option<Duration>,

    /// The maximum of that interval, which doubles.
    #[arg(long, env = "LIVEBUS_NOT_LIVE_INTERVAL_MAX", value_name = "DURATION", value_parser = duration)]
    pub(crate) not_live_interval_max: Option<Duration>,

    /// The timeout of a liveness message that was sent because of a suspicion.
    #[arg(long, env = "LIVEBUS_SUSPICION_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    pub(crate) suspicion_timeout: Option<Duration>,

    /// The minimum time between liveness messages that are sent because of suspicions.
    #[arg(long, env = "LIVEBUS_SUSPICION_SPACING", value_name = "DURATION", value_parser = duration)]
    pub(crate) suspicion_spacing: Option<Duration>,

    /// The time for which missing leaders are only a warning.
    #[arg(long, env = "LIVEBUS_PARTIAL_TOLERANCE", value_name = "DURATION", value_parser = duration)]
    pub(crate) partial_tolerance: Option<Duration>,

    /// Replace the client after this time without proof that it works.
    #[arg(long, env = "LIVEBUS_RECREATE_AFTER", value_name = "DURATION", value_parser = duration)]
    pub(crate) recreate_after: Option<Duration>,

    /// A rejection by a broker (topic missing, no right, quota) makes the service NotReady. Without this it is a warning.
    #[arg(long, env = "LIVEBUS_STRICT", value_parser = BoolishValueParser::new())]
    pub(crate) strict: bool,

    /// The time to be NotReady before the shutdown closes the client; 5s with --http, else none.
    #[arg(long, env = "LIVEBUS_DRAIN", value_name = "DURATION", value_parser = duration)]
    pub(crate) drain: Option<Duration>,

    /// The timeout for closing the client after that.
    #[arg(long, env = "LIVEBUS_STOP_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    pub(crate) stop_timeout: Option<Duration>,
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

    /// Write a log of this level to standard error: error, warn, info, debug or trace.
    #[arg(long, env = "LIVEBUS_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<tracing::Level>,

    #[command(flatten)]
    pub(crate) record: RecordArgs,
}

/// Options of `livebus replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The recording.
    pub(crate) file: PathBuf,

    /// Draw the recording as a picture, into this file.
    #[arg(long, env = "LIVEBUS_SVG", value_name = "OUT")]
    pub(crate) svg: Option<PathBuf>,

    /// The format of the changes.
    #[arg(long, env = "LIVEBUS_FORMAT", default_value = "auto")]
    pub(crate) format: Format,
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
    /// Text; on a terminal with a status line that is updated in place
    Auto,
    /// Text, one line per change
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

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it like 5s or 500ms"))
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let bytes = match unit.trim_start() {
        "B" => Some(1),
        "KB" | "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    number
        .parse::<u64>()
        .ok()
        .zip(bytes)
        .and_then(|(number, bytes)| number.checked_mul(bytes))
        .ok_or_else(|| "write a whole number and a unit, like 64MiB, 10MB or 500KiB".to_owned())
}

/// Checks a topic's name by Kafka's own rule.
fn topic(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&text.len()) && text.chars().all(allowed) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err("a topic's name is 1 to 249 letters, digits, dots, underscores and dashes".to_owned())
    }
}
