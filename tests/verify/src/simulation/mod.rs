//! Simulates supervisors with their environment in virtual time: a cluster whose brokers fail, hang and flap, leaders that move,
//! rounds, handlers, traffic, suspicions, and runners that are late.
//!
//! A seed decides everything: the configurations, the rate of each fault, and every single event. So some seeds have few faults and
//! some have very many. First there are faults, and no claim of the [invariant checker](crate::invariants) may break, nor one that
//! only the environment can check. Then all faults end, and every service must be Running within a bound and stay so; then the bus
//! fails, which must be detected; then the services are shut down.
//!
//! | file | what |
//! |---|---|
//! | `run.rs` | the four parts of a run |
//! | `environment.rs` | virtual time, and the queue of what will happen |
//! | `faults.rs` | the faults of the bus |
//! | `runner.rs` | the loop around a supervisor |
//! | `step.rs` | one step, and what is checked at it |
//! | `operations.rs` | how starts, rounds, registrations and stops are answered |
//! | `cluster.rs` | brokers and leaders |
//! | `rates.rs`, `configs.rs` | what a seed draws |

mod cluster;
mod configs;
mod environment;
mod faults;
mod log;
mod operations;
mod rates;
mod run;
mod runner;
mod seeds;
mod service;
mod step;
mod summary;
mod violation;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use seeds::{Seeds, simulate_many};
pub use summary::{ACTIONS, BoundShares, EVENTS, Situation, Summary};
pub use violation::{SeedFailure, Violation};

use environment::Environment;
use log::Log;

/// The number of events in the first part of a run. The command that repeats a seed relies on it.
pub const EVENTS_PER_SEED: u64 = 10_000;

/// Simulates one seed, with this many events in the first part.
///
/// Every violation is a failure, and so is a panic of the core. Only a core that never returns from a call is not detected; to find
/// one, limit the time of the process.
///
/// # Errors
///
/// The violation, with the last lines of the log.
pub fn simulate(seed: u64, events: u64) -> Result<Summary, SeedFailure> {
    run(seed, events, Log::Off).map_err(|_| {
        // Repeats the run with a log.
        let again = run(seed, events, Log::Last(VecDeque::new()));
        again.err().unwrap_or(SeedFailure {
            seed,
            violation: Violation::NotReproducible,
            events: 0,
            log: Vec::new(),
        })
    })
}

/// Simulates one seed and prints a line for each event.
///
/// # Errors
///
/// The violation.
pub fn simulate_verbosely(seed: u64, events: u64) -> Result<Summary, SeedFailure> {
    run(seed, events, Log::Print)
}

fn run(seed: u64, events: u64, log: Log) -> Result<Summary, SeedFailure> {
    let failure = |violation, events, log: Log| SeedFailure {
        seed,
        violation,
        events,
        log: log.lines(),
    };
    let mut env = Environment::draw(seed, log).map_err(|it| failure(it, 0, Log::Off))?;
    // A faulty core may panic, for example by an overflow.
    let ended = catch_unwind(AssertUnwindSafe(|| env.run(events)));
    match ended.unwrap_or(Err(Violation::Panicked)) {
        Ok(()) => Ok(env.summary),
        Err(violation) => Err(failure(violation, env.summary.events, env.log)),
    }
}
