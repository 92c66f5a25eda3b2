//! The command `dispatch`: the longer runs of the checkers of the dispatcher.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;

use livebus_verify::dispatch::differential::compare;
use livebus_verify::dispatch::explore::{check, explore, large_models, models};
use livebus_verify::dispatch::simulation::{Failure, Summary, simulate};
use livebus_verify::explore::report::thousands;
use livebus_verify::figures::report;

/// What to run.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Command {
    /// Explores every state of the small models, by stateright and by our own search.
    Explore {
        /// The larger models instead
        #[arg(long)]
        large: bool,
        /// Write the result of the larger models into `docs/verification.md`; a test writes that of the others
        #[arg(long, requires = "large")]
        write: bool,
    },
    /// Compares the core with the reference model on random scripts.
    Differential {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// How many scripts of 200 steps
        #[arg(long, default_value_t = 100_000)]
        scripts: u64,
        /// Write the result into `docs/verification.md`
        #[arg(long)]
        write: bool,
    },
    /// Simulates groups with faults in virtual time; then every record must be handled.
    Simulate {
        /// Simulate only this seed
        #[arg(long)]
        seed: Option<u64>,
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Simulate seeds until this many records were handled
        #[arg(long, default_value_t = 10_000_000)]
        records: u64,
        /// Write the result into `docs/verification.md`
        #[arg(long, conflicts_with = "seed")]
        write: bool,
    },
}

/// Runs it.
pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match *command {
        Command::Explore { large, write } => explore_all(large, write),
        Command::Differential {
            from,
            scripts,
            write,
        } => {
            for seed in from..from + scripts {
                compare(seed, 200)?;
            }
            let found = format!("{scripts} scripts of 200 steps, no difference");
            report("dispatcher differential", &found, write)
        }
        Command::Simulate {
            seed: Some(seed),
            write,
            ..
        } => report("dispatcher simulation", &text(&simulate(seed)?), write),
        Command::Simulate {
            seed: None,
            from,
            records,
            write,
        } => {
            let began = now();
            let summary = simulate_many(from, records)?;
            let millis = began.elapsed().as_millis().max(1);
            let rate = u128::from(summary.records) * 1_000 / millis;
            let found = format!("{}\n{millis} ms, {rate} records/s", text(&summary));
            report("dispatcher simulation", &found, write)
        }
    }
}

fn explore_all(large: bool, write: bool) -> anyhow::Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut found = String::new();
    for model in if large { large_models() } else { models() } {
        let name = model.name;
        let ours = explore(&model, usize::MAX)
            .map_err(|max| anyhow::anyhow!("{name}: more than {max} states"))?;
        if let Some((claim, path)) = ours.broken {
            bail!("{name}: {claim}, after {path:?}");
        }
        ensure!(
            ours.states == model.states,
            "{name}: {} states, not {}",
            ours.states,
            model.states
        );
        let theirs = check(&model, threads);
        let theirs = theirs.map_err(|path| anyhow::anyhow!("{name}: {path}"))?;
        ensure!(ours.states == theirs, "{name}: stateright finds {theirs}");
        let (states, steps) = (thousands(ours.states), thousands(ours.steps));
        writeln!(
            found,
            "{name}: {states} states, {steps} steps, by both searches"
        )
        .context("a String can be written to")?;
    }
    report("dispatcher large models", &found, write)
}

fn simulate_many(from: u64, records: u64) -> anyhow::Result<Summary> {
    let next = AtomicU64::new(from);
    let is_over = AtomicBool::new(false);
    let sum = Mutex::new(Summary::default());
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let work = || {
        while !is_over.load(Ordering::Relaxed) {
            match simulate(next.fetch_add(1, Ordering::Relaxed)) {
                Ok(summary) => {
                    let mut sum = sum.lock().expect("no thread panics");
                    sum.add(&summary);
                    if sum.records >= records {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
                Err(found) => {
                    *failure.lock().expect("no thread panics") = Some(found);
                    is_over.store(true, Ordering::Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    match failure.into_inner().expect("no thread panics") {
        Some(failure) => Err(failure.into()),
        None => Ok(sum.into_inner().expect("no thread panics")),
    }
}

fn text(summary: &Summary) -> String {
    format!(
        "{} seeds, {} calls, {} records, lost 0\n{} handled again, at most {} by the reported duplicates\n{} releases, {} other ends of assignments",
        summary.seeds,
        summary.events,
        summary.records,
        summary.again,
        summary.may_be_again,
        summary.releases,
        summary.abrupt_ends,
    )
}

fn now() -> Instant {
    Instant::now()
}
