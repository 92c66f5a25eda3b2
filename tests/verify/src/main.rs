//! The commands for long runs: `cargo run --release -p livebus-verify -- --help`.

mod calls_command;
mod dispatch_command;
mod simulate;

use clap::{Parser, Subcommand};
#[cfg(feature = "recordings")]
use livebus_verify::fuzzing::corpus;
use livebus_verify::{differential, explore, voltha};

/// Verifies the core of livebus.
#[derive(Debug, Parser)]
#[command(name = "livebus-verify", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks the machine of requests and replies.
    #[command(subcommand)]
    Calls(calls_command::Command),
    /// Packs the inputs of a fuzz target into one file, or unpacks them.
    #[cfg(feature = "recordings")]
    Corpus(corpus::Args),
    /// Compares the core with the reference model on random scripts.
    Differential(differential::Options),
    /// Checks the dispatcher of request handlers.
    #[command(subcommand)]
    Dispatch(dispatch_command::Command),
    /// Explores every state of small model configurations, by stateright and by our own search.
    Explore(explore::Args),
    /// Simulates services and a cluster with faults in virtual time; then every service must recover.
    Simulate(simulate::Args),
    /// Compares the preset `as_in_voltha` with a transcription of the loop of the VOLTHA core.
    Voltha(voltha::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Calls(command) => calls_command::run(&command),
        #[cfg(feature = "recordings")]
        Command::Corpus(args) => corpus::run(&args),
        Command::Differential(options) => differential::run(&options),
        Command::Dispatch(command) => dispatch_command::run(&command),
        Command::Explore(args) => explore::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Voltha(args) => voltha::run(&args),
    }
}
