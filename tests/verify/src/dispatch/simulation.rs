//! A group with random settings and random faults, from a seed: members come and go, crash, lose their client or their partitions, shut
//! down; functions are slow, fail, and end after their assignment; commits fail or are late. Then all faults end, and every record must be
//! handled and committed.

mod faults;
mod rates;
mod settings;

use std::fmt;
use std::time::Duration;

use livebus_core::dispatch::{RecordFailure, RunEnd};

use super::claim::{Claim, Coverage};
use super::environment::{Group, Topic, Trace};
use crate::rng::Rng;
use rates::Rates;

pub(super) use settings::random_config;

/// What simulated seeds add up to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Seeds.
    pub seeds: u64,
    /// Calls of dispatchers.
    pub events: u64,
    /// Records that were handled, each counted once.
    pub records: u64,
    /// Records that were handled again.
    pub again: u64,
    /// How many of these there may be, by the reported duplicates.
    pub may_be_again: u64,
    /// Assignments that ended by a release.
    pub releases: u64,
    /// Assignments that ended without one.
    pub abrupt_ends: u64,
    /// Situations.
    pub coverage: Coverage,
}

impl Summary {
    /// Adds what another seed did.
    pub const fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.events += other.events;
        self.records += other.records;
        self.again += other.again;
        self.may_be_again += other.may_be_again;
        self.releases += other.releases;
        self.abrupt_ends += other.abrupt_ends;
        self.coverage.merge(other.coverage);
    }
}

/// A simulation that breaks a claim.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed, if it has one.
    pub seed: Option<u64>,
    /// The claim.
    pub claim: Claim,
    /// After how many calls.
    pub events: u64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            claim,
            events,
        } = self;
        if let Some(seed) = seed {
            write!(f, "seed {seed}, ")?;
        }
        write!(f, "after {events} calls: {claim}")
    }
}

impl std::error::Error for Failure {}

/// One simulated seed.
struct Simulation {
    rng: Rng,
    topic: Topic,
    group: Group,
    rates: Rates,
    trace: Trace,
}

/// The most steps of a seed: a group that does not finish within them does not make progress.
const MAX_STEPS: u64 = 400_000;

/// Simulates one seed.
///
/// # Errors
///
/// The claim that was broken.
pub fn simulate(seed: u64) -> Result<Summary, Failure> {
    let mut rng = Rng::new(seed);
    let topic = settings::topic(&mut rng);
    let members = usize::try_from(rng.between(1, 4)).unwrap_or(1);
    let mut it = Simulation {
        group: Group::new(&topic, members),
        rates: Rates::draw(&mut rng),
        trace: Trace::default(),
        topic,
        rng,
    };
    let steps = it.rng.between(50, 20_000);
    match it.run(steps) {
        Ok(()) => Ok(it.summary()),
        Err(claim) => Err(Failure {
            seed: Some(seed),
            claim,
            events: it.group.counts.events,
        }),
    }
}

/// Simulates a group of so many members that makes a step for each number, then recovers. All choices of a step follow from its number, so
/// that a step that is left out does not change those after it. `rates` is a seed for the rates of faults; 0: there are none.
///
/// # Errors
///
/// The claim that was broken.
pub fn simulate_steps(
    topic: &Topic,
    members: usize,
    rates: u64,
    numbers: &[u64],
) -> Result<Summary, Failure> {
    let mut it = Simulation {
        group: Group::new(topic, members),
        rates: match rates {
            0 => Rates::none(),
            seed => Rates::draw(&mut Rng::new(seed)),
        },
        trace: Trace::default(),
        topic: topic.clone(),
        rng: Rng::new(0),
    };
    let result = numbers.iter().try_for_each(|&number| {
        it.rng = Rng::new(number);
        it.step()?;
        it.fault()
    });
    match result.and_then(|()| it.end_faults()) {
        Ok(()) => Ok(it.summary()),
        Err(claim) => Err(Failure {
            seed: None,
            claim,
            events: it.group.counts.events,
        }),
    }
}

impl Simulation {
    fn run(&mut self, steps: u64) -> Result<(), Claim> {
        for _ in 0..steps {
            self.step()?;
            self.fault()?;
        }
        self.end_faults()
    }

    /// Lets the group work without faults until everything is handled.
    fn end_faults(&mut self) -> Result<(), Claim> {
        self.rates = Rates::none();
        for _ in 0..MAX_STEPS {
            self.recover()?;
            if self.is_finished() {
                return self.check_counts();
            }
            self.step()?;
        }
        Err(Claim::EverythingIsHandled)
    }

    const fn summary(&self) -> Summary {
        let counts = self.group.counts;
        Summary {
            seeds: 1,
            events: counts.events,
            records: counts.handled,
            again: counts.again,
            may_be_again: counts.may_be_again,
            releases: counts.releases,
            abrupt_ends: counts.abrupt_ends,
            coverage: self.trace.coverage,
        }
    }

    fn check_counts(&self) -> Result<(), Claim> {
        let counts = self.group.counts;
        if counts.again <= counts.may_be_again {
            Ok(())
        } else {
            Err(Claim::DuplicatesAreCounted)
        }
    }

    /// Returns whether everything is handled and committed.
    fn is_finished(&self) -> bool {
        let partitions = self.group.partitions.iter().zip(&self.topic.logs);
        partitions.into_iter().all(|(partition, log)| {
            let end = log.last().map_or(0, |record| record.offset + 1);
            let (position, done) = partition
                .committed
                .as_ref()
                .map_or((0, 0), |it| (it.0, it.1.len()));
            // Whatever a policy passes over at the end of a log is committed with the next record only.
            let is_removed = partition.first == log.len();
            (position == end && done == 0 || is_removed) && partition.handled.iter().all(|it| *it)
        })
    }

