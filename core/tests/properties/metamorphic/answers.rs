//! Answers that are delivered again, because the sender does not know that they arrived.

use livebus_core::{Event, Supervisor};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::config_for;
use crate::replay::deliver;
use crate::script::{Script, any_script};
use crate::simulation::{Input, ORIGIN, Simulation};

/// An answer counts once, however often it is delivered, at once or later.
///
/// Exactly: each answer, and each loss of a client, is delivered again after as many calls as `repeats` says (0 is at once),
/// at the instants of those calls. After each call all is equal but `stale_answers`, which is larger by one for each repeat.
fn answers_count_once(script: &Script, repeats: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut once = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut again = once.clone();
    let mut pending: Vec<(usize, Event)> = Vec::new();
    let mut repeated = 0;
    for (n, entry) in log.iter().enumerate().skip(1) {
        deliver(&mut once, entry.called_at, entry.input);
        deliver(&mut again, entry.called_at, entry.input);
        if let Some(answer) = entry.event().filter(is_answer) {
            let delays = &repeats[n % repeats.len()];
            pending.extend(delays.iter().map(|delay| (n + delay, answer)));
        }
        for (_, answer) in pending.extract_if(.., |(at, _)| *at == n) {
            deliver(&mut again, entry.called_at, Input::Event(answer));
            repeated += 1;
        }
        prop_assert_eq!(again.stale_answers(), once.stale_answers() + repeated);
        prop_assert_eq!(all_but_stale_answers(&again), all_but_stale_answers(&once));
    }
    Ok(())
}

fn is_answer(event: &Event) -> bool {
    match event {
        Event::StartAnswered { .. }
        | Event::LivenessAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::HandlerHealth { .. }
        | Event::StopAnswered { .. }
        | Event::ClientLost { .. } => true,
        Event::Live { .. } | Event::Suspicion(_) | Event::Shutdown => false,
    }
}

/// Returns the words of its snapshot, without the last.
fn all_but_stale_answers(supervisor: &Supervisor) -> Vec<u64> {
    let mut words = supervisor.snapshot(*ORIGIN);
    assert_eq!(words.pop(), Some(supervisor.stale_answers()));
    words
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn rule_3_repeated_answer_only_increments_stale_answers(
        script in any_script(),
        repeats in vec(prop_oneof![
            Just(vec![]),
            Just(vec![0]),
            Just(vec![0, 0]),
            vec(0_usize..12, 1..3),
        ], 1..8),
    ) {
        answers_count_once(&script, &repeats)?;
    }
}
