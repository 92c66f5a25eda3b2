//! The command `voltha`.

use std::time::Instant;

use super::{Difference, check};
use crate::figures;

/// Which environments are compared.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The seed of the environments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of environments.
    #[arg(long, default_value_t = 1_000_000)]
    environments: u64,
    /// Compare only in the environment with this number.
    #[arg(long)]
    environment: Option<u64>,
    /// Write the result into `docs/verification.md`.
    #[arg(long)]
    write: bool,
}

/// Compares, and prints the tally.
///
/// # Errors
///
/// The first counterexample, or a difference that never applied.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let begun = Instant::now();
    let numbers = match args.environment {
        Some(number) => number..number + 1,
        None => 0..args.environments,
    };
    let environments = numbers.end - numbers.start;
    let tally =
        check(args.seed, numbers).map_err(|counterexample| anyhow::anyhow!("{counterexample}"))?;
    let took = begun.elapsed();
    let found = format!(
        "{environments} environments of seed {} in {took:.1?}\n{tally}",
        args.seed
    );
    figures::report("voltha", &found, args.write)?;
    let unused = Difference::ALL
        .into_iter()
        .find(|&difference| tally.explained[difference as usize] == 0);
    match (args.environment, unused) {
        (None, Some(unused)) => anyhow::bail!("{unused:?} never applied"),
        (None, None) | (Some(_), _) => Ok(()),
    }
}
