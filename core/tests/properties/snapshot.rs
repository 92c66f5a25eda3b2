//! A supervisor that is restored from its snapshot continues as the original does.

use livebus_core::{ClientId, Supervisor};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::settings::with_handlers;
use crate::simulation::{Entry, Input, ORIGIN, Simulation, answer, operation};

fn restored(supervisor: &Supervisor) -> Option<Supervisor> {
    let words = supervisor.snapshot(*ORIGIN);
    Supervisor::restore(supervisor.config().clone(), *ORIGIN, &words)
}

fn deliver(supervisor: &mut Supervisor, entry: &Entry) {
    match entry.input {
        Input::Created | Input::Timeout => supervisor.handle_timeout(entry.called_at),
        Input::Event(event) => supervisor.handle_event(entry.called_at, event),
    }
}

/// A supervisor that is restored after every call, with any queued actions, stays equal to the original.
fn restored_is_equal(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut restored_each_time = original.clone();
    for (n, entry) in log[1..].iter().enumerate() {
        deliver(&mut original, entry);
        deliver(&mut restored_each_time, entry);
        if n % 3 == 2 {
            while original.poll_action().is_some() {}
            while restored_each_time.poll_action().is_some() {}
        }
        restored_each_time = restored(&restored_each_time).expect("a snapshot is restored");
        prop_assert_eq!(&restored_each_time, &original);
        prop_assert_eq!(restored_each_time.poll_timeout(), original.poll_timeout());
    }
    Ok(())
}

/// A snapshot with changed words is refused, or makes a supervisor that accepts any input without panic, and whose timers
/// advance.
fn changed_words_are_harmless(
    script: &Script,
    changes: &[(prop::sample::Index, u64)],
) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    let (first, rest) = log[1..].split_at(log.len() / 2);
    for entry in first {
        deliver(&mut original, entry);
        while original.poll_action().is_some() {}
    }
    let mut words = original.snapshot(*ORIGIN);
    for (index, word) in changes {
        let index = index.index(words.len());
        words[index] = *word;
    }
    let Some(mut hostile) = Supervisor::restore(script.config.clone(), *ORIGIN, &words) else {
        return Ok(());
    };
    let mut clock = *ORIGIN;
    for entry in rest {
        clock = clock.max(entry.called_at);
        deliver(&mut hostile, entry);
        while let Some(action) = hostile.poll_action() {
            if let Some((id, ..)) = operation(&action) {
                hostile.handle_event(clock, answer(id, Ok(())));
            }
        }
        let Some(due) = hostile.poll_timeout() else {
            continue;
        };
        hostile.handle_timeout(due);
        while hostile.poll_action().is_some() {}
        prop_assert!(hostile.poll_timeout().is_none_or(|next| next > due));
    }
    Ok(())
}

/// A snapshot with fewer or more words is refused.
fn no_other_length(script: &Script, surplus: u64) -> Result<(), TestCaseError> {
    let sim = Simulation::run(script);
    let mut words = sim.supervisor.snapshot(*ORIGIN);
    for length in 0..words.len() {
        let cut = Supervisor::restore(script.config.clone(), *ORIGIN, &words[..length]);
        prop_assert_eq!(cut, None, "{} of {}", length, words.len());
    }
    words.push(surplus);
    let longer = Supervisor::restore(script.config.clone(), *ORIGIN, &words);
    prop_assert_eq!(longer, None);
    Ok(())
}

/// Returns small numbers, which are tags, flags and counts, and others, which are near and far instants.
fn any_word() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..16,
        any::<u64>(),
        any::<i32>().prop_map(|n| i64::from(n).cast_unsigned()),
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
    ]
}

proptest! {
    #![proptest_config(config_for!("snapshot"))]

    #[test]
    fn restored_supervisor_is_equal_and_stays_equal(script in any_script()) {
        restored_is_equal(&script)?;
    }

    #[test]
    fn changed_snapshot_is_refused_or_harmless(
        script in any_script(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any_word()), 1..4),
    ) {
        changed_words_are_harmless(&script, &changes)?;
    }

    #[test]
    fn snapshot_of_another_length_is_refused(script in any_script(), surplus in any::<u64>()) {
        no_other_length(&script, surplus)?;
    }
}

