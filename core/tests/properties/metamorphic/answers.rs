//! Answers that are told again, because whoever tells them is not sure that they arrived.

use livebus_core::{Event, Supervisor};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::config_for;
use crate::replay::deliver;
use crate::script::{Script, any_script};
use crate::simulation::{Input, ORIGIN, Simulation};

/// An answer counts once, however often it is told, at once or later.
///
/// Exactly: each answer, and each loss of a client, is told again after the calls that `echoes` says (0 is at once), at the
/// instants of those calls. In the end all is equal but `stale_answers`, which is larger by one for each telling that was
/// one too many.
fn answers_count_once(script: &Script, echoes: &[Vec<usize>]) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut once = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut again = once.clone();
    let mut pending: Vec<(usize, Event)> = Vec::new();
    let mut too_many = 0;
    for (n, entry) in log.iter().enumerate().skip(1) {
        deliver(&mut once, entry.called_at, entry.input);
        deliver(&mut again, entry.called_at, entry.input);
        if let Some(answer) = entry.event().filter(is_answer) {
            let delays = &echoes[n % echoes.len()];
            pending.extend(delays.iter().map(|delay| (n + delay, answer)));
        }
        for (_, answer) in pending.extract_if(.., |(at, _)| *at == n) {
            deliver(&mut again, entry.called_at, Input::Event(answer));
            too_many += 1;
        }
        prop_assert_eq!(again.stale_answers(), once.stale_answers() + too_many);
        prop_assert_eq!(all_but_stale_answers(&again), all_but_stale_answers(&once));
    }
    Ok(())
}

fn is_answer(event: &Event) -> bool {
    match event {
        Event::StartAnswered { .. }
        | Event::LivenessAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::StopAnswered { .. }
        | Event::ClientLost { .. } => true,
        Event::Live { .. } | Event::Suspicion(_) | Event::Shutdown => false,
    }
}

/// The words of its snapshot, without the last.
fn all_but_stale_answers(supervisor: &Supervisor) -> Vec<u64> {
    let mut words = supervisor.snapshot(*ORIGIN);
    assert_eq!(words.pop(), Some(supervisor.stale_answers()));
    words
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn rule_3_an_answer_that_is_told_again_is_stale_and_nothing_else(
        script in any_script(),
        echoes in vec(prop_oneof![
            Just(vec![]),
            Just(vec![0]),
            Just(vec![0, 0]),
            vec(0_usize..12, 1..3),
        ], 1..8),
    ) {
        answers_count_once(&script, &echoes)?;
    }
}
