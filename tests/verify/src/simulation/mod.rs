//! A whole world in virtual time, played to supervisors: a cluster whose brokers die, hang and flap, leaders that move, rounds,
//! handlers, traffic, hints, and runners that come late.
//!
//! A seed decides all of it: the configurations, how often what goes wrong, and every single thing that does. So some seeds are
//! calm and some are hell. First everything may go wrong, and no claim of the [watch](crate::watch) may break, nor what the world
//! knows better. Then all faults end, and every service must be Running within a bound and stay so; then everything dies, which must
//! be noticed; then the services are shut down.
//!
//! | file | what |
//! |---|---|
//! | `trial.rs` | the phases |
//! | `world.rs` | virtual time, and what will happen |
//! | `faults.rs` | what goes wrong with the bus |
//! | `runner.rs` | the loop around a supervisor |
//! | `step.rs` | one step, and what is checked at it |
//! | `operations.rs` | how starts, rounds, registrations and stops are answered |
//! | `cluster.rs` | brokers and leaders |
//! | `rates.rs`, `configs.rs` | what a seed draws |

mod broken;
mod cluster;
mod configs;
mod faults;
mod log;
mod many;
mod operations;
mod rates;
mod runner;
mod service;
mod step;
mod summary;
mod trial;
mod world;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use broken::{Broken, Failure};
pub use many::{Seeds, simulate_many};
pub use summary::{ACTIONS, Against, EVENTS, Situation, Summary};

use log::Log;
use world::World;

/// How many events the first phase of a seed has, where nobody says otherwise. The line that plays a seed again relies on it.
pub const EVENTS_PER_SEED: u64 = 10_000;

/// Plays one seed, whose first phase has so many events.
///
/// Every discrepancy is a failure, a panic of the core too. Only a core that never returns from a call is not noticed: who hunts
/// such a one gives the process a limit.
///
/// # Errors
///
/// What is false, with the last lines of the log.
pub fn simulate(seed: u64, events: u64) -> Result<Summary, Failure> {
    play(seed, events, Log::Off).map_err(|_| {
        // The same again, with somebody to read the log.
        let again = play(seed, events, Log::Last(VecDeque::new()));
        again.err().unwrap_or(Failure {
            seed,
            broken: Broken::NotTheSame,
            events: 0,
            log: Vec::new(),
        })
    })
}

/// Plays one seed and prints a line for each event.
///
/// # Errors
///
/// What is false.
pub fn simulate_aloud(seed: u64, events: u64) -> Result<Summary, Failure> {
    play(seed, events, Log::Print)
}

fn play(seed: u64, events: u64, log: Log) -> Result<Summary, Failure> {
    let failure = |broken, events, log: Log| Failure {
        seed,
        broken,
        events,
        log: log.lines(),
    };
    let mut world = World::draw(seed, log).map_err(|it| failure(it, 0, Log::Off))?;
    // A faulty core may overflow: that is found, too.
    let ended = catch_unwind(AssertUnwindSafe(|| world.run(events)));
    match ended.unwrap_or(Err(Broken::Panicked)) {
        Ok(()) => Ok(world.summary),
        Err(broken) => Err(failure(broken, world.summary.events, world.log)),
    }
}
