//! The command `calls`: the longer runs of the checkers of `Calls` and of `Callee`.

use std::thread;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;

use livebus_verify::callee;
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
    /// Simulates clients with faults in virtual time, then as many partitions with several owners; nothing may be left in the end.
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
            for seed in from..from + scripts {
                callee::differential::compare(seed, 200)?;
            }
            println!("{scripts} scripts of 200 steps for each side, no difference");
            Ok(())
        }
        Command::Simulate { from, clients } => {
            let mut sum = Summary::default();
            for seed in from..from + clients {
                sum.add(&simulate(seed)?);
            }
            let (calls, steps) = (sum.calls, sum.steps);
            println!("{clients} clients, {steps} steps, {calls} calls: each ended once");
            simulate_owners(from, clients)
        }
    }
}

fn simulate_owners(from: u64, partitions: u64) -> anyhow::Result<()> {
    let mut sum = callee::simulation::Summary::default();
    for seed in from..from + partitions {
        sum.add(&callee::simulation::simulate(seed)?);
    }
    let (records, steps, begun) = (sum.records, sum.steps, sum.begun);
    println!("{partitions} partitions, {steps} steps, {records} records, {begun} of them begun");
    Ok(())
}

fn explore_callee(threads: usize) -> anyhow::Result<()> {
    for model in callee::explore::models() {
        let name = model.name;
        let ours = callee::explore::explore(&model, usize::MAX);
        let ours = ours
            .ok()
            .with_context(|| format!("{name}: too many states"))?;
        if let Some((claim, path)) = ours.broken {
            bail!("{name}: {claim}, after {path:?}");
        }
        let theirs = callee::explore::check(&model, threads);
        let theirs = theirs.map_err(|path| anyhow::anyhow!("{name}: {path}"))?;
        ensure!(ours.states == theirs, "{name}: stateright finds {theirs}");
        let (states, steps) = (thousands(ours.states), thousands(ours.steps));
        println!("callee, {name}: {states} states, {steps} steps, by both searches");
    }
    Ok(())
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
    explore_callee(threads)
}
