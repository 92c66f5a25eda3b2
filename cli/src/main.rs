//! `livebus`: watches whether a Kafka bus works, prints each change of its status, and serves probes.

mod args;
mod demo;
mod demo_table;
mod exit;
mod output;
mod record;
mod recorded_time;
mod replay;
mod runtime;
mod signals;
mod style;
mod svg;
mod terminal;
mod watch;

use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use livebus_async_std::AsyncStdRuntime;
use livebus_tokio::TokioRuntime;

use crate::args::{Args, Command, RuntimeName};
use crate::demo::demo;
use crate::exit::{EXIT_USAGE, UsageError};
use crate::replay::replay;
use crate::runtime::CommandRuntime;
use crate::watch::watch;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return report_usage(&error),
    };
    match run(args) {
        Ok(code) => code,
        Err(error) => {
            let usage = error.downcast_ref::<UsageError>().is_some();
            eprintln!("livebus: {}", one_line(&error, usage));
            ExitCode::from(if usage { EXIT_USAGE } else { 1 })
        }
    }
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "livebus", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay(args) => replay(&args),
        Command::Man { command } => man(command.as_deref()),
        Command::Watch(args) => {
            start_log(args.log);
            match args.runtime {
                RuntimeName::Tokio => TokioRuntime::block_on(watch::<TokioRuntime>(args)),
                RuntimeName::AsyncStd => AsyncStdRuntime::block_on(watch::<AsyncStdRuntime>(args)),
            }
        }
        Command::Demo(args) => {
            start_log(args.log);
            match args.runtime {
                RuntimeName::Tokio => TokioRuntime::block_on(demo::<TokioRuntime>(args)),
                RuntimeName::AsyncStd => AsyncStdRuntime::block_on(demo::<AsyncStdRuntime>(args)),
            }
        }
    }
}

fn start_log(level: Option<tracing::Level>) {
    if let Some(level) = level {
        tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(io::stderr)
            .with_ansi(style::coloured(&io::stderr()))
            .init();
    }
}

fn man(command: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut root = Args::command();
    root.build();
    let page = match command {
        None => root,
        Some(name) => root
            .find_subcommand(name)
            .cloned()
            .with_context(|| format!("there is no command {name:?}; see `livebus --help`"))
            .context(UsageError)?,
    };
    clap_mangen::Man::new(page).render(&mut io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

/// Prints help to standard output, and a mistake as one line.
fn report_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let what = lines
        .next()
        .unwrap_or("wrong usage")
        .trim_start_matches("error: ");
    // The next lines have what is missing; usage and hints come after them.
    let details: Vec<&str> = lines
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .collect();
    let details = if details.is_empty() {
        String::new()
    } else {
        format!(" {}", details.join("; "))
    };
    eprintln!("livebus: {what}{details}; see `livebus --help`");
    ExitCode::from(EXIT_USAGE)
}

fn one_line(error: &anyhow::Error, usage: bool) -> String {
    let skip = usize::from(usage);
    let mut causes: Vec<String> = Vec::new();
    for cause in error.chain().skip(skip) {
        let cause = cause.to_string().replace('\n', "; ");
        // Some errors contain the text of their source.
        if !causes.last().is_some_and(|last| last.contains(&cause)) {
            causes.push(cause);
        }
    }
    output::printable(&causes.join(": "))
}
