//! A second `Callee`, written from rules 31 to 34 of `docs/calls-rules.md`: it keeps what happened in each assignment, in its order, and
//! derives every decision from that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livebus_core::Config;
use livebus_core::calls::{Arrival, CalleeSettings, Correlation, Decision, RequestId};
use livebus_core::dispatch::{Generation, PartitionId};

/// Something that happened in an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    Fetched(i64, Arrival, Instant),
    /// `begin` was answered so.
    Decided(i64, Decision),
    Cancelled(Correlation),
    Committed(i64),
    /// It ran, and whether it was replied.
    Ran(i64, bool),
}

/// What happened in an assignment.
#[derive(Debug, Clone, Default)]
struct History(Vec<Fact>);

/// The counts of a reference model, in the order of the fields of `CalleeCounters`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) runs: u64,
    pub(super) too_late: u64,
    pub(super) max_age: Duration,
    pub(super) cancelled: u64,
    pub(super) late_cancels: u64,
    pub(super) repeated: u64,
    pub(super) stale: u64,
}

/// A second `Callee`.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    settings: CalleeSettings,
    assignments: BTreeMap<PartitionId, (Generation, History)>,
    pub(super) counts: Counts,
}

impl Reference {
    pub(super) fn new(settings: CalleeSettings) -> Self {
        Self {
            settings,
            assignments: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn assigned(&mut self, partition: PartitionId, generation: Generation) {
        match self.assignments.get(&partition) {
            Some((current, _)) if *current >= generation => self.counts.stale += 1,
            Some(_) | None => {
                let history = History::default();
                self.assignments.insert(partition, (generation, history));
            }
        }
    }

    pub(super) fn ended(&mut self, partition: PartitionId, generation: Generation) {
        match self.assignments.get(&partition) {
            Some((current, _)) if *current == generation => {
                self.assignments.remove(&partition);
            }
            Some(_) | None => self.counts.stale += 1,
        }
    }

    pub(super) fn fetched(&mut self, now: Instant, id: RequestId, arrival: Arrival) {
        match self.history(id) {
            Some(history) if !history.is_open(id.offset) => {
                history.0.push(Fact::Fetched(id.offset, arrival, now));
            }
            Some(_) | None => self.counts.stale += 1,
        }
    }

    pub(super) fn cancel_fetched(
        &mut self,
        id: RequestId,
        cancels: Correlation,
    ) -> Option<RequestId> {
        let Some(history) = self.history(id) else {
            self.counts.stale += 1;
            return None;
        };
        let attempts = history.open_of(cancels);
        let runs = |offset: &&i64| history.runs(**offset);
        let running = attempts.iter().rev().find(runs).copied();
        let waits = |offset: &i64| !history.runs(*offset) && !history.is_cancelled(*offset);
        let is_of_use = running.is_none() && attempts.iter().any(waits);
        history.0.push(Fact::Cancelled(cancels));
        if !is_of_use {
            self.counts.late_cancels += 1;
        }
        running.map(|offset| RequestId { offset, ..id })
    }

    pub(super) fn begin(&mut self, now: Instant, id: RequestId) -> Decision {
        let settings = self.settings.clone();
        let history = self.history(id);
        let decision = history.as_ref().map_or(Decision::Stale, |history| {
            history.decide(now, id, &settings)
        });
        if let Some(history) = history
            && decision != Decision::Stale
        {
            history.0.push(Fact::Decided(id.offset, decision));
        }
        let counts = &mut self.counts;
        match decision {
            Decision::Run { .. } => counts.runs += 1,
            Decision::CommitFirst => {}
            Decision::TooLate { age, .. } => {
                counts.too_late += 1;
                counts.max_age = counts.max_age.max(age);
            }
            Decision::Cancelled => counts.cancelled += 1,
            Decision::Running | Decision::Replay(_) => counts.repeated += 1,
            Decision::Stale => counts.stale += 1,
        }
        decision
    }

    pub(super) fn committed(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        position: i64,
    ) {
        let id = RequestId {
            partition,
            generation,
            offset: position,
        };
        match self.history(id) {
            Some(history) => history.0.push(Fact::Committed(position)),
            None => self.counts.stale += 1,
        }
    }

    pub(super) fn ran(&mut self, id: RequestId, is_replied: bool) -> Option<RequestId> {
        let max = self.settings.old_replies as usize;
        let Some(history) = self.history(id) else {
            self.counts.stale += 1;
            return Some(id);
        };
        let before = history.kept(max);
        let is_open = history.is_open(id.offset);
        let stale = u64::from(!is_open);
        history.0.push(Fact::Ran(id.offset, is_replied && is_open));
        let after = history.kept(max);
        let is_kept = |offset: i64| after.iter().any(|(_, of)| *of == offset);
        // Exactly one reply more than is kept: this one, or one that was kept before.
        let dropped = if is_kept(id.offset) {
            before.iter().map(|(_, of)| *of).find(|of| !is_kept(*of))
        } else {
            Some(id.offset)
        };
        self.counts.stale += stale;
        dropped.map(|offset| RequestId { offset, ..id })
    }

    pub(super) fn held(&self) -> usize {
        let all = self.assignments.values();
        all.map(|(_, history)| history.open().len()).sum()
    }

    fn history(&mut self, id: RequestId) -> Option<&mut History> {
        let (generation, history) = self.assignments.get_mut(&id.partition)?;
        (*generation == id.generation).then_some(history)
    }
}

impl History {
    /// Returns what happened since a request was last fetched, itself included; nothing if it was not.
    fn since_fetch(&self, offset: i64) -> &[Fact] {
        let is_fetch = |fact: &Fact| matches!(fact, Fact::Fetched(of, ..) if *of == offset);
        let from = self.0.iter().rposition(is_fetch);
        from.map_or(&[], |from| &self.0[from..])
    }

    fn arrival(&self, offset: i64) -> Option<(Arrival, Instant)> {
        match self.since_fetch(offset).first() {
            Some(Fact::Fetched(_, arrival, at)) => Some((*arrival, *at)),
            Some(Fact::Decided(..) | Fact::Cancelled(_) | Fact::Committed(_) | Fact::Ran(..))
            | None => None,
        }
    }

    /// Returns whether a request waits or runs.
    fn is_open(&self, offset: i64) -> bool {
        let since = self.since_fetch(offset);
        let is_over = |fact: &Fact| match fact {
            Fact::Ran(of, _) => *of == offset,
            Fact::Decided(of, decision) => {
                *of == offset
                    && match decision {
                        Decision::Run { .. } | Decision::CommitFirst | Decision::Stale => false,
                        Decision::TooLate { .. }
                        | Decision::Cancelled
                        | Decision::Running
                        | Decision::Replay(_) => true,
                    }
            }
            Fact::Fetched(..) | Fact::Cancelled(_) | Fact::Committed(_) => false,
        };
        !since.is_empty() && !since.iter().any(is_over)
    }

    fn open(&self) -> Vec<i64> {
        let mut open: Vec<i64> = self
            .0
            .iter()
            .filter_map(|fact| match fact {
                Fact::Fetched(offset, ..) => Some(*offset),
                Fact::Decided(..) | Fact::Cancelled(_) | Fact::Committed(_) | Fact::Ran(..) => None,
            })
            .filter(|offset| self.is_open(*offset))
            .collect();
        open.sort_unstable();
        open.dedup();
        open
    }

    /// Returns the attempts of a call that wait or run.
    fn open_of(&self, call: Correlation) -> Vec<i64> {
        let is_of = |offset: &i64| {
            let arrival = self.arrival(*offset);
            arrival.is_some_and(|(arrival, _)| arrival.correlation == call)
        };
        self.open().into_iter().filter(is_of).collect()
    }

    /// Returns where a request was first decided so, among what happened since it was fetched.
    fn decided(&self, offset: i64, is: fn(&Decision) -> bool) -> Option<usize> {
        let mut since = self.since_fetch(offset).iter();
        since.position(
            |fact| matches!(fact, Fact::Decided(of, decision) if *of == offset && is(decision)),
        )
    }

    fn began(&self, offset: i64) -> Option<usize> {
        self.decided(offset, |decision| matches!(decision, Decision::Run { .. }))
    }

    fn runs(&self, offset: i64) -> bool {
        self.is_open(offset) && self.began(offset).is_some()
    }

    /// Returns whether a cancel came while it waited.
    fn is_cancelled(&self, offset: i64) -> bool {
        let Some((arrival, _)) = self.arrival(offset) else {
            return false;
        };
        let until = self.began(offset).unwrap_or(usize::MAX);
        let mut since = self.since_fetch(offset).iter().take(until);
        since.any(|fact| *fact == Fact::Cancelled(arrival.correlation))
    }

    /// Returns whether its position was committed since that was asked for; `None` if it was not asked for.
    fn is_committed(&self, offset: i64) -> Option<bool> {
        let asked = self.decided(offset, |decision| *decision == Decision::CommitFirst)?;
        let mut since = self.since_fetch(offset).iter().skip(asked);
        Some(since.any(|fact| matches!(fact, Fact::Committed(position) if *position > offset)))
    }

    /// Returns how many requests were fetched before this one was.
    fn fetched_before(&self, offset: i64) -> usize {
        let before = self.0.len() - self.since_fetch(offset).len();
        let fetches = self.0[..before].iter();
        fetches
            .filter(|fact| matches!(fact, Fact::Fetched(..)))
            .count()
    }

    /// Returns the keys whose replies are kept, with their requests: the newest keys, the oldest first.
    fn kept(&self, max: usize) -> Vec<(u64, i64)> {
        let mut kept: Vec<(u64, i64)> = Vec::new();
        for (index, fact) in self.0.iter().enumerate() {
            let Fact::Ran(offset, true) = *fact else {
                continue;
            };
            let before = Self(self.0[..index].to_vec());
            let Some(key) = before.arrival(offset).and_then(|(arrival, _)| arrival.key) else {
                continue;
            };
            match kept.iter_mut().find(|(of, _)| *of == key) {
                Some(known) => known.1 = offset,
                None => kept.push((key, offset)),
            }
            if kept.len() > max {
                kept.remove(0);
            }
        }
        kept
    }

    fn decide(&self, now: Instant, id: RequestId, settings: &CalleeSettings) -> Decision {
        let offset = id.offset;
        let Some((arrival, fetched_at)) = self.arrival(offset).filter(|_| self.is_open(offset))
        else {
            return Decision::Stale;
        };
        if self.runs(offset) {
            return Decision::Stale;
        }
        if self.is_cancelled(offset) {
            return Decision::Cancelled;
        }
        let is_committed = self.is_committed(offset);
        if is_committed == Some(false) {
            return Decision::Stale;
        }
        let is_known = self.fetched_before(offset) >= settings.max_duplicates as usize;
        let never_began = settings.at_most_once || is_known;
        let age = arrival
            .age
            .saturating_add(now.saturating_duration_since(fetched_at));
        let until = arrival.time.min(Config::MAX_DURATION) + settings.tolerance;
        if age >= until {
            return Decision::TooLate { age, never_began };
        }
        if let Some(key) = arrival.key {
            let kept = self.kept(settings.old_replies as usize);
            if let Some(&(_, of)) = kept.iter().find(|(known, _)| *known == key) {
                return Decision::Replay(RequestId { offset: of, ..id });
            }
            if self
                .open_of(arrival.correlation)
                .iter()
                .any(|of| self.runs(*of))
            {
                return Decision::Running;
            }
        }
        if settings.at_most_once && is_committed.is_none() {
            return Decision::CommitFirst;
        }
        Decision::Run {
            deadline: now + until.saturating_sub(age),
            never_began,
        }
    }
}
