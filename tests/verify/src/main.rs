//! The long commands: `cargo run --release -p livebus-verify -- --help`.

mod simulate;

use clap::{Parser, Subcommand};
#[cfg(feature = "recordings")]
use livebus_verify::fuzzing::corpus;
use livebus_verify::{differential, explore, voltha};

/// Proves the core of livebus.
#[derive(Debug, Parser)]
#[command(name = "livebus-verify", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Packs the inputs of a fuzz target into one file, or unpacks them.
    #[cfg(feature = "recordings")]
    Corpus(corpus::Args),
    /// Compares the core with a second implementation on random stories.
    Differential(differential::Options),
    /// Explores every state of small universes, by stateright and by our own search.
    Explore(explore::Args),
    /// A whole world in virtual time: everything goes wrong, then all must come right.
    Simulate(simulate::Args),
    /// Compares the preset `as_in_voltha` with a transcription of the original's loop.
    Voltha(voltha::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        #[cfg(feature = "recordings")]
        Command::Corpus(args) => corpus::run(&args),
        Command::Differential(options) => differential::run(&options),
        Command::Explore(args) => explore::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Voltha(args) => voltha::run(&args),
    }
}
