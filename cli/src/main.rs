//! `livebus`: watches whether a Kafka bus works, prints each change of its status, and serves probes.

mod args;
mod bus_config;
mod check;
mod completions;
mod console;
mod demo;
mod demo_table;
mod environment;
mod exit;
mod grpc_answer;
mod line_queue;
mod live_text;
mod man;
mod open_secrets;
mod output;
mod probe_answer;
mod probe_url;
mod record;
mod recorded_time;
mod replay;
mod runtime;
mod settings;
mod shown;
mod signals;
mod stream;
mod style;
mod svg;
mod terminal;
mod usage;
mod verdict;
mod watch;

use std::env;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use livebus_async_std::AsyncStdRuntime;
use livebus_kafka::PropertyError;
use livebus_tokio::TokioRuntime;

use crate::args::{Args, CheckedArgs, Command, Format, RuntimeName};
use crate::check::Check;
use crate::console::Console;
use crate::demo::demo;
use crate::exit::{EXIT_USAGE, UsageError};
use crate::replay::replay;
use crate::runtime::CommandRuntime;
use crate::stream::{Notice, Stream};
use crate::verdict::Purpose;
use crate::watch::watch;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(args) => args,
        Err(error) => return report_usage(&error),
    };
    style::choose(args.color);
    run(args).unwrap_or_else(|error| report(&error))
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Completions { shell } => print(&completions::script(shell)),
        Command::Replay(args) => {
            for warning in unknown_variables() {
                let _ = writeln!(io::stderr(), "livebus: {warning}");
            }
            replay(&args)
        }
        Command::Man { command } => {
            let page = man::page(command.as_deref())?;
            print(&page.context("there is no such command")?)
        }
        Command::Check(args) => check(args.checked, Purpose::Check, args.timeout),
        Command::Wait(args) => {
            let purpose = Purpose::WaitFor(args.wanted.into());
            check(args.checked, purpose, args.timeout)
        }
        Command::Watch(args) => {
            let notice = match args.format {
                Format::Json => Notice::Json,
                Format::Auto | Format::Text => Notice::Text,
            };
            with_console(notice, args.log, |console| match args.runtime {
                RuntimeName::Tokio => TokioRuntime::block_on(watch::<TokioRuntime>(args, console)),
                RuntimeName::AsyncStd => {
                    AsyncStdRuntime::block_on(watch::<AsyncStdRuntime>(args, console))
                }
            })
        }
        Command::Demo(args) => with_console(Notice::Text, args.log, |console| match args.runtime {
            RuntimeName::Tokio => TokioRuntime::block_on(demo::<TokioRuntime>(args, console)),
            RuntimeName::AsyncStd => {
                AsyncStdRuntime::block_on(demo::<AsyncStdRuntime>(args, console))
            }
        }),
    }
}

fn check(args: CheckedArgs, purpose: Purpose, timeout: Duration) -> anyhow::Result<ExitCode> {
    with_console(Notice::Text, args.log, |console| {
        let runtime = args.runtime;
        let check = Check::new(args, purpose, timeout, console);
        match runtime {
            RuntimeName::Tokio => TokioRuntime::block_on(check.run::<TokioRuntime>()),
            RuntimeName::AsyncStd => AsyncStdRuntime::block_on(check.run::<AsyncStdRuntime>()),
        }
    })
}

/// Returns a line about each variable of the environment that looks like an option and is none.
fn unknown_variables() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    environment::warnings(names)
}

/// Runs a command that supervises a bus. Its output is written, for a bounded time, before this returns.
fn with_console(
    notice: Notice,
    log: Option<tracing::Level>,
    command: impl FnOnce(Console) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let console = Console::open(notice)?;
    let (stdout, stderr) = (console.stdout.clone(), console.stderr.clone());
    for warning in unknown_variables() {
        stderr.line(format!("livebus: {warning}"));
    }
    start_log(log, stderr.clone());
    let result = panic::catch_unwind(AssertUnwindSafe(|| command(console)));
    if let Ok(Err(error)) = &result {
        for line in error_lines(error) {
            stderr.line(line);
        }
    }
    console::finish(&stdout, &stderr);
    match result {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Ok(exit_code(&error)),
        Err(panic) => panic::resume_unwind(panic),
    }
}

fn start_log(level: Option<tracing::Level>, stderr: Stream) {
    if let Some(level) = level {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(stderr)
            .with_ansi(style::coloured(&io::stderr()))
            .init();
    }
}

/// Writes a whole text to standard output. A reader that closes the pipe has seen enough.
fn print(text: &[u8]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

/// Prints the help that was asked for to standard output, the help without a command to standard error, and a mistake as one line.
fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let help = help(error, style::stdout_is_coloured());
        return print(help.as_bytes()).unwrap_or_else(|error| report(&error));
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = write!(
            io::stderr(),
            "{}",
            help(error, style::coloured(&io::stderr()))
        );
    } else {
        let _ = writeln!(io::stderr(), "livebus: {}", usage::describe(error));
    }
    ExitCode::from(EXIT_USAGE)
}

fn help(error: &clap::Error, coloured: bool) -> String {
    let help = error.render();
    if coloured {
        help.ansi().to_string()
    } else {
        help.to_string()
    }
}

/// Prints an error. Returns its exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    // A standard error that is closed must not be a panic.
    for line in error_lines(error) {
        let _ = writeln!(io::stderr(), "{line}");
    }
    exit_code(error)
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if is_usage(error) { EXIT_USAGE } else { 1 })
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.downcast_ref::<UsageError>().is_some()
}

/// Returns the error and its causes, as one line for each thing that is wrong.
fn error_lines(error: &anyhow::Error) -> Vec<String> {
    if let Some(PropertyError::Several(errors)) = error.downcast_ref() {
        let lines = errors.iter().map(|error| line(&error.to_string()));
        return lines.collect();
    }
    let skip = usize::from(is_usage(error));
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().skip(skip) {
        let cause = cause.to_string().replace('\n', "; ");
        // Some errors contain the text of their source.
        if !causes.last().is_some_and(|last| last.contains(&cause)) {
            causes.push(cause);
        }
    }
    vec![line(&causes.join(": "))]
}

fn line(text: &str) -> String {
    format!("livebus: {}", output::printable(text))
}
