//! The command `calls`: the longer runs of the checkers of `Calls`.

use std::thread;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;

use livebus_verify::calls::differential::compare;
use livebus_verify::calls::explore::{check, explore, models};
use livebus_verify::calls::simulation::{Summary, simulate};
use livebus_verify::explore::report::thousands;

/// What to run.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Explores every state of the small models, by stateright and by our own search.
    Explore,
    /// Compares the core with the reference model on random scripts.
    Differential {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many scripts of 200 steps
        #[arg(long, default_value_t = 100_000)]
        scripts: u64,
    },
    /// Simulates clients with faults in virtual time; then they shut down, and nothing may be left.
    Simulate {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many clients of 400 steps
        #[arg(long, default_value_t = 100_000)]
        clients: u64,
    },
}

/// Runs it.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match *command {
        Command::Explore => explore_all(),
        Command::Differential { from, scripts } => {
            for seed in from..from + scripts {
                compare(seed, 200)?;
            }
            println!("{scripts} scripts of 200 steps, no difference");
            Ok(())
        }
        Command::Simulate { from, clients } => {
            let mut sum = Summary::default();
            for seed in from..from + clients {
                sum.add(&simulate(seed)?);
            }
            let (calls, steps) = (sum.calls, sum.steps);
            println!("{clients} clients, {steps} steps, {calls} calls: each ended once");
            Ok(())
        }
    }
}

fn explore_all() -> anyhow::Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for model in models() {
        let name = model.name;
        let ours = explore(&model, usize::MAX);
        let ours = ours
            .ok()
            .with_context(|| format!("{name}: too many states"))?;
        if let Some((claim, path)) = ours.broken {
            bail!("{name}: {claim}, after {path:?}");
        }
        let theirs = check(&model, threads);
        let theirs = theirs.map_err(|path| anyhow::anyhow!("{name}: {path}"))?;
        ensure!(ours.states == theirs, "{name}: stateright finds {theirs}");
        let (states, steps) = (thousands(ours.states), thousands(ours.steps));
        println!("{name}: {states} states, {steps} steps, by both searches");
    }
    Ok(())
}
