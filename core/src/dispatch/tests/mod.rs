//! Tests of the whole dispatcher, by its four calls. The small parts have theirs in their own files.

mod commits;
mod failures;
mod hostile;
mod records;
mod revocations;
mod shutdown;
mod snapshots;

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::dispatch::{
    Action, CommitId, Config, Dispatcher, DoneRecord, Event, FailurePolicy, Generation, Order,
    PartitionId, Record, RunEnd, RunId, Settings, Start, Then,
};

const SECOND: Duration = Duration::from_secs(1);
const P: PartitionId = PartitionId(0);

/// A dispatcher with a clock in the test's hand.
struct Bench {
    dispatcher: Dispatcher,
    now: Instant,
}

/// Settings with fixed back-offs of a second, no deadline, and commits each second.
fn settings(order: Order) -> Settings {
    let policy = FailurePolicy::new(1, Backoff::fixed(SECOND), Then::Stop);
    Settings {
        order,
        record_timeout: None,
        commit_interval: SECOND,
        commit_timeout: SECOND,
        revocation_drain: SECOND,
        drain: SECOND,
        transient: policy.clone(),
        permanent: policy.clone(),
        timed_out: policy.clone(),
        panicked: policy,
        dead_letter_backoff: Backoff::fixed(SECOND),
        ..Settings::default()
    }
}

impl Bench {
    /// Returns a dispatcher whose bus can be used.
    fn new(settings: Settings) -> Self {
        #[expect(clippy::disallowed_methods, reason = "one instant to count from")]
        let now = Instant::now();
        let config = Config::new(settings).expect("the settings of a test are valid");
        let mut bench = Self {
            dispatcher: Dispatcher::new(config, now),
            now,
        };
        assert_eq!(bench.give(Event::BusUsable(true)), []);
        bench
    }

    fn give(&mut self, event: Event<'_>) -> Vec<Action> {
        self.dispatcher.handle_event(self.now, event);
        self.actions()
    }

    fn pass(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.dispatcher.handle_timeout(self.now);
        self.actions()
    }

    fn actions(&mut self) -> Vec<Action> {
        let actions: Vec<_> = std::iter::from_fn(|| self.dispatcher.poll_action()).collect();
        let timeout = self.dispatcher.poll_timeout();
        assert!(timeout.is_none_or(|at| at > self.now), "{timeout:?}");
        actions
    }

    /// Assigns the partition at position 0, which the group has.
    fn assign(&mut self, generation: u64) {
        self.assign_done(generation, &[]);
    }

    fn assign_done(&mut self, generation: u64, done: &[DoneRecord]) {
        let actions = self.give(Event::Assigned {
            partition: P,
            generation: Generation(generation),
            start: Start::Committed(0),
            done,
        });
        assert!(matches!(actions[..], [Action::SetPace(_)]), "{actions:?}");
    }

    fn fetch(&mut self, generation: u64, records: &[Record]) -> Vec<Action> {
        self.give(Event::Fetched {
            partition: P,
            generation: Generation(generation),
            records,
        })
    }

    fn end(&mut self, run: u64, end: RunEnd) -> Vec<Action> {
        let run = RunId(run);
        self.give(Event::RunEnded { run, end })
    }

    fn acknowledge(&mut self, commit: u64) -> Vec<Action> {
        self.answer(commit, &[P])
    }

    fn fail_commit(&mut self, commit: u64) -> Vec<Action> {
        self.answer(commit, &[])
    }

    fn answer(&mut self, commit: u64, acknowledged: &[PartitionId]) -> Vec<Action> {
        self.give(Event::CommitAnswered {
            id: CommitId(commit),
            acknowledged,
        })
    }

    fn revoke(&mut self, generation: u64) -> Vec<Action> {
        let generation = Generation(generation);
        self.give(Event::Revoked {
            partition: P,
            generation,
        })
    }

    fn lose(&mut self, generation: u64) -> Vec<Action> {
        let generation = Generation(generation);
        self.give(Event::Lost {
            partition: P,
            generation,
        })
    }
}

/// A record of one byte with a key.
const fn record(offset: i64, key: u64) -> Record {
    Record {
        offset,
        key: Some(key),
        bytes: 1,
        fingerprint: 7,
    }
}

const fn done(offset: i64) -> DoneRecord {
    DoneRecord {
        offset,
        fingerprint: 7,
    }
}

/// Returns the offsets and attempts of the runs among these actions.
fn runs(actions: &[Action]) -> Vec<(i64, u32, u32)> {
    let runs = actions.iter().filter_map(|action| match action {
        Action::Run(run) => Some((run.offset, run.records, run.attempt)),
        Action::Cancel { .. }
        | Action::Commit { .. }
        | Action::WriteDeadLetter { .. }
        | Action::Forget { .. }
        | Action::SetPace(_)
        | Action::Seek { .. }
        | Action::Release { .. }
        | Action::SetHealth(_)
        | Action::Stopped { .. } => None,
    });
    runs.collect()
}

/// Returns the position and the done offsets of the only commit among these actions.
fn commit(actions: &[Action]) -> Option<(i64, Vec<i64>)> {
    actions.iter().find_map(|action| match action {
        Action::Commit { positions, .. } => {
            let position = &positions[0];
            let done = position.done.iter().map(|done| done.offset);
            Some((position.offset, done.collect()))
        }
        Action::Run(_)
        | Action::Cancel { .. }
        | Action::WriteDeadLetter { .. }
        | Action::Forget { .. }
        | Action::SetPace(_)
        | Action::Seek { .. }
        | Action::Release { .. }
        | Action::SetHealth(_)
        | Action::Stopped { .. } => None,
    })
}
