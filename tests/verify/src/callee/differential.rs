//! The core and the reference model, on the same random scripts: every decision, every request that is named, and everything that is counted
//! must be the same. The inputs keep no promise: they name requests and assignments that are not there, and instants go back.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use livebus_core::calls::{Arrival, Callee, CalleeConfig, Correlation, Decision, RequestId};
use livebus_core::dispatch::{Generation, PartitionId};

use super::reference::{Counts, Reference};
use super::settings::{correlation, random_config};
use crate::calls::environment::EPOCH;
use crate::rng::Rng;

/// Where both differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The seed of the script, if it has one.
    pub seed: Option<u64>,
    /// The inputs up to the difference, as text.
    pub script: Vec<String>,
    /// What the core did.
    pub core: String,
    /// What the reference model did.
    pub reference: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.script.iter().rev().take(30).rev() {
            writeln!(f, "{line}")?;
        }
        if let Some(seed) = self.seed {
            writeln!(f, "seed {seed}")?;
        }
        write!(f, "core      {}\nreference {}", self.core, self.reference)
    }
}

impl std::error::Error for Difference {}

/// An input of a callee.
#[derive(Debug, Clone, Copy)]
enum Input {
    Assigned(PartitionId, Generation),
    Ended(PartitionId, Generation),
    Fetched(RequestId, Arrival),
    Cancel(RequestId, Correlation),
    Begin(RequestId),
    Committed(PartitionId, Generation, i64),
    Ran(RequestId, bool),
}

/// What an input is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    Nothing,
    Request(Option<RequestId>),
    Decision(Decision),
}

/// Compares both on the script of a seed, with settings of this seed. Returns the kinds of decisions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare(seed: u64, steps: u32) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut rng = Rng::new(seed);
    let config = random_config(&mut rng);
    let numbers: Vec<u64> = (0..steps).map(|_| rng.next_u64()).collect();
    compare_steps(&config, &numbers).map_err(|mut difference| {
        difference.seed = Some(seed);
        difference
    })
}

/// Compares both on the script that has a step for each number. Returns the kinds of decisions that came.
///
/// # Errors
///
/// The first difference.
pub fn compare_steps(
    config: &CalleeConfig,
    numbers: &[u64],
) -> Result<BTreeSet<&'static str>, Box<Difference>> {
    let mut core = Callee::new(config.clone());
    let mut reference = Reference::new(config.settings().clone());
    let mut script = Script::new();
    let mut kinds = BTreeSet::new();
    let mut texts = Vec::new();
    for &number in numbers {
        let (at, input) = script.draw(number);
        texts.push(format!(
            "{:?} {input:?}",
            at.saturating_duration_since(*EPOCH)
        ));
        let (ours, theirs) = give(&mut core, &mut reference, at, input);
        let counted = core.counters();
        let counts = Counts {
            runs: counted.runs,
            too_late: counted.too_late,
            max_age: counted.max_age,
            cancelled: counted.cancelled,
            late_cancels: counted.late_cancels,
            repeated: counted.repeated,
            stale: counted.stale,
        };
        let ours = (ours, core.requests_held(), counts);
        let theirs = (theirs, reference.held(), reference.counts);
        if ours != theirs {
            return Err(Box::new(Difference {
                seed: None,
                script: texts,
                core: format!("{ours:?}"),
                reference: format!("{theirs:?}"),
            }));
        }
        kinds.insert(kind(ours.0));
    }
    Ok(kinds)
}

fn give(
    core: &mut Callee,
    reference: &mut Reference,
    at: Instant,
    input: Input,
) -> (Output, Output) {
    match input {
        Input::Assigned(partition, generation) => {
            core.assigned(partition, generation);
            reference.assigned(partition, generation);
        }
        Input::Ended(partition, generation) => {
            core.ended(partition, generation);
            reference.ended(partition, generation);
        }
        Input::Fetched(id, arrival) => {
            core.fetched(at, id, arrival);
            reference.fetched(at, id, arrival);
        }
        Input::Committed(partition, generation, position) => {
            core.committed(partition, generation, position);
            reference.committed(partition, generation, position);
        }
        Input::Cancel(id, call) => {
            let ours = core.cancel_fetched(id, call);
            let theirs = reference.cancel_fetched(id, call);
            return (Output::Request(ours), Output::Request(theirs));
        }
        Input::Begin(id) => {
            let (ours, theirs) = (core.begin(at, id), reference.begin(at, id));
            return (Output::Decision(ours), Output::Decision(theirs));
        }
        Input::Ran(id, is_replied) => {
            let (ours, theirs) = (core.ran(id, is_replied), reference.ran(id, is_replied));
            return (Output::Request(ours), Output::Request(theirs));
        }
    }
    (Output::Nothing, Output::Nothing)
}

