//! A partition with several owners, random settings and faults, from a seed: all claims at each step. At the end all assignments end, and
//! nothing may be left.

use std::fmt;
use std::time::Duration;

use livebus_core::calls::CalleeConfig;

use super::claim::{Claim, Coverage};
use super::environment::{Group, Progress, Record, Step};
use super::settings::random_config;
use crate::rng::Rng;

/// What happened in a simulation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Records that were written.
    pub records: u64,
    /// Requests that were begun, by any owner.
    pub begun: u64,
    /// Steps.
    pub steps: u64,
    /// Which situations were reached.
    pub coverage: Coverage,
}

impl Summary {
    /// Adds another one.
    pub const fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.begun += other.begun;
        self.steps += other.steps;
        self.coverage.merge(other.coverage);
    }
}

/// A claim that is false.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The claim.
    pub claim: Claim,
    /// The seed, if the simulation has one.
    pub seed: Option<u64>,
    /// The steps to it.
    pub steps: Vec<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.steps.iter().rev().take(40).rev() {
            writeln!(f, "{line}")?;
        }
        write!(f, "{}", self.claim)?;
        self.seed.map_or(Ok(()), |seed| write!(f, ", seed {seed}"))
    }
}

impl std::error::Error for Failed {}

/// How many steps a simulation from a seed has.
const STEPS: usize = 400;

/// How many processes there are.
const OWNERS: usize = 3;

/// Simulates the partition of a seed.
///
/// # Errors
///
/// The first claim that is false.
pub fn simulate(seed: u64) -> Result<Summary, Box<Failed>> {
    let mut rng = Rng::new(seed);
    let config = random_config(&mut rng);
    let numbers: Vec<u64> = (0..STEPS).map(|_| rng.next_u64()).collect();
    simulate_steps(&config, &numbers).map_err(|mut failed| {
        failed.seed = Some(seed);
        failed
    })
}

/// Simulates a partition with a step for each number.
///
/// # Errors
///
/// The first claim that is false.
pub fn simulate_steps(config: &CalleeConfig, numbers: &[u64]) -> Result<Summary, Box<Failed>> {
    let mut group = Group::new(config, OWNERS);
    let mut coverage = Coverage::default();
    let mut steps = Vec::new();
    let failed = |claim, steps| {
        let seed = None;
        Box::new(Failed { claim, seed, steps })
    };
    for &number in numbers {
        let mut rng = Rng::new(number);
        group.now += Duration::from_millis(rng.below(12));
        let Some(step) = draw(&group, &mut rng) else {
            continue;
        };
        steps.push(format!(
            "{:?} {step:?}",
            group.now - *crate::calls::environment::EPOCH
        ));
        if let Err(claim) = group.step(step, &mut coverage) {
            return Err(failed(claim, steps));
        }
    }
    if let Err(claim) = group.finish(&mut coverage) {
        return Err(failed(claim, steps));
    }
    let records = group.log.len();
    let begun = (0_i64..).take(records).filter(|at| group.has_begun(*at));
    Ok(Summary {
        records: records as u64,
        begun: begun.count() as u64,
        steps: numbers.len() as u64,
        coverage,
    })
}

fn draw(group: &Group, rng: &mut Rng) -> Option<Step> {
    let owners = group.owners.len() as u64;
    let owner = usize::try_from(rng.below(owners)).unwrap_or(0);
    // Most owners have something to do.
    let assigned = (0..group.owners.len()).filter(|it| group.owners[*it].is_assigned());
    let assigned: Vec<usize> = assigned.collect();
    let busy = if assigned.is_empty() {
        return Some(Step::Assign(owner));
    } else {
        rng.pick(&assigned)
    };
    let records: Vec<_> = group.owners[busy].records().collect();
    let one_that = |rng: &mut Rng, is: fn(Progress) -> bool| {
        let those = records.iter().filter(|(_, progress)| is(*progress));
        let those: Vec<i64> = those.map(|(offset, _)| *offset).collect();
        (!those.is_empty()).then(|| rng.pick(&those))
    };
    Some(match rng.below(100) {
        0..=19 => Step::Write(record(group, rng)),
        20..=44 if group.can_fetch(busy) => Step::Fetch(busy),
        45..=64 => {
            // Also what runs: it must not begin again.
            let may_begin = |it| it != Progress::Done;
            Step::Begin(busy, one_that(rng, may_begin)?)
        }
        65..=79 => {
            let runs = |it| it == Progress::Running;
            Step::End(busy, one_that(rng, runs)?, rng.percent(80))
        }
        80..=91 if group.can_commit(busy) => {
            if rng.percent(15) && !group.is_former(busy) {
                Step::CommitBlindly(busy)
            } else {
                Step::Commit(busy)
            }
        }
        92..=94 if group.is_former(busy) => Step::Notice(busy),
        95 => Step::Assign(owner),
        96 if rng.percent(30) => Step::Crash(busy),
        _ => return None,
    })
}

fn record(group: &Group, rng: &mut Rng) -> Record {
    // Attempts and cancels follow the first attempt soon.
    let newest = group.log.len() as u64 / 2;
    let call = newest.saturating_sub(rng.below(5));
    if rng.percent(15) {
        return Record::Cancel { call };
    }
    let key = match call % 3 {
        0 => None,
        1 => Some(call),
        // Two calls with one key.
        _ => Some(call / 6 + 1_000),
    };
    let written = group.now.checked_sub(Duration::from_millis(rng.below(40)));
    Record::Request {
        call,
        key,
        time: Duration::from_millis(rng.magnitude(1, 8_000)),
        written: written.unwrap_or(group.now),
    }
}
