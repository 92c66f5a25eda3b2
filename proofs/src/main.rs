//! The long commands: `cargo run --release -p livebus-proofs -- --help`.

mod simulate;

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
    /// A whole world in virtual time: everything goes wrong, then all must come right.
    Simulate(simulate::Args),
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Simulate(args) => simulate::run(&args),
    }
}
