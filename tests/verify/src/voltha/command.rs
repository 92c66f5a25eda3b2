//! The long command.

use std::time::Instant;

use super::{Difference, check};
use crate::figures;

/// How many worlds, and which.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the worlds come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds.
    #[arg(long, default_value_t = 1_000_000)]
    worlds: u64,
    /// Only this one.
    #[arg(long)]
    world: Option<u64>,
    /// Write what was compared into `docs/verification.md`.
    #[arg(long)]
    write: bool,
}

/// Compares, and prints what was compared.
///
/// # Errors
///
/// The first story that nothing explains, or a difference that never came into play.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let begun = Instant::now();
    let numbers = match args.world {
        Some(number) => number..number + 1,
        None => 0..args.worlds,
    };
    let worlds = numbers.end - numbers.start;
    let tally = check(args.seed, numbers).map_err(|story| anyhow::anyhow!("{story}"))?;
    let took = begun.elapsed();
    let found = format!(
        "{worlds} worlds of seed {} in {took:.1?}\n{tally}",
        args.seed
    );
    figures::report("voltha", &found, args.write)?;
    let stale = Difference::ALL
        .into_iter()
        .find(|&difference| tally.explained[difference as usize] == 0);
    match (args.world, stale) {
        (None, Some(stale)) => anyhow::bail!("{stale:?} never came into play"),
        (None, None) | (Some(_), _) => Ok(()),
    }
}
