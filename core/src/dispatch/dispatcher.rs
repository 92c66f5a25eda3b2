//! The dispatcher: its state, its four calls, and its queries.

mod events;
mod snapshot;
mod soundness;
mod timers;
mod update;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::backoff::Jitter;
use crate::dispatch::action::{Action, Health, Pace};
use crate::dispatch::commits::Commits;
use crate::dispatch::config::Config;
use crate::dispatch::counters::Counters;
use crate::dispatch::event::Event;
use crate::dispatch::ids::{DeadLetterId, Generation, PartitionId};
use crate::dispatch::pace::{self, Room};
use crate::dispatch::partition::{Context, Partition};
use crate::dispatch::progress::Progress;
use crate::dispatch::runs::Runs;
use crate::dispatch::window::{Held, Seq};

/// The state machine that dispatches the records of one request handler.
///
/// It has the four calls of the [`Supervisor`](crate::Supervisor): [`handle_event`](Self::handle_event),
/// [`handle_timeout`](Self::handle_timeout), [`poll_action`](Self::poll_action) and [`poll_timeout`](Self::poll_timeout). After
/// [`new`](Self::new) and after each input: poll actions until there are none, then poll the timeout and wait for it or for an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dispatcher {
    /// Shared with clones: a model checker makes very many.
    pub(super) config: Arc<Config>,
    phase: Phase,
    /// Since when the bus can be used.
    pub(super) usable_since: Option<Instant>,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    /// The newest generation of each partition that was ever assigned.
    generations: BTreeMap<PartitionId, Generation>,
    /// The partitions that may have a run to begin, each once, in the order in which they take turns.
    turns: VecDeque<PartitionId>,
    pub(super) runs: Runs,
    pub(super) dead_letters: DeadLetters,
    pub(super) commits: Commits,
    /// How many records the next run has at most.
    run_records: u32,
    pace: Pace,
    health: Health,
    actions: VecDeque<Action>,
    /// The latest instant it has received: time does not go back.
    pub(super) now: Instant,
    pub(super) jitter: Jitter,
    pub(super) counters: Counters,
}

/// The life of the dispatcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Working,
    /// All assignments end, and at `deadline` it stops in any case.
    Stopping {
        deadline: Instant,
        duplicates: u32,
    },
    Stopped,
}

/// The dead letters in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct DeadLetters {
    pub(super) in_flight: BTreeMap<DeadLetterId, (PartitionId, Generation, Seq)>,
    /// How many there were.
    pub(super) count: u64,
}

// The four calls.
impl Dispatcher {
    /// Returns a dispatcher without partitions, for a bus that cannot be used yet.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            phase: Phase::Working,
            usable_since: None,
            partitions: BTreeMap::new(),
            generations: BTreeMap::new(),
            turns: VecDeque::new(),
            runs: Runs::default(),
            dead_letters: DeadLetters::default(),
            commits: Commits::new(now),
            run_records: config.settings().limits.run_records,
            pace: Pace::Full,
            health: Health::Working,
            actions: VecDeque::new(),
            now,
            jitter: Jitter::new(config.settings().seed),
            counters: Counters::default(),
            config: Arc::new(config),
        }
    }

    /// Takes an event that happened at `now`. Lets time pass to `now` first: whatever is due by then fires before the event. An event that
    /// ends an assignment comes before what is due, so that nothing of this assignment is committed after it.
    pub fn handle_event(&mut self, now: Instant, event: Event<'_>) {
        match event {
            Event::Assigned { .. } | Event::Lost { .. } | Event::ClientLost => {
                self.now = self.now.max(now);
            }
            Event::Fetched { .. }
            | Event::Pending { .. }
            | Event::RunEnded { .. }
            | Event::DeadLetterAnswered { .. }
            | Event::CommitAnswered { .. }
            | Event::Revoked { .. }
            | Event::Removed { .. }
            | Event::BusUsable(_)
            | Event::Shutdown => self.advance_to(now),
        }
        match event {
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            } => self.on_assigned(partition, generation, start, done),
            Event::Fetched {
                partition,
                generation,
                records,
            } => self.on_fetched(partition, generation, records),
            Event::Pending { run, done } => self.on_pending(run, done),
            Event::RunEnded { run, end } => self.on_run_ended(run, end),
            Event::DeadLetterAnswered { id, result } => self.on_dead_letter_answered(id, result),
            Event::CommitAnswered { id, acknowledged } => self.on_commit_answered(id, acknowledged),
            Event::Revoked {
                partition,
                generation,
            } => self.on_revoked(partition, generation),
            Event::Lost {
                partition,
                generation,
            } => self.on_lost(partition, generation),
            Event::Removed {
                partition,
                generation,
                from,
                to,
            } => self.on_removed(partition, generation, from, to),
            Event::ClientLost => self.on_client_lost(),
            Event::BusUsable(usable) => self.on_bus_usable(usable),
            Event::Shutdown => self.on_shutdown(),
        }
        self.update();
        // What was due while the bus could not be used, or before the end of an assignment.
        self.advance_to(now);
    }

    /// Lets time pass to `now`. Early, late and repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance_to(now);
    }

    /// Returns the next thing to do; `None` when there is nothing more.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) at the latest; `None` when only an event can lead on.
    ///
    /// While actions are queued it is due already. Once all actions are polled, it is strictly after the newest instant that was received.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.actions.front() {
            Some(_) => Some(self.now),
            None => self.next_timer().map(|(at, _)| at),
        }
    }
}