#[test]
fn snapshot_with_another_number_of_handlers_is_refused() {
    let config = |handlers| with_handlers(livebus_core::Settings::default(), handlers);
    let one = config(vec![livebus_core::Handler::required("one")]);
    let words = Supervisor::new(one.clone(), *ORIGIN).snapshot(*ORIGIN);
    assert!(Supervisor::restore(one, *ORIGIN, &words).is_some());
    assert_eq!(
        Supervisor::restore(config(Vec::new()), *ORIGIN, &words),
        None
    );
}

#[test]
fn counters_that_would_overflow_are_refused() {
    let config = livebus_core::Config::new(livebus_core::Settings::default()).expect("valid");
    let supervisor = Supervisor::new(config.clone(), *ORIGIN);
    let mut words = supervisor.snapshot(*ORIGIN);
    let operations = words.len() - 2;
    assert_eq!(words[operations], 1);
    words[operations] = u64::MAX;
    assert_eq!(Supervisor::restore(config, *ORIGIN, &words), None);
}

#[test]
fn counters_are_refused_from_the_first_value_out_of_range() {
    const LIMIT: u64 = 1 << 62;
    let settings = livebus_core::Settings {
        successes_to_ready: 2,
        ..livebus_core::Settings::default()
    };
    let config = livebus_core::Config::new(settings).expect("valid");
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    let (id, result) = (ClientId::from_number(1), Ok(()));
    supervisor.handle_event(*ORIGIN, livebus_core::Event::StartAnswered { id, result });
    while supervisor.poll_action().is_some() {}
    let words = supervisor.snapshot(*ORIGIN);
    let is_restored = |index: usize, word: u64| {
        let mut words = words.clone();
        words[index] = word;
        Supervisor::restore(config.clone(), *ORIGIN, &words).is_some()
    };
    for counter in [words.len() - 2, words.len() - 1] {
        assert!(is_restored(counter, LIMIT - 1));
        assert!(!is_restored(counter, LIMIT));
    }
    // After the version, the state, the client, its starts without proof, not live and five facts: consecutive proofs.
    let proofs = 11;
    assert_eq!(words[proofs], 0);
    assert!(is_restored(proofs, 1));
    assert!(!is_restored(proofs, 2), "with two it would be live");
}

#[test]
fn handler_index_out_of_range_is_refused() {
    let handlers = vec![livebus_core::Handler::required("one")];
    let config = with_handlers(livebus_core::Settings::default(), handlers);
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    while supervisor.poll_action().is_some() {}
    let (id, result) = (ClientId::from_number(1), Ok(()));
    supervisor.handle_event(*ORIGIN, livebus_core::Event::StartAnswered { id, result });
    let mut words = supervisor.snapshot(*ORIGIN);
    // The queued action: register (3), operation 3, handler 0, attempt 1.
    let action = words.windows(4).rposition(|it| it == [3, 3, 0, 1]);
    let handler = action.expect("a registration is queued") + 2;
    assert!(Supervisor::restore(config.clone(), *ORIGIN, &words).is_some());
    words[handler] = 1;
    assert_eq!(Supervisor::restore(config, *ORIGIN, &words), None);
}

/// The number 4 was a discard without its kind in an older version 1.
#[test]
fn discard_without_its_kind_is_refused() {
    let config = livebus_core::Config::new(livebus_core::Settings::default()).expect("valid");
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    while supervisor.poll_action().is_some() {}
    let start_timeout = config.settings().start_timeout;
    supervisor.handle_timeout(*ORIGIN + start_timeout);
    let mut words = supervisor.snapshot(*ORIGIN);
    // The last queued action: discard a client (8), of start 1. Then the report: NotReady (4), because the start failed (5).
    let action = words.windows(4).rposition(|it| it == [8, 1, 4, 5]);
    let discard = action.expect("a discard is queued");
    assert!(Supervisor::restore(config.clone(), *ORIGIN, &words).is_some());
    words[discard] = 4;
    assert_eq!(Supervisor::restore(config, *ORIGIN, &words), None);
}

#[test]
fn instants_before_the_epoch_are_restored() {
    let config = livebus_core::Config::new(livebus_core::Settings::default()).expect("valid");
    let supervisor = Supervisor::new(config.clone(), *ORIGIN);
    for seconds in [0, 10, 100] {
        let epoch = *ORIGIN + std::time::Duration::from_secs(seconds);
        let words = supervisor.snapshot(epoch);
        let restored = Supervisor::restore(config.clone(), epoch, &words);
        assert_eq!(restored.as_ref(), Some(&supervisor), "{seconds} s");
    }
}
