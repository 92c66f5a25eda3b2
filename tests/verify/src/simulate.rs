//! The command `simulate`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use livebus_verify::figures::report;
use livebus_verify::simulation::{EVENTS_PER_SEED, Seeds, simulate_aloud, simulate_many};

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// This seed alone
    #[arg(long, conflicts_with_all = ["from", "events", "forever"])]
    seed: Option<u64>,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// As many seeds as have so many events
    #[arg(long, default_value_t = 100_000_000)]
    events: u64,
    /// Every seed, until one fails
    #[arg(long, conflicts_with = "events")]
    forever: bool,
    /// Print a line for each event
    #[arg(long, requires = "seed")]
    log: bool,
    /// Write what was found into `docs/verification.md`
    #[arg(long)]
    write: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let began = now();
    let told = Mutex::new(began);
    let played = AtomicU64::new(0);
    let progress = |events: u64| {
        played.fetch_max(events, Ordering::Relaxed);
        if let Ok(mut told) = told.lock()
            && told.elapsed() > Duration::from_mins(1)
        {
            *told = now();
            eprintln!("{events} events");
        }
    };
    let seeds = if args.forever {
        Seeds::Forever
    } else {
        Seeds::Events(args.events)
    };
    let summary = match args.seed {
        Some(seed) if args.log => simulate_aloud(seed, EVENTS_PER_SEED)?,
        Some(seed) => simulate_many(seed, Seeds::Count(1), 1, &progress)?,
        None => {
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let all = simulate_many(args.from, seeds, threads, &progress);
            all.with_context(|| format!("after {} events", played.load(Ordering::Relaxed)))?
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
