//! The long commands: `cargo run --release -p livebus-proofs -- --help`.

use clap::{Parser, Subcommand};

/// Proves the core of livebus.
#[derive(Debug, Parser)]
#[command(name = "livebus-proofs", disable_help_subcommand = true)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compares the core with a second implementation on random stories.
    Differential(livebus_proofs::differential::Options),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Differential(options) => livebus_proofs::differential::run(&options),
    }
}
