//! Other ids of operations.

use livebus_core::{OpId, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::replay::{Pair, Translation, deliver, poll_all};
use crate::script::{Script, any_script};
use crate::simulation::{ORIGIN, Simulation};

/// A supervisor whose count of operations is higher behaves the same, with other ids.
///
/// Exactly: after any part of any script, a supervisor is restored from a snapshot that counts `more` operations more.
/// With the rest of the inputs, by its own ids, it does the same as the original, action by action, with the new ids in place
/// of the old; and in the end its canonical form is equal, and so are its ids after translation.
fn ids_have_no_effect(script: &Script, position: Index, more: u64) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let (begin, rest) = log.split_at(1 + position.index(log.len()));
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    poll_all(&mut original);
    for entry in &begin[1..] {
        deliver(&mut original, entry.called_at, entry.input);
        poll_all(&mut original);
    }
    let counterpart = counted_further(&original, more);
    let mut pair = Pair {
        original,
        counterpart,
        translation: Translation {
            from: *ORIGIN,
            to: *ORIGIN,
            ids: [].into(),
            unknown_offset: 0,
        },
    };
    for entry in rest {
        pair.deliver(entry.called_at, entry.input, &|action| action)?;
    }
    let (original, original_ids) = pair.original.canonical(*ORIGIN);
    let (counterpart, counterpart_ids) = pair.counterpart.canonical(*ORIGIN);
    prop_assert_eq!(original, counterpart);
    let ids = &pair.translation.ids;
    let translated: Vec<OpId> = original_ids
        .iter()
        .map(|id| ids.get(id).copied().unwrap_or(*id))
        .collect();
    prop_assert_eq!(translated, counterpart_ids);
    Ok(())
}

/// Returns the same supervisor, but for the number of its next operation.
fn counted_further(supervisor: &Supervisor, more: u64) -> Supervisor {
    let mut words = supervisor.snapshot(*ORIGIN);
    let operations = words.len() - 2;
    words[operations] += more;
    let config = supervisor.config().clone();
    Supervisor::restore(config, *ORIGIN, &words).expect("a snapshot is restored")
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn operation_ids_have_no_effect(script in any_script(), position in any::<Index>(), more in 1_u64..1 << 32) {
        ids_have_no_effect(&script, position, more)?;
    }
}