// Queries.
impl Dispatcher {
    /// Returns the configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what more can be fetched.
    #[must_use]
    pub fn room(&self) -> Room {
        pace::room(self.held(), &self.config.settings().limits)
    }

    /// Returns what was counted since it began.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Returns the newest health.
    #[must_use]
    pub const fn health(&self) -> Health {
        self.health
    }

    /// Returns how many runs are in flight.
    #[must_use]
    pub fn runs_in_flight(&self) -> usize {
        self.runs.len()
    }

    /// Returns how many records were fetched and have no final verdict.
    #[must_use]
    pub fn records_held(&self) -> u32 {
        self.held().records
    }

    /// Returns when the oldest record without a final verdict arrived, of all partitions that are assigned.
    #[must_use]
    pub fn oldest_arrival(&self) -> Option<Instant> {
        let partitions = self.partitions.values();
        partitions.filter_map(Partition::oldest_arrival).min()
    }

    /// Returns whether time alone changes something by `now`: whether [`handle_timeout`](Self::handle_timeout) would do anything.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.next_timer().is_some_and(|(at, _)| at <= now)
    }

    /// Returns how far each partition has come that is assigned.
    pub fn progress(&self) -> impl Iterator<Item = Progress> {
        self.partitions.values().map(Partition::progress)
    }

    /// Returns whether it is stopped: there will be no more actions.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }
}

// Parts of the above.
impl Dispatcher {
    fn context(&self) -> Context<'_> {
        Context {
            now: self.now,
            config: &self.config,
            usable_since: self.usable_since,
        }
    }

    fn held(&self) -> Held {
        let all = self.partitions.values().map(Partition::held);
        all.fold(Held::default(), |sum, held| Held {
            records: sum.records.saturating_add(held.records),
            bytes: sum.bytes.saturating_add(held.bytes),
        })
    }

    fn take_turn(&mut self, id: PartitionId) {
        if let Some(partition) = self.partitions.get_mut(&id)
            && partition.take_turn()
        {
            self.turns.push_back(id);
        }
    }

    /// Ends an assignment. What is in flight for it is over, but for the runs that have not ended.
    fn end_assignment(&mut self, id: PartitionId, generation: Generation) {
        self.cancel_runs(id, generation);
        self.partitions.remove(&id);
        self.turns.retain(|&turn| turn != id);
        let in_flight = &mut self.dead_letters.in_flight;
        in_flight.retain(|_, &mut (partition, of, _)| (partition, of) != (id, generation));
    }

    fn cancel_runs(&mut self, id: PartitionId, generation: Generation) {
        for run in self.runs.cancel_all(id, generation, self.now) {
            self.actions.push_back(Action::Cancel { run });
        }
    }

    fn count_duplicates(&mut self, duplicates: u32) {
        self.counters.duplicates += u64::from(duplicates);
        match &mut self.phase {
            Phase::Stopping {
                duplicates: sum, ..
            } => *sum = sum.saturating_add(duplicates),
            Phase::Working | Phase::Stopped => {}
        }
    }

    const fn ignore_stale(&mut self) {
        self.counters.stale += 1;
    }
}

impl DeadLetters {
    fn add(&mut self, partition: PartitionId, generation: Generation, seq: Seq) -> DeadLetterId {
        self.count += 1;
        let id = DeadLetterId::from_number(self.count);
        self.in_flight.insert(id, (partition, generation, seq));
        id
    }
}
