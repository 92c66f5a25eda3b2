//! Changes that must not change what a dispatcher does.

use std::time::{Duration, Instant};

use livebus_core::dispatch::{Action, Config, Dispatcher, Event, Position};
use livebus_verify::dispatch::differential::{Input, Script};
use livebus_verify::dispatch::environment::EPOCH;
use proptest::prelude::*;

use crate::config_for;
use crate::settings::{any_config, steps};

/// What followed from one input.
#[derive(Debug, Clone, PartialEq)]
struct Output {
    actions: Vec<Action>,
    timeout: Option<Instant>,
}

/// Runs a script. Returns the inputs, and what followed from each.
fn run(config: &Config, numbers: &[u64]) -> (Vec<Input>, Vec<Output>) {
    let mut dispatcher = Dispatcher::new(config.clone(), *EPOCH);
    let mut script = Script::new(*EPOCH);
    let steps = numbers.iter().map(|&number| {
        let input = script.draw(number, dispatcher.poll_timeout());
        give(&mut dispatcher, input.at, input.event());
        let output = output(&mut dispatcher);
        for action in &output.actions {
            script.follow(action);
        }
        (input, output)
    });
    steps.unzip()
}

pub(crate) fn give(dispatcher: &mut Dispatcher, at: Instant, event: Option<Event<'_>>) {
    match event {
        Some(event) => dispatcher.handle_event(at, event),
        None => dispatcher.handle_timeout(at),
    }
}

fn output(dispatcher: &mut Dispatcher) -> Output {
    let actions = std::iter::from_fn(|| dispatcher.poll_action()).collect();
    Output {
        actions,
        timeout: dispatcher.poll_timeout(),
    }
}

/// Returns whether an event ends an assignment, so that it comes before what is due.
pub(crate) const fn comes_first(event: Option<Event<'_>>) -> bool {
    matches!(
        event,
        Some(Event::Assigned { .. } | Event::Lost { .. } | Event::ClientLost)
    )
}

/// Returns whether an event answers something, or ends an assignment: once is enough.
const fn is_over_after(event: Event<'_>) -> bool {
    match event {
        Event::Assigned { .. }
        | Event::RunEnded { .. }
        | Event::DeadLetterAnswered { .. }
        | Event::CommitAnswered { .. }
        | Event::Lost { .. } => true,
        Event::Fetched { .. }
        | Event::Pending { .. }
        | Event::Revoked { .. }
        | Event::Removed { .. }
        | Event::ClientLost
        | Event::BusUsable(_)
        | Event::Shutdown => false,
    }
}

