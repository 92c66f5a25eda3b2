//! The explorer takes dispatchers with equal canonical forms for one: they must behave the same, but for the numbers of their operations.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::dispatch::{
    Action, CommitId, Config, DeadLetterId, Dispatcher, Event, FailurePolicy, PartitionId, RunId,
    Settings,
};
use livebus_verify::dispatch::differential::Script;
use livebus_verify::dispatch::environment::EPOCH;
use proptest::prelude::*;

use crate::config_for;
use crate::metamorphic::{comes_first, give};
use crate::settings::{any_config, steps};

/// The operations in flight of a dispatcher, each with its number in the canonical form.
#[derive(Debug, Default)]
struct Numbers {
    runs: BTreeMap<u64, u64>,
    letters: BTreeMap<u64, (PartitionId, u64)>,
    commit: Option<(u64, u64)>,
}

/// A number that no operation has.
const UNKNOWN: u64 = u64::MAX;

impl Numbers {
    /// Numbers the operations in flight from 1 on, as the canonical form does.
    fn renumber(&mut self) {
        for (number, new) in (1..).zip(self.runs.values_mut()) {
            *new = number;
        }
        for (number, (_, new)) in (1..).zip(self.letters.values_mut()) {
            *new = number;
        }
        if let Some((_, new)) = &mut self.commit {
            *new = 1;
        }
    }

    /// Returns the event for the dispatcher in canonical form.
    fn translated<'a>(&self, event: Event<'a>) -> Event<'a> {
        let run = |run: RunId| {
            let new = self.runs.get(&run.number());
            RunId::from_number(new.copied().unwrap_or(UNKNOWN))
        };
        match event {
            Event::Pending { run: id, done } => Event::Pending { run: run(id), done },
            Event::RunEnded { run: id, end } => Event::RunEnded { run: run(id), end },
            Event::DeadLetterAnswered { id, result } => {
                let new = self.letters.get(&id.number());
                let id = DeadLetterId::from_number(new.map_or(UNKNOWN, |it| it.1));
                Event::DeadLetterAnswered { id, result }
            }
            Event::CommitAnswered { id, acknowledged } => {
                let new = self.commit.filter(|it| it.0 == id.number());
                let id = CommitId::from_number(new.map_or(UNKNOWN, |it| it.1));
                Event::CommitAnswered { id, acknowledged }
            }
            other @ (Event::Assigned { .. }
            | Event::Fetched { .. }
            | Event::Revoked { .. }
            | Event::Lost { .. }
            | Event::Removed { .. }
            | Event::ClientLost
            | Event::BusUsable(_)
            | Event::Shutdown) => other,
        }
    }

    /// Takes note of an event that was not stale.
    fn end(&mut self, event: Event<'_>) {
        match event {
            Event::RunEnded { run, .. } => {
                self.runs.remove(&run.number());
            }
            Event::DeadLetterAnswered { id, .. } => {
                self.letters.remove(&id.number());
            }
            Event::CommitAnswered { id, .. } => {
                self.commit = self.commit.filter(|it| it.0 != id.number());
            }
            Event::Assigned { partition, .. } | Event::Lost { partition, .. } => {
                self.letters.retain(|_, (of, _)| *of != partition);
            }
            Event::ClientLost => self.letters.clear(),
            Event::Pending { .. }
            | Event::Fetched { .. }
            | Event::Revoked { .. }
            | Event::Removed { .. }
            | Event::BusUsable(_)
            | Event::Shutdown => {}
        }
    }

    /// Takes note of an action, which the dispatcher in canonical form has with other numbers. Returns it with these.
    fn begin(&mut self, action: Action, canonical: &Action) -> Action {
        match (action, canonical) {
            (Action::Run(mut run), Action::Run(new)) => {
                self.runs.insert(run.id.number(), new.id.number());
                run.id = new.id;
                Action::Run(run)
            }
            (Action::Cancel { run }, _) => {
                let new = self.runs.get(&run.number()).copied().unwrap_or(UNKNOWN);
                Action::Cancel {
                    run: RunId::from_number(new),
                }
            }
            (
                Action::WriteDeadLetter {
                    id,
                    partition,
                    generation,
                    offset,
                    attempts,
                    class,
                },
                Action::WriteDeadLetter { id: new, .. },
            ) => {
                self.letters.insert(id.number(), (partition, new.number()));
                Action::WriteDeadLetter {
                    id: *new,
                    partition,
                    generation,
                    offset,
                    attempts,
                    class,
                }
            }
            (
                Action::Commit {
                    id,
                    positions,
                    deadline,
                },
                Action::Commit { id: new, .. },
            ) => {
                self.commit = Some((id.number(), new.number()));
                Action::Commit {
                    id: *new,
                    positions,
                    deadline,
                }
            }
            (action @ Action::Release { partition, .. }, _) => {
                self.letters.retain(|_, (of, _)| *of != partition);
                action
            }
            (action @ Action::Stopped { .. }, _) => {
                self.letters.clear();
                action
            }
            (action, _) => action,
        }
    }
}