    /// Does what a working group does.
    fn step(&mut self) -> Result<(), Claim> {
        self.trace.actions.clear();
        let partition = self.pick(self.group.partitions.len());
        let member = self.pick(self.group.members.len());
        match self.rng.below(16) {
            0..=3 => {
                if self.group.partitions[partition].owner.is_none() {
                    self.assign(partition)?;
                } else {
                    let longest = self.topic.config.settings().limits.run_records;
                    let max = self.pick((longest as usize).max(64)) + 1;
                    self.group
                        .fetch(&self.topic, partition, max, &mut self.trace)?;
                }
            }
            4..=10 => self.end_a_run(member)?,
            11 => self.answer_a_letter(member)?,
            12..=13 => self.go_on_with_commit(member)?,
            _ => self.pass()?,
        }
        Ok(())
    }

    pub(super) fn pick(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.below(bound as u64)).unwrap_or(0)
    }

    pub(super) fn assign(&mut self, partition: usize) -> Result<(), Claim> {
        let members = self.group.members.iter().enumerate();
        let running: Vec<usize> = members
            .filter(|(_, member)| {
                member
                    .as_ref()
                    .is_some_and(|member| !member.checker.is_stopped())
            })
            .map(|(index, _)| index)
            .collect();
        if running.is_empty() {
            return Ok(());
        }
        let member = self.rng.pick(&running);
        let changes = self.rng.per_million(self.rates.removals);
        self.group
            .assign(&self.topic, partition, member, changes, &mut self.trace)
    }

    fn end_a_run(&mut self, member: usize) -> Result<(), Claim> {
        let Some(running) = &self.group.members[member] else {
            return Ok(());
        };
        let runs: Vec<_> = running
            .checker
            .runs()
            .map(|(id, run)| (id, run.records))
            .collect();
        if runs.is_empty() {
            return Ok(());
        }
        let (id, records) = self.rng.pick(&runs);
        let is_cancelled = running.checker.is_cancelled(id);
        let done = u32::try_from(self.rng.below(u64::from(records))).unwrap_or(0);
        if self.rng.per_million(self.rates.pending) {
            return self
                .group
                .pend(&self.topic, member, id, done, &mut self.trace);
        }
        let end = if is_cancelled && self.rng.percent(70) {
            RunEnd::Cancelled { done }
        } else if self.rng.per_million(self.rates.failures) {
            let class = self.rng.pick(&[
                RecordFailure::Transient,
                RecordFailure::Permanent,
                RecordFailure::TimedOut,
                RecordFailure::Panicked,
            ]);
            RunEnd::Failed { done, class }
        } else if self.rng.per_million(self.rates.returns) {
            RunEnd::Returned { done }
        } else {
            RunEnd::Done
        };
        self.group
            .end_run(&self.topic, member, id, end, &mut self.trace)
    }

    fn answer_a_letter(&mut self, member: usize) -> Result<(), Claim> {
        let Some(running) = &self.group.members[member] else {
            return Ok(());
        };
        let letters: Vec<_> = running.checker.letters().map(|(id, ..)| id).collect();
        if letters.is_empty() {
            return Ok(());
        }
        let id = self.rng.pick(&letters);
        let is_written = !self.rng.per_million(self.rates.failed_letters);
        self.group
            .answer_letter(&self.topic, member, id, is_written, &mut self.trace)
    }

    fn go_on_with_commit(&mut self, member: usize) -> Result<(), Claim> {
        let Some(commit) = self.group.members[member]
            .as_ref()
            .and_then(|it| it.commit.as_ref())
        else {
            return Ok(());
        };
        let is_applied = !commit.applied.is_empty();
        let fails = self.rng.per_million(self.rates.failed_commits);
        let mut succeeds = |_| !self.rng.per_million(self.rates.failed_positions);
        if fails || is_applied {
            return self.group.answer_commit(
                &self.topic,
                member,
                |it| !fails && succeeds(it),
                &mut self.trace,
            );
        }
        self.group.apply_commit(&self.topic, member, succeeds)
    }

    /// Lets time pass, but not beyond the deadline of a commit: the runner answers each within it.
    fn pass(&mut self) -> Result<(), Claim> {
        let now = self.group.now;
        let members = || self.group.members.iter().flatten();
        let deadline = members()
            .filter_map(|it| it.commit.as_ref())
            .map(|it| it.deadline)
            .min();
        let timeout = members()
            .filter_map(|it| it.dispatcher.poll_timeout())
            .min();
        let time = match timeout.filter(|_| self.rng.percent(50)) {
            Some(at) => at.saturating_duration_since(now),
            None => Duration::from_millis(self.rng.magnitude(1, self.rates.step)),
        };
        let max = deadline.map_or(Duration::MAX, |at| at.saturating_duration_since(now));
        let on_time = timeout.filter(|_| !self.rates.wakes_late);
        let time = on_time.map_or(time, |at| time.min(at.saturating_duration_since(now)));
        if max.is_zero() {
            let late = (0..self.group.members.len()).filter(|&index| {
                let member = self.group.members[index].as_ref();
                let commit = member.and_then(|it| it.commit.as_ref());
                commit.is_some_and(|commit| commit.deadline <= now)
            });
            for member in late.collect::<Vec<_>>() {
                self.go_on_with_commit(member)?;
            }
            return Ok(());
        }
        self.group.pass(&self.topic, time.min(max), &mut self.trace)
    }
}
