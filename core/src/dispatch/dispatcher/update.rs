//! What follows from the state, after each event and each timer.

use crate::dispatch::action::{Action, Health, Pace, Run};
use crate::dispatch::dispatcher::{Dispatcher, Phase};
use crate::dispatch::pace;
use crate::dispatch::partition::{Context, Partition};
use crate::dispatch::runs::InFlight;

impl Dispatcher {
    pub(super) fn update(&mut self) {
        if self.is_stopped() {
            return;
        }
        self.skip_removed();
        self.begin_runs();
        self.end_assignments();
        self.commit();
        self.update_pace();
        self.update_health();
        match self.phase {
            Phase::Stopping { .. } if self.partitions.is_empty() => self.stop(),
            Phase::Stopping { .. } | Phase::Working | Phase::Stopped => {}
        }
    }

    /// Begins runs while there is room: each partition takes its turn.
    pub(super) fn begin_runs(&mut self) {
        if self.usable_since.is_none() {
            return;
        }
        let settings = self.config.settings();
        let (max_runs, record_timeout) = (settings.limits.runs as usize, settings.record_timeout);
        while self.runs.len() < max_runs
            && let Some(id) = self.turns.pop_front()
        {
            let cx = Context {
                now: self.now,
                config: &self.config,
                usable_since: self.usable_since,
            };
            let Some(partition) = self.partitions.get_mut(&id) else {
                continue;
            };
            partition.end_turn();
            let Some(begun) = partition.begin_run(self.run_records, cx) else {
                continue;
            };
            let generation = partition.generation();
            let alone = record_timeout.filter(|_| begun.records == 1);
            let run = self.runs.add(InFlight {
                partition: id,
                generation,
                first: begun.first,
                records: begun.records,
                deadline: alone.map(|timeout| self.now + timeout),
                cancelled: None,
            });
            self.actions.push_back(Action::Run(Run {
                id: run,
                partition: id,
                generation,
                offset: begun.offset,
                records: begun.records,
                attempt: begun.attempt,
            }));
            self.take_turn(id);
        }
    }

    /// Ends drains, and releases the partitions whose last commit was answered.
    pub(super) fn end_assignments(&mut self) {
        let ending = self
            .partitions
            .values()
            .filter(|partition| !partition.is_assigned());
        let ending: Vec<_> = ending.map(Partition::id).collect();
        let delivery = self.config.settings().delivery;
        for id in ending {
            let Some(partition) = self.partitions.get_mut(&id) else {
                continue;
            };
            let generation = partition.generation();
            if partition.end_drain(self.now) {
                self.cancel_runs(id, generation);
            }
            let Some(partition) = self.partitions.get(&id) else {
                continue;
            };
            if !self.commits.is_in_flight() && partition.can_be_released(delivery) {
                let duplicates = partition.duplicates(delivery);
                self.count_duplicates(duplicates);
                self.end_assignment(id, generation);
                self.actions.push_back(Action::Release {
                    partition: id,
                    generation,
                    duplicates,
                });
            }
        }
    }

    /// Commits what the group does not have, when it is time.
    pub(super) fn commit(&mut self) {
        let settings = self.config.settings();
        let (delivery, max) = (settings.delivery, settings.limits.unacknowledged);
        let Some(next_at) = self.commits.next_at() else {
            return;
        };
        let now = self.now;
        let is_due = self.partitions.values().any(|partition| {
            let at = partition.commit_at(delivery, next_at);
            partition.is_commit_urgent(delivery, max) || at.is_some_and(|at| at <= now)
        });
        if !is_due {
            return;
        }
        let ready = self
            .partitions
            .values_mut()
            .filter(|partition| partition.is_in_next_commit(delivery, now));
        let (positions, covered): (Vec<_>, Vec<_>) = ready.map(Partition::commit).unzip();
        let id = self
            .commits
            .begin(covered, self.now, settings.commit_interval);
        let deadline = self.now + settings.commit_timeout;
        self.actions.push_back(Action::Commit {
            id,
            positions,
            deadline,
        });
    }

    pub(super) fn skip_removed(&mut self) {
        let policy = self.config.settings().on_removed;
        for partition in self.partitions.values_mut() {
            if let Some((removed, offset)) = partition.skip_removed(policy) {
                self.counters.removed += removed;
                self.actions.push_back(Action::Seek {
                    partition: partition.id(),
                    generation: partition.generation(),
                    offset,
                });
            }
        }
    }

    pub(super) fn update_pace(&mut self) {
        let pace = match self.phase {
            Phase::Working => pace::next(self.pace, self.held(), &self.config.settings().limits),
            Phase::Stopping { .. } | Phase::Stopped => Pace::Paused,
        };
        if self.pace != pace {
            self.pace = pace;
            self.actions.push_back(Action::SetPace(pace));
        }
    }

    pub(super) fn update_health(&mut self) {
        if self.is_stopped() {
            return;
        }
        let cx = self.context();
        let all = self
            .partitions
            .values()
            .map(|partition| partition.health(cx));
        let health = all.min_by_key(urgency).unwrap_or(Health::Working);
        if self.health != health {
            self.health = health;
            self.actions.push_back(Action::SetHealth(health));
        }
    }

    pub(super) fn stop(&mut self) {
        let delivery = self.config.settings().delivery;
        let left = self
            .partitions
            .values()
            .map(|partition| partition.duplicates(delivery));
        self.count_duplicates(left.fold(0, u32::saturating_add));
        let duplicates = match self.phase {
            Phase::Stopping { duplicates, .. } => duplicates,
            Phase::Working | Phase::Stopped => 0,
        };
        let all: Vec<_> = self
            .partitions
            .values()
            .map(|it| (it.id(), it.generation()))
            .collect();
        for (id, generation) in all {
            self.end_assignment(id, generation);
        }
        self.phase = Phase::Stopped;
        self.actions.push_back(Action::Stopped { duplicates });
    }
}

/// Returns how soon a person must look at this: the lowest first.
const fn urgency(health: &Health) -> u8 {
    match health {
        Health::RecordsRemoved { .. } => 0,
        Health::Stopped { .. } => 1,
        Health::DeadLetterFailed { .. } => 2,
        Health::Stalled { .. } => 3,
        Health::Working => 4,
    }
}
