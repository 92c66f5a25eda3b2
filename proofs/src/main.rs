//! The long commands: `cargo run --release -p livebus-proofs -- --help`.

use clap::{Parser, Subcommand};
use livebus_proofs::voltha;

/// Proves the core of livebus.
#[derive(Debug, Parser)]
#[command(name = "livebus-proofs", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares the preset `as_in_voltha` with a transcription of the original's loop.
    Voltha(voltha::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Voltha(args) => voltha::run(&args),
    }
}
