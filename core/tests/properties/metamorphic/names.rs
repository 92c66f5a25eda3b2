//! Operations that are called something else.

use livebus_core::{OpId, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::kept_in;
use crate::retelling::{Pair, Translation, drained, tell};
use crate::script::{Script, any_script};
use crate::world::{ORIGIN, World};

/// A supervisor that has counted further goes on the same, under the names that it gives.
///
/// Exactly: at any moment of any story, one whose snapshot says that `more` operations began than did. Told the rest by its
/// own names, it does the same as the original, action by action, with the new names in place of the old; and in the end
/// what it knows is equal, under the new names.
fn names_decide_nothing(script: &Script, moment: Index, more: u64) -> Result<(), TestCaseError> {
    let log = World::run(script).log;
    let (begin, rest) = log.split_at(1 + moment.index(log.len()));
    let mut there = Supervisor::new(script.config.clone(), *ORIGIN);
    drained(&mut there);
    for entry in &begin[1..] {
        tell(&mut there, entry.told, entry.input);
        drained(&mut there);
    }
    let here = counted_further(&there, more);
    let mut pair = Pair {
        there,
        here,
        translation: Translation {
            from: *ORIGIN,
            to: *ORIGIN,
            names: [].into(),
            strangers: 0,
        },
    };
    for entry in rest {
        pair.tell(entry.told, entry.input, &|action| action)?;
    }
    let (there, ours) = pair.there.canonical(*ORIGIN);
    let (here, theirs) = pair.here.canonical(*ORIGIN);
    prop_assert_eq!(there, here);
    let names = &pair.translation.names;
    let renamed: Vec<OpId> = ours
        .iter()
        .map(|id| names.get(id).copied().unwrap_or(*id))
        .collect();
    prop_assert_eq!(renamed, theirs);
    Ok(())
}

/// The same, but for the number of its next operation.
fn counted_further(supervisor: &Supervisor, more: u64) -> Supervisor {
    let mut words = supervisor.snapshot(*ORIGIN);
    let operations = words.len() - 2;
    words[operations] += more;
    let config = supervisor.config().clone();
    Supervisor::restore(config, *ORIGIN, &words).expect("a snapshot is restored")
}

proptest! {
    #![proptest_config(kept_in!("metamorphic", 2_000))]

    #[test]
    fn other_names_are_the_same_story(script in any_script(), moment in any::<Index>(), more in 1_u64..1 << 32) {
        names_decide_nothing(&script, moment, more)?;
    }
}
