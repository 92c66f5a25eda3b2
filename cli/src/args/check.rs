//! The options of `livebus check` and `livebus wait`.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum, ValueHint};

use super::{BusArgs, RuleArgs, RuntimeName, is_from_the_environment, values};
use crate::probe_url::ProbeUrl;

/// Options of `livebus check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) checked: CheckedArgs,

    /// The maximum time until the verdict; without one by then, it is not ready.
    #[arg(long, env = "LIVEBUS_TIMEOUT", value_name = "DURATION", default_value = "10s", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) timeout: Duration,
}

/// Options of `livebus wait`.
#[derive(Debug, clap::Args)]
pub(crate) struct WaitArgs {
    #[command(flatten)]
    pub(crate) checked: CheckedArgs,

    /// The verdict to wait for.
    #[arg(
        long = "for",
        env = "LIVEBUS_FOR",
        value_name = "VERDICT",
        default_value = "ready"
    )]
    pub(crate) wanted: WantedVerdict,

    /// The maximum time to wait.
    #[arg(long, env = "LIVEBUS_TIMEOUT", value_name = "DURATION", default_value = "30s", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) timeout: Duration,
}

/// Options of both: what is checked, and how the verdict is printed.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckedArgs {
    /// A running livebus: the address of its probes, like <http://127.0.0.1:8080>, or of its health service, like
    /// <grpc://127.0.0.1:9090>, or that and a name, like <grpc://127.0.0.1:9090/message-bus>. Without it, -b names a bus.
    #[arg(env = "LIVEBUS_URL", value_name = "URL", value_hint = ValueHint::Url, value_parser = values::url)]
    pub(crate) url: Option<ProbeUrl>,

    #[command(flatten)]
    pub(crate) bus: BusArgs,

    /// The format of the verdict.
    #[arg(long, env = "LIVEBUS_FORMAT", default_value = "text")]
    pub(crate) format: CheckedFormat,

    /// Print no verdict: the exit code has it.
    #[arg(short, long, env = "LIVEBUS_QUIET", value_parser = BoolishValueParser::new())]
    pub(crate) quiet: bool,

    /// The async runtime of the check of a bus.
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
    pub(crate) rules: RuleArgs,
}

impl CheckedArgs {
    /// Chooses between a URL and a bus.
    ///
    /// # Errors
    ///
    /// A URL, and an option of a bus on the command line, which would have no effect.
    pub(super) fn complete(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.prefer_command_line(matches);
        match &self.url {
            Some(_) => refuse_options_of_a_bus(matches),
            None => Ok(()),
        }
    }

    /// Drops a URL or a bus of the environment if the command line names the other.
    fn prefer_command_line(&mut self, matches: &ArgMatches) {
        let url = is_from_the_environment(matches, "url");
        let servers = is_from_the_environment(matches, "bootstrap_servers");
        if self.url.is_some() && self.bus.bootstrap_servers.is_some() {
            self.url.take_if(|_| url && !servers);
            self.bus.bootstrap_servers.take_if(|_| servers && !url);
        }
    }
}

/// Checks that the command line has no option of a bus but `-b`, whose error names both. Those of the environment may be for `watch`.
fn refuse_options_of_a_bus(matches: &ArgMatches) -> Result<(), clap::Error> {
    let options = RuleArgs::augment_args(BusArgs::augment_args(clap::Command::new("livebus")));
    let given = options.get_arguments().find(|option| {
        let id = option.get_id().as_str();
        id != "bootstrap_servers" && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    let Some(option) = given else { return Ok(()) };
    let name = match (option.get_short(), option.get_long()) {
        (Some(short), _) => format!("-{short}"),
        (None, long) => format!("--{}", long.unwrap_or_default()),
    };
    let text = format!(
        "{name} is an option of a bus (-b), and the URL of a running livebus is given: leave one out"
    );
    Err(super::command().error(ErrorKind::ArgumentConflict, text))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckedFormat {
    /// One line of text
    #[value(alias = "auto")]
    Text,
    /// One JSON object
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WantedVerdict {
    /// The bus works, or the livebus is ready
    Ready,
    /// The bus cannot be used, or the livebus is not ready or does not answer
    NotReady,
}
