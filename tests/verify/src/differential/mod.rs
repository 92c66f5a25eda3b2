//! Compares the core with the reference model: on the same scripts, action by action and deadline by deadline.
//!
//! Every case is a pure function of a seed and a number. A case with a difference is shrunk and printed.

mod case;
mod compared_step;
mod coverage;
mod run;
mod script;
mod settings;
mod shrink;
#[cfg(test)]
mod tests;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::figures::report;
use case::Case;
use coverage::Coverage;

const DEFAULT_STEPS: usize = 200;

/// Compares the core with the reference model of `docs/rules.md` on random scripts.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The seed of all random numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The number of cases.
    #[arg(long, default_value_t = 100_000)]
    pub cases: u64,
    /// Run only this case, and print its steps if the two differ.
    #[arg(long)]
    pub case: Option<u64>,
    /// The number of steps of each script.
    #[arg(long, default_value_t = DEFAULT_STEPS)]
    pub steps: usize,
    /// Run until stopped.
    #[arg(long)]
    pub forever: bool,
    /// The number of threads; by default the number of cores.
    #[arg(long)]
    pub threads: Option<usize>,
    /// Print at the end how often everything was reached.
    #[arg(long)]
    pub coverage: bool,
    /// Write the result into `docs/verification.md`.
    #[arg(long)]
    pub write: bool,
}

/// Runs the cases that the options select.
///
/// # Errors
///
/// The first difference: the steps of the shrunk case, and the command that runs the case again.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let cases = match options.case {
        Some(number) => number..number.saturating_add(1),
        None if options.forever => 0..u64::MAX,
        None => 0..options.cases,
    };
    let began = Instant::now();
    let outcome = compare(options, cases);
    let took = began.elapsed();
    if options.coverage {
        for (name, times) in outcome.coverage.by_name() {
            println!("{times:>12}  {name}");
        }
    }
    let found = figures(outcome.cases, outcome.coverage.steps, took);
    if let Some(number) = outcome.difference {
        println!("{found}");
        bail!("{}", format_difference(options, number));
    }
    report(
        "differential",
        &format!("{found}\nno difference"),
        options.write,
    )
}

struct Outcome {
    cases: u64,
    coverage: Coverage,
    /// The lowest number of a case with a difference.
    difference: Option<u64>,
}

/// The number of cases that a thread takes at a time.
const CHUNK: u64 = 64;

fn compare(options: &Options, cases: std::ops::Range<u64>) -> Outcome {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let next = AtomicU64::new(cases.start);
    let stop = AtomicBool::new(false);
    let progress = Progress::new();
    let each = || {
        let mut outcome = Outcome {
            cases: 0,
            coverage: Coverage::default(),
            difference: None,
        };
        while !stop.load(Ordering::Relaxed) {
            let from = next.fetch_add(CHUNK, Ordering::Relaxed);
            if from >= cases.end {
                break;
            }
            let steps_before = outcome.coverage.steps;
            let to = from.saturating_add(CHUNK).min(cases.end);
            for number in from..to {
                let case = Case::draw(options.seed, number, options.steps);
                outcome.cases += 1;
                let difference = catch_unwind(AssertUnwindSafe(|| {
                    run::first_difference(&case, &mut outcome.coverage)
                }));
                let difference = difference.unwrap_or_else(|panic| {
                    eprintln!(
                        "the core or the model panicked: {}",
                        command(options, number)
                    );
                    resume_unwind(panic)
                });
                if difference.is_some() {
                    outcome.difference = Some(number);
                    stop.store(true, Ordering::Relaxed);
                    return outcome;
                }
            }
            progress.add(to - from, outcome.coverage.steps - steps_before);
        }
        outcome
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
        let mut sum = Outcome {
            cases: 0,
            coverage: Coverage::default(),
            difference: None,
        };
        for one in all {
            let one = one.join().unwrap_or_else(|panic| resume_unwind(panic));
            sum.cases += one.cases;
            sum.coverage.add(&one.coverage);
            sum.difference = match (sum.difference, one.difference) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        sum
    })
}

/// Prints the progress every ten seconds.
struct Progress {
    began: Instant,
    cases: AtomicU64,
    steps: AtomicU64,
    printed: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            cases: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            printed: AtomicU64::new(0),
        }
    }

    fn add(&self, cases: u64, steps: u64) {
        const SECONDS: u64 = 10;
        let cases = self.cases.fetch_add(cases, Ordering::Relaxed) + cases;
        let steps = self.steps.fetch_add(steps, Ordering::Relaxed) + steps;
        let tick = self.began.elapsed().as_secs() / SECONDS;
        if self.printed.fetch_max(tick, Ordering::Relaxed) < tick {
            println!("{}", figures(cases, steps, self.began.elapsed()));
        }
    }
}

fn figures(cases: u64, steps: u64, took: Duration) -> String {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    format!(
        "{cases} cases, {steps} steps, {}.{:03} s, {} steps/s",
        millis / 1_000,
        millis % 1_000,
        steps.saturating_mul(1_000) / millis
    )
}

fn format_difference(options: &Options, number: u64) -> String {
    let case = Case::draw(options.seed, number, options.steps);
    let trace = trace::format_trace(&shrink::shrink(&case));
    format!(
        "the core and the model differ.\n\n{trace}\n{}",
        command(options, number)
    )
}

/// Returns the command that runs this case again.
fn command(options: &Options, number: u64) -> String {
    let steps = match options.steps {
        DEFAULT_STEPS => String::new(),
        steps => format!(" --steps {steps}"),
    };
    let seed = options.seed;
    format!(
        "cargo run --release -p livebus-verify -- differential --seed {seed} --case {number}{steps}"
    )
}