/// Returns the action with attempts that count no further than they matter.
fn saturated(action: Action, max: u32) -> Action {
    match action {
        Action::Run(mut run) => {
            run.attempt = run.attempt.min(max + 2);
            Action::Run(run)
        }
        Action::WriteDeadLetter {
            id,
            partition,
            generation,
            offset,
            attempts,
            class,
        } => Action::WriteDeadLetter {
            id,
            partition,
            generation,
            offset,
            attempts: attempts.min(max + 1),
            class,
        },
        other @ (Action::Cancel { .. }
        | Action::Commit { .. }
        | Action::Forget { .. }
        | Action::SetPace(_)
        | Action::Seek { .. }
        | Action::Release { .. }
        | Action::SetHealth(_)
        | Action::Stopped { .. }) => other,
    }
}

/// Returns these settings with what the models of the explorer have: back-offs that do not double and have no jitter.
fn without_doubling(config: &Config) -> Config {
    let fixed = |policy: &FailurePolicy| FailurePolicy {
        backoff: Backoff::fixed(policy.backoff.first),
        ..policy.clone()
    };
    let settings = config.settings();
    let settings = Settings {
        commit_interval: Duration::from_secs(10),
        transient: fixed(&settings.transient),
        permanent: fixed(&settings.permanent),
        timed_out: fixed(&settings.timed_out),
        panicked: fixed(&settings.panicked),
        dead_letter_backoff: Backoff::fixed(settings.dead_letter_backoff.first),
        ..settings.clone()
    };
    Config::new(settings).expect("the settings stay valid")
}

fn polled(dispatcher: &mut Dispatcher) -> Vec<Action> {
    std::iter::from_fn(|| dispatcher.poll_action()).collect()
}

proptest! {
    #![proptest_config(config_for!("canonical", 2_000))]

    /// After each step of `at` the second dispatcher takes its canonical form.
    #[test]
    fn canonical_form_behaves_the_same(
        config in any_config(),
        numbers in steps(150),
        at in prop::collection::btree_set(0_usize..150, 1..10),
    ) {
        check(&without_doubling(&config), &numbers, &at)?;
    }
}

/// A dispatcher, and the same one that was brought into its canonical form.
struct Pair {
    dispatcher: Dispatcher,
    canonical: Dispatcher,
    numbers: Numbers,
    script: Script,
    /// The most retries of a policy.
    max_retries: u32,
}

fn check(config: &Config, numbers: &[u64], at: &BTreeSet<usize>) -> Result<(), TestCaseError> {
    let s = config.settings();
    let policies = [&s.transient, &s.permanent, &s.timed_out, &s.panicked];
    let max_retries = policies.map(|policy| policy.retries).into_iter().max();
    let dispatcher = Dispatcher::new(config.clone(), *EPOCH);
    let mut pair = Pair {
        canonical: dispatcher.clone(),
        dispatcher,
        numbers: Numbers::default(),
        script: Script::new(*EPOCH),
        max_retries: max_retries.unwrap_or(0),
    };
    for (step, &number) in numbers.iter().enumerate() {
        let input = pair.script.draw(number, pair.dispatcher.poll_timeout());
        // An event may name an operation that begins when time passes to it.
        if !comes_first(input.event()) {
            pair.give(input.at, None)?;
        }
        pair.give(input.at, input.event())?;
        if at.contains(&step) {
            pair.canonical.make_canonical();
            pair.numbers.renumber();
        }
    }
    Ok(())
}

impl Pair {
    fn give(&mut self, at: Instant, event: Option<Event<'_>>) -> Result<(), TestCaseError> {
        let stale = self.dispatcher.counters().stale;
        let translated = event.map(|event| self.numbers.translated(event));
        give(&mut self.dispatcher, at, event);
        give(&mut self.canonical, at, translated);
        let (actions, theirs) = (polled(&mut self.dispatcher), polled(&mut self.canonical));
        prop_assert_eq!(actions.len(), theirs.len(), "{:?}\n{:?}", actions, theirs);
        for (action, new) in actions.into_iter().zip(theirs) {
            self.script.follow(&action);
            let renumbered = self.numbers.begin(action, &new);
            let max = self.max_retries;
            prop_assert_eq!(saturated(renumbered, max), saturated(new, max));
        }
        if let Some(event) = event
            && self.dispatcher.counters().stale == stale
        {
            self.numbers.end(event);
        }
        prop_assert_eq!(
            self.dispatcher.poll_timeout(),
            self.canonical.poll_timeout()
        );
        Ok(())
    }
}
