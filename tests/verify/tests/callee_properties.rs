//! Properties of every `Callee`: each request is decided once, by its age, its cancel, its key and its position; and what is held is bounded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use livebus_core::calls::{
    Arrival, CallId, Callee, CalleeConfig, CalleeSettings, Correlation, Decision, RequestId,
};
use livebus_core::dispatch::{Generation, PartitionId};
use livebus_verify::callee::differential::compare_steps;
use livebus_verify::callee::simulation::simulate_steps;
use livebus_verify::calls::environment::EPOCH;
use livebus_verify::calls::settings::IDENTITY;
use livebus_verify::rng::Rng;
use proptest::collection::vec;
use proptest::prelude::*;

/// What is known of one request, in the simplest form.
#[derive(Debug, Clone)]
struct Known {
    call: u64,
    key: Option<u64>,
    /// When it is too late, in milliseconds since the beginning.
    until: u64,
    /// Its age when it was fetched, and when that was.
    age: u64,
    fetched: u64,
    number: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Commits,
    Committed,
    Cancelled,
    Runs,
    Over,
}

fn settings() -> impl Strategy<Value = CalleeSettings> {
    (0_u64..50, 0_u32..4, any::<bool>(), 0_u32..20).prop_map(
        |(tolerance, old_replies, at_most_once, max_duplicates)| CalleeSettings {
            tolerance: Duration::from_millis(tolerance),
            old_replies,
            at_most_once,
            max_duplicates,
        },
    )
}

fn id(generation: u64, offset: usize) -> RequestId {
    RequestId {
        partition: PartitionId(0),
        generation: Generation(generation),
        offset: i64::try_from(offset).expect("few requests"),
    }
}