const fn kind(output: Output) -> &'static str {
    match output {
        Output::Nothing => "nothing",
        Output::Request(Some(_)) => "a request",
        Output::Request(None) => "no request",
        Output::Decision(decision) => match decision {
            Decision::Run {
                never_began: true, ..
            } => "run, never began",
            Decision::Run {
                never_began: false, ..
            } => "run",
            Decision::CommitFirst => "commit first",
            Decision::TooLate { .. } => "too late",
            Decision::Cancelled => "cancelled",
            Decision::Running => "running",
            Decision::Replay(_) => "replay",
            Decision::Stale => "stale",
        },
    }
}

/// How many kinds of outputs there are.
pub const KINDS: usize = 11;

/// What a script remembers, to draw inputs that mean something.
struct Script {
    now: Instant,
    generations: [u64; 2],
    next: [i64; 2],
}

impl Script {
    fn new() -> Self {
        Self {
            now: *EPOCH,
            generations: [0; 2],
            next: [0; 2],
        }
    }

    fn draw(&mut self, number: u64) -> (Instant, Input) {
        let mut rng = Rng::new(number);
        self.now += Duration::from_millis(rng.below(12));
        let at = if rng.percent(5) {
            self.now.checked_sub(Duration::from_millis(20))
        } else {
            None
        };
        let index = usize::from(rng.percent(30));
        (at.unwrap_or(self.now), self.input(&mut rng, index))
    }

    fn input(&mut self, rng: &mut Rng, index: usize) -> Input {
        let partition = PartitionId(u32::from(index == 1));
        let stale = u64::from(rng.percent(5));
        let current = Generation(self.generations[index]);
        let generation = Generation(current.0.saturating_sub(stale));
        let next = self.next[index];
        let one_of_the_last = |rng: &mut Rng| next - i64::try_from(rng.below(8)).unwrap_or(0);
        let id = |offset| RequestId {
            partition,
            generation,
            offset,
        };
        match rng.below(100) {
            _ if current == Generation(0) => self.assign(index, partition),
            0 => self.assign(index, partition),
            1 => Input::Assigned(partition, generation),
            2 => Input::Ended(partition, generation),
            3..=29 => {
                let repeats = rng.percent(5);
                let offset = if repeats {
                    one_of_the_last(rng)
                } else {
                    next + 1
                };
                self.next[index] = next.max(offset);
                // The same record, if it is fetched again.
                let number = offset.unsigned_abs() * 2 + index as u64;
                Input::Fetched(id(offset), arrival(&mut Rng::new(number)))
            }
            30..=39 => Input::Cancel(id(next), correlation(rng.below(8))),
            40..=69 => Input::Begin(id(one_of_the_last(rng))),
            70..=79 => Input::Committed(partition, generation, one_of_the_last(rng) + 1),
            _ => Input::Ran(id(one_of_the_last(rng)), rng.percent(80)),
        }
    }

    fn assign(&mut self, index: usize, partition: PartitionId) -> Input {
        self.generations[index] += 1;
        Input::Assigned(partition, Generation(self.generations[index]))
    }
}

fn arrival(rng: &mut Rng) -> Arrival {
    let call = rng.below(8);
    let huge = rng.percent(2);
    let millis = |rng: &mut Rng, max| Duration::from_millis(rng.below(max));
    Arrival {
        correlation: correlation(call),
        // All attempts of a call have its key, or it has none; a caller may do otherwise.
        key: (!call.is_multiple_of(3) || rng.percent(5)).then_some(call % 5),
        time: if huge {
            Duration::MAX
        } else {
            millis(rng, 120)
        },
        age: if huge && rng.percent(50) {
            Duration::MAX
        } else {
            millis(rng, 80)
        },
    }
}
