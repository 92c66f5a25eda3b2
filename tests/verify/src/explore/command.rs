//! The command `explore`: explores one model configuration or all of them, by both searches.

use std::time::Instant;

use anyhow::{bail, ensure};

use super::configurations::{ModelConfiguration, everything, large, small_configurations};
use super::report::{Found, HEAD, find, thousands};
use super::stateright_search;
use crate::figures;

/// The options of `explore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this model configuration; without it, all those that the tests explore.
    #[arg(long)]
    configuration: Option<String>,
    /// The large model configuration; takes half an hour and some gigabytes.
    #[arg(long, conflicts_with = "configuration")]
    large: bool,
    /// The search.
    #[arg(long, value_enum, default_value_t = By::Both)]
    by: By,
    /// Threads for stateright's search.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Write the result into `docs/verification.md`.
    #[arg(long)]
    write: bool,
}

/// Which search runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// Our own, then stateright's; both must count the same number of states
    Both,
    /// Our own, which also checks cycles and longest paths
    Own,
    /// Stateright's, which is faster on several cores
    Stateright,
}

/// Explores, and prints the result.
///
/// # Errors
///
/// When a claim is false, with the path that shows it; when the searches disagree; when there is no such configuration.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let all = || small_configurations().into_iter().chain([everything()]);
    let chosen: Vec<ModelConfiguration> = match &args.configuration {
        _ if args.large => vec![large()],
        None => all().collect(),
        Some(name) => all().filter(|it| it.name == name).collect(),
    };
    if chosen.is_empty() {
        let names: Vec<_> = all().map(|it| it.name).collect();
        bail!("no such model configuration; choose one of {names:?}");
    }
    if args.by == By::Stateright {
        for configuration in &chosen {
            let states = by_stateright(configuration, args)?;
            println!(
                "{}: {} states are pinned",
                configuration.name,
                thousands(configuration.states)
            );
            ensure!(
                states == configuration.states,
                "the number of states differs from the pinned one"
            );
        }
        return Ok(());
    }
    let mut table = HEAD.to_owned();
    for configuration in chosen {
        table += &explore(configuration, args)?.row();
    }
    print!("\n{table}");
    if args.write && args.large {
        figures::write("verification.md", "large configuration", &table)?;
    }
    Ok(())
}

fn explore(configuration: ModelConfiguration, args: &Args) -> anyhow::Result<Found> {
    let began = Instant::now();
    let found = find(configuration)?;
    println!(
        "{}: {} states in {:.1?}",
        found.configuration.name,
        thousands(found.explored.states.len()),
        began.elapsed()
    );
    if args.by == By::Both {
        let states = by_stateright(&found.configuration, args)?;
        ensure!(
            states == found.explored.states.len(),
            "the two searches disagree"
        );
    }
    let pinned = found.configuration.states;
    if pinned != found.explored.states.len() {
        println!("  pinned: {}", thousands(pinned));
    }
    Ok(found)
}

fn by_stateright(configuration: &ModelConfiguration, args: &Args) -> anyhow::Result<usize> {
    let began = Instant::now();
    let states =
        stateright_search::check(configuration, args.threads).map_err(anyhow::Error::msg)?;
    let (found, took) = (thousands(states), began.elapsed());
    println!("  stateright: {found} in {took:.1?}");
    Ok(states)
}
