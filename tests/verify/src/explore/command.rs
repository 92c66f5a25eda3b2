//! `explore`: one universe or all of them, by both searches.

use std::time::Instant;

use anyhow::{bail, ensure};

use super::checker;
use super::report::{Found, HEAD, find, thousands};
use super::universes::{Universe, everything, large, universes};
use crate::figures;

/// What to explore.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// This universe alone; without it, all that every change explores.
    #[arg(long)]
    universe: Option<String>,
    /// The large universe: it takes half an hour and some gigabytes.
    #[arg(long, conflicts_with = "universe")]
    large: bool,
    /// Which search.
    #[arg(long, value_enum, default_value_t = By::Both)]
    by: By,
    /// Threads for stateright's search.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Write what was found into `docs/verification.md`.
    #[arg(long)]
    write: bool,
}

/// Which search explores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Our own, then stateright's, which must count the same.
    Both,
    /// Our own, which knows cycles and longest ways.
    Own,
    /// Stateright's, which is quicker where there are several cores.
    Stateright,
}

/// Explores, and prints what was found.
///
/// # Errors
///
/// A claim that is false, with the way that shows it; searches that disagree; a universe that there is not.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let all = || universes().into_iter().chain([everything()]);
    let chosen: Vec<Universe> = match &args.universe {
        _ if args.large => vec![large()],
        None => all().collect(),
        Some(name) => all().filter(|it| it.name == name).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<_> = all().map(|it| it.name).collect();
        bail!("there is no such universe; there are {names:?}");
    }
    if args.by == By::Stateright {
        for universe in &chosen {
            let states = by_stateright(universe, args)?;
            println!(
                "{}: pinned are {}",
                universe.name,
                thousands(universe.states)
            );
            ensure!(states == universe.states, "it is another number");
        }
        return Ok(());
    }
    let mut table = HEAD.to_owned();
    for universe in chosen {
        table += &explore(universe, args)?.row();
    }
    print!("\n{table}");
    if args.write && args.large {
        figures::write("verification.md", "large universe", &table)?;
    }
    Ok(())
}

fn explore(universe: Universe, args: &Args) -> anyhow::Result<Found> {
    let began = Instant::now();
    let found = find(universe)?;
    println!(
        "{}: {} states in {:.1?}",
        found.universe.name,
        thousands(found.explored.states.len()),
        began.elapsed()
    );
    if args.by == By::Both {
        let states = by_stateright(&found.universe, args)?;
        ensure!(
            states == found.explored.states.len(),
            "the two searches disagree"
        );
    }
    let pinned = found.universe.states;
    if pinned != found.explored.states.len() {
        println!("  pinned: {}", thousands(pinned));
    }
    Ok(found)
}

fn by_stateright(universe: &Universe, args: &Args) -> anyhow::Result<usize> {
    let began = Instant::now();
    let states = checker::check(universe, args.threads).map_err(anyhow::Error::msg)?;
    let (states_told, took) = (thousands(states), began.elapsed());
    println!("  stateright: {states_told} in {took:.1?}");
    Ok(states)
}
