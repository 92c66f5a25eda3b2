//! The long command.

use std::time::Instant;

use super::{Difference, check};
use crate::figures;

/// How many environments, and which.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the environments come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many environments.
    #[arg(long, default_value_t = 1_000_000)]
    environments: u64,
    /// Only this one.
    #[arg(long)]
    environment: Option<u64>,
    /// Write what was compared into `docs/verification.md`.
    #[arg(long)]
    write: bool,
}

/// Compares, and prints what was compared.
///
/// # Errors
///
/// The first counterexample that nothing explains, or a difference that never came into run.
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
    let stale = Difference::ALL
        .into_iter()
        .find(|&difference| tally.explained[difference as usize] == 0);
    match (args.environment, stale) {
        (None, Some(stale)) => anyhow::bail!("{stale:?} never came into run"),
        (None, None) | (Some(_), _) => Ok(()),
    }
}
