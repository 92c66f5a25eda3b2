//! The command `simulate`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use livebus_verify::figures::report;
use livebus_verify::simulation::{EVENTS_PER_SEED, Seeds, simulate_many, simulate_verbosely};

/// The options of `simulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Simulate only this seed
    #[arg(long, conflicts_with_all = ["from", "events", "forever"])]
    seed: Option<u64>,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Simulate seeds until there were this many events
    #[arg(long, default_value_t = 100_000_000)]
    events: u64,
    /// Simulate all seeds, until one fails
    #[arg(long, conflicts_with = "events")]
    forever: bool,
    /// Print a line for each event
    #[arg(long, requires = "seed")]
    log: bool,
    /// Write the result into `docs/verification.md`
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let began = now();
    let last_progress = Mutex::new(began);
    let so_far = AtomicU64::new(0);
    let progress = |events: u64| {
        so_far.fetch_max(events, Ordering::Relaxed);
        if let Ok(mut last) = last_progress.lock()
            && last.elapsed() > Duration::from_mins(1)
        {
            *last = now();
            eprintln!("{events} events");
        }
    };
    let seeds = if args.forever {
        Seeds::Forever
    } else {
        Seeds::Events(args.events)
    };
    let summary = match args.seed {
        Some(seed) if args.log => simulate_verbosely(seed, EVENTS_PER_SEED)?,
        Some(seed) => simulate_many(seed, Seeds::Count(1), 1, &progress)?,
        None => {
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let all = simulate_many(args.from, seeds, threads, &progress);
            all.with_context(|| format!("after {} events", so_far.load(Ordering::Relaxed)))?
        }
    };
    let took = began.elapsed();
    let millis = took.as_millis().max(1);
    let rate = u128::from(summary.events) * 1000 / millis;
    let found = format!("{summary}{} ms, {rate} events/s", took.as_millis());
    report("simulation", &found, args.write)
}

fn now() -> Instant {
    Instant::now()
}