/// Returns the action as it is when everything is later.
fn later(action: &Action, by: Duration) -> Action {
    match action {
        Action::Commit {
            id,
            positions,
            deadline,
        } => Action::Commit {
            id: *id,
            positions: positions.iter().map(Position::clone).collect(),
            deadline: *deadline + by,
        },
        other @ (Action::Run(_)
        | Action::Cancel { .. }
        | Action::WriteDeadLetter { .. }
        | Action::Forget { .. }
        | Action::SetPace(_)
        | Action::Seek { .. }
        | Action::Release { .. }
        | Action::SetHealth(_)
        | Action::Stopped { .. }) => other.clone(),
    }
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 1_000))]

    #[test]
    fn everything_later_is_the_same_later(
        config in any_config(),
        numbers in steps(100),
        by in 1_u64..100_000_000,
    ) {
        let by = Duration::from_millis(by);
        let (inputs, outputs) = run(&config, &numbers);
        let mut dispatcher = Dispatcher::new(config, *EPOCH + by);
        for (input, before) in inputs.iter().zip(&outputs) {
            give(&mut dispatcher, input.at + by, input.event());
            let expected = Output {
                actions: before.actions.iter().map(|it| later(it, by)).collect(),
                timeout: before.timeout.map(|at| at + by),
            };
            prop_assert_eq!(output(&mut dispatcher), expected);
        }
    }

    /// Rules 2 and 5. Timers that fire early, and twice, change nothing.
    #[test]
    fn early_and_repeated_timeouts_change_nothing(
        config in any_config(),
        numbers in steps(100),
        share in 0_u32..1_000,
    ) {
        let (inputs, outputs) = run(&config, &numbers);
        let mut dispatcher = Dispatcher::new(config, *EPOCH);
        let mut now = *EPOCH;
        for (input, expected) in inputs.iter().zip(outputs) {
            let next = dispatcher.poll_timeout().unwrap_or(input.at).min(input.at);
            let early = now + next.saturating_duration_since(now) / 1_000 * share;
            if dispatcher.poll_timeout().is_none_or(|at| early < at) {
                dispatcher.handle_timeout(early);
                prop_assert_eq!(output(&mut dispatcher).actions, []);
                dispatcher.handle_timeout(early);
            }
            now = now.max(input.at);
            give(&mut dispatcher, input.at, input.event());
            prop_assert_eq!(output(&mut dispatcher), expected);
        }
    }

    /// Rule 3. An event at a later instant is the same as time passing to it, and then the event.
    #[test]
    fn time_passes_before_an_event(config in any_config(), numbers in steps(100)) {
        let (inputs, outputs) = run(&config, &numbers);
        let mut dispatcher = Dispatcher::new(config, *EPOCH);
        for (input, expected) in inputs.iter().zip(outputs) {
            if !comes_first(input.event()) {
                dispatcher.handle_timeout(input.at);
            }
            give(&mut dispatcher, input.at, input.event());
            prop_assert_eq!(output(&mut dispatcher), expected);
        }
    }

    /// Rule 7. What is over already is counted, and changes nothing.
    #[test]
    fn repeated_answers_only_increment_the_stale_count(config in any_config(), numbers in steps(100)) {
        let (inputs, outputs) = run(&config, &numbers);
        let mut dispatcher = Dispatcher::new(config, *EPOCH);
        for (input, expected) in inputs.iter().zip(outputs) {
            give(&mut dispatcher, input.at, input.event());
            prop_assert_eq!(output(&mut dispatcher), expected.clone());
            if let Some(event) = input.event().filter(|&event| is_over_after(event)) {
                let mut counters = *dispatcher.counters();
                dispatcher.handle_event(input.at, event);
                counters.stale += 1;
                prop_assert_eq!(*dispatcher.counters(), counters);
                prop_assert_eq!(output(&mut dispatcher), Output { actions: Vec::new(), ..expected });
            }
        }
    }

    /// When actions are polled decides nothing.
    #[test]
    fn actions_that_are_polled_late_are_the_same(config in any_config(), numbers in steps(100)) {
        let (inputs, outputs) = run(&config, &numbers);
        let mut dispatcher = Dispatcher::new(config, *EPOCH);
        let mut now = *EPOCH;
        for input in &inputs {
            now = now.max(input.at);
            give(&mut dispatcher, input.at, input.event());
            if let Some(at) = dispatcher.poll_timeout().filter(|&at| at <= now) {
                prop_assert_eq!(at, now, "while actions are queued, it is due");
            }
        }
        let all: Vec<Action> = outputs.into_iter().flat_map(|it| it.actions).collect();
        prop_assert_eq!(output(&mut dispatcher).actions, all);
    }

    /// The queries agree with each other, and there is no deadline once it stopped.
    #[test]
    fn queries_agree(config in any_config(), numbers in steps(100)) {
        let limits = config.settings().limits.clone();
        let mut dispatcher = Dispatcher::new(config, *EPOCH);
        let mut script = Script::new(*EPOCH);
        let (mut runs, mut now) = (0_usize, *EPOCH);
        for number in numbers {
            let input = script.draw(number, dispatcher.poll_timeout());
            now = now.max(input.at);
            let late = *dispatcher.counters();
            give(&mut dispatcher, input.at, input.event());
            let is_end = matches!(input.event(), Some(Event::RunEnded { .. }));
            runs -= usize::from(is_end && dispatcher.counters().stale == late.stale);
            let output = output(&mut dispatcher);
            for action in &output.actions {
                script.follow(action);
                runs += usize::from(matches!(action, Action::Run(_)));
            }
            prop_assert_eq!(dispatcher.runs_in_flight(), runs);
            prop_assert!(runs <= limits.runs as usize);
            let held = dispatcher.records_held();
            prop_assert_eq!(dispatcher.room().records, limits.records.saturating_sub(held));
            prop_assert_eq!(dispatcher.oldest_arrival().is_some(), held > 0);
            prop_assert!(dispatcher.oldest_arrival().is_none_or(|at| at <= now));
            prop_assert!(output.timeout.is_none_or(|at| at > now));
            if dispatcher.is_stopped() {
                prop_assert_eq!(output.timeout, None);
                prop_assert_eq!(held, 0);
            }
        }
    }
}