fn correlation(call: u64) -> Correlation {
    Correlation {
        from: IDENTITY,
        call: CallId(call),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_request_is_decided_once_and_truly(settings in settings(), numbers in vec(any::<u64>(), 0..200)) {
        let tolerance = u64::try_from(settings.tolerance.as_millis()).expect("it is short");
        let config = CalleeConfig::new(settings.clone()).expect("the settings are valid");
        let mut callee = Callee::new(config);
        let (mut now, mut generation) = (0, 1);
        callee.assigned(PartitionId(0), Generation(1));
        let mut known: Vec<Known> = Vec::new();
        // The keys whose replies are kept, and the requests whose payloads the runner holds.
        let (mut kept, mut held) = (VecDeque::<(u64, usize)>::new(), BTreeSet::new());
        for number in numbers {
            let mut rng = Rng::new(number);
            now += rng.below(20);
            let at = *EPOCH + Duration::from_millis(now);
            let any = usize::try_from(rng.below(known.len().max(1) as u64)).unwrap_or(0);
            match rng.below(12) {
                0..=3 => {
                    let (time, age) = (rng.below(80), rng.below(60));
                    let call = rng.between(1, 12);
                    // All attempts of a call have its key.
                    let key = (!call.is_multiple_of(3)).then_some(call % 5);
                    let fetched = known.len();
                    known.push(Known {
                        call,
                        key,
                        until: (now + time + tolerance).saturating_sub(age),
                        age,
                        fetched: now,
                        number: u32::try_from(fetched).expect("few requests"),
                        state: State::Waits,
                    });
                    let arrival = Arrival {
                        correlation: correlation(call),
                        key,
                        time: Duration::from_millis(time),
                        age: Duration::from_millis(age),
                    };
                    callee.fetched(at, id(generation, fetched), arrival);
                }
                4..=7 if any < known.len() => {
                    let decision = callee.begin(at, id(generation, any));
                    let it = known[any].clone();
                    let runs = |other: &Known| other.state == State::Runs && other.call == it.call;
                    let reply = kept.iter().find(|(key, _)| Some(*key) == it.key);
                    let never_began = settings.at_most_once || it.number >= settings.max_duplicates;
                    let (expected, state) = match it.state {
                        State::Over | State::Runs | State::Commits => (Decision::Stale, it.state),
                        State::Cancelled => (Decision::Cancelled, State::Over),
                        State::Waits | State::Committed if now >= it.until => {
                            let age = Duration::from_millis(it.age + now - it.fetched);
                            (Decision::TooLate { age, never_began }, State::Over)
                        }
                        State::Waits | State::Committed => match reply {
                            Some((_, of)) => (Decision::Replay(id(generation, *of)), State::Over),
                            None if it.key.is_some() && known.iter().any(runs) => (Decision::Running, State::Over),
                            None if settings.at_most_once && it.state == State::Waits => (Decision::CommitFirst, State::Commits),
                            None => {
                                let deadline = *EPOCH + Duration::from_millis(it.until);
                                (Decision::Run { deadline, never_began }, State::Runs)
                            }
                        },
                    };
                    prop_assert_eq!(decision, expected);
                    known[any].state = state;
                }
                8 if any < known.len() && known[any].state == State::Runs => {
                    let is_replied = rng.percent(80);
                    let dropped = callee.ran(id(generation, any), is_replied);
                    held.insert(any);
                    if let Some(dropped) = dropped {
                        held.remove(&usize::try_from(dropped.offset).expect("an offset"));
                    }
                    known[any].state = State::Over;
                    if let Some(key) = known[any].key.filter(|_| is_replied && settings.old_replies > 0) {
                        match kept.iter_mut().find(|(old, _)| *old == key) {
                            Some(old) => old.1 = any,
                            None => kept.push_back((key, any)),
                        }
                        if kept.len() > settings.old_replies as usize {
                            kept.pop_front();
                        }
                    }
                }
                9 => {
                    let call = rng.between(1, 12);
                    let runs = |it: &&Known| it.call == call && it.state == State::Runs;
                    let mut running = known.iter().filter(runs).map(|it| id(generation, it.number as usize));
                    let expected = running.next_back();
                    prop_assert_eq!(callee.cancel_fetched(id(generation, 0), correlation(call)), expected);
                    for it in known.iter_mut().filter(|it| it.call == call) {
                        if matches!(it.state, State::Waits | State::Commits | State::Committed) {
                            it.state = State::Cancelled;
                        }
                    }
                }
                10 => {
                    callee.committed(PartitionId(0), Generation(generation), id(0, any).offset);
                    for it in &mut known[..any] {
                        if it.state == State::Commits {
                            it.state = State::Committed;
                        }
                    }
                }
                _ if rng.percent(5) => {
                    callee.ended(PartitionId(0), Generation(generation));
                    generation += 1;
                    callee.assigned(PartitionId(0), Generation(generation));
                    known.clear();
                    kept.clear();
                    held.clear();
                }
                _ => {}
            }
            let open = known.iter().filter(|it| it.state != State::Over).count();
            prop_assert_eq!(callee.requests_held(), open);
            // The runner holds the payloads of the replies that are kept, and no other.
            let wanted: BTreeMap<usize, u64> = kept.iter().map(|(key, of)| (*of, *key)).collect();
            prop_assert_eq!(held.iter().copied().collect::<Vec<_>>(), wanted.keys().copied().collect::<Vec<_>>());
            prop_assert!(held.len() <= settings.old_replies as usize);
        }
    }

    /// C1 to C10 at every step, with several owners. In the end nothing is left.
    #[test]
    fn claims_hold_with_several_owners_and_nothing_is_left(settings in settings(), numbers in vec(any::<u64>(), 0..400)) {
        // An owner that may begin nothing would fetch nothing.
        let max_duplicates = settings.max_duplicates.max(1);
        let config = CalleeConfig::new(CalleeSettings { max_duplicates, ..settings }).expect("the settings are valid");
        simulate_steps(&config, &numbers)
            .map_err(|failed| TestCaseError::fail(failed.to_string()))?;
    }

    /// Every answer and every count.
    #[test]
    fn core_and_reference_model_do_the_same(settings in settings(), numbers in vec(any::<u64>(), 0..200)) {
        let config = CalleeConfig::new(settings).expect("the settings are valid");
        compare_steps(&config, &numbers)
            .map_err(|difference| TestCaseError::fail(difference.to_string()))?;
    }
}
