//! The one supervisor that stands for all which go on alike: it goes on alike, and forgets what it says that it forgets.
//!
//! A model checker explores canonical supervisors. One that forgets too much hides states from it, one that forgets too
//! little has states without end; so every forgetting has an example in `omitted.rs` that fails when it is not done.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use livebus_core::{Action, Backoff, Config, OpId, Report, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::coverage::samples;
use crate::replay::{Pair, Translation, deliver, drained, renumbered};
use crate::script::{Script, any_script, realistic_script};
use crate::simulation::{ORIGIN, Simulation};

mod omitted;

/// Not the instant that any story begins at.
fn epoch() -> Instant {
    *ORIGIN + Duration::from_nanos(1)
}

fn form(supervisor: &Supervisor) -> Supervisor {
    supervisor.canonical(epoch()).0
}

/// The supervisor and its canonical one, at the newest instant that the first was told of.
fn with_canonical(supervisor: Supervisor, now: Instant) -> Pair {
    let (counterpart, ids) = supervisor.canonical(epoch());
    Pair {
        original: supervisor,
        counterpart,
        translation: Translation {
            from: now,
            to: epoch(),
            ids: ids
                .into_iter()
                .zip(1..)
                .map(|(id, number)| (id, renumbered(id, number)))
                .collect(),
            unknown_offset: UNKNOWN_OFFSET,
        },
    }
}

/// The names that a canonical supervisor has forgotten are of operations that are over: here they are any that never were.
const UNKNOWN_OFFSET: u64 = 1 << 50;

/// An action without what only tells: `since`, `evidence` and `attempt` of a report, and by how many the attempt of an
/// operation is beyond the first one whose failure is followed by the longest delay.
fn without_informational(action: Action, config: &Config) -> Action {
    let settings = config.settings();
    match action {
        Action::Start {
            id,
            attempt,
            deadline,
        } => Action::Start {
            id,
            attempt: attempt.min(first_max_delay(settings.start_backoff)),
            deadline,
        },
        Action::RegisterHandler {
            id,
            handler,
            attempt,
            deadline,
        } => Action::RegisterHandler {
            id,
            handler,
            attempt: attempt.min(first_max_delay(settings.registration_backoff)),
            deadline,
        },
        Action::SetStatus(report) => Action::SetStatus(Report {
            since: *ORIGIN,
            evidence: None,
            attempt: 0,
            ..report
        }),
        Action::SendLiveness { .. }
        | Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::Renew { .. }
        | Action::Stop { .. } => action,
    }
}

/// The first failure after which the delay is the longest.
fn first_max_delay(backoff: Backoff) -> u32 {
    let mut failures = 1;
    while backoff.doubled(failures) < backoff.doubled(u32::MAX) {
        failures += 1;
    }
    failures
}

/// It goes on alike.
///
/// Exactly: after any story, drained, it and the original, told the rest by their own names and clocks, have the same
/// actions in [`without_informational`], the same `poll_timeout`, `phase`, `wants_evidence`, `is_stopped`, and as many more stale
/// answers. Afterwards their own canonical forms are equal: what was forgotten stays forgotten.
fn goes_on_alike(script: &Script, position: Index) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let position = position.index(log.len());
    let view = |action| without_informational(action, &script.config);
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    drained(&mut original);
    for entry in &log[1..=position] {
        deliver(&mut original, entry.called_at, entry.input);
        drained(&mut original);
    }
    let mut pair = with_canonical(original, log[position].clock);
    pair.drain_alike(&view)?;
    for entry in &log[position + 1..] {
        pair.deliver(entry.called_at, entry.input, &view)?;
        prop_assert_eq!(form(&pair.original), form(&pair.counterpart));
    }
    Ok(())
}

/// It goes on alike, even if it is forgotten anew after each call.
fn goes_on_alike_forgetting_always(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let view = |action| without_informational(action, &script.config);
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    drained(&mut original);
    let mut pair = with_canonical(original, *ORIGIN);
    for entry in &log[1..] {
        pair.deliver(entry.called_at, entry.input, &view)?;
        let (canonical, known) = pair.counterpart.canonical(epoch());
        prop_assert_eq!(&canonical, &form(&pair.original));
        let new_id = |old: &OpId| {
            let index = known.iter().position(|id| id == old)?;
            Some(renumbered(*old, index as u64 + 1))
        };
        let ids = &pair.translation.ids;
        let ids = ids
            .iter()
            .filter_map(|(original, old)| Some((*original, new_id(old)?)))
            .collect();
        pair.counterpart = canonical;
        pair.translation.ids = ids;
        pair.translation.from = entry.clock;
    }
    Ok(())
}

/// It stands for itself.
///
/// Exactly: the canonical one of a canonical one is equal, at any epoch equal to that of the original; its operations are
/// called 1 to n; the names given back are those of different operations that have begun; nothing is queued, and nothing due.
fn stands_for_itself(script: &Script) -> Result<(), TestCaseError> {
    let mut all_kinds = Ok(());
    Simulation::run_observed(script, |_, sim| {
        all_kinds = stands_for_itself_now(sim);
        all_kinds.clone()
    })?;
    all_kinds
}

fn stands_for_itself_now(sim: &Simulation) -> Result<(), TestCaseError> {
    let mut polled = sim.supervisor.clone();
    drained(&mut polled);
    let (canonical, known) = sim.supervisor.canonical(epoch());
    prop_assert_eq!(
        &canonical,
        &form(&polled),
        "queued actions are not taken along"
    );
    let (again, ids) = canonical.canonical(epoch());
    prop_assert_eq!(&again, &canonical);
    let counted: Vec<OpId> = known
        .iter()
        .zip(1..)
        .map(|(id, number)| renumbered(*id, number))
        .collect();
    prop_assert_eq!(ids, counted);
    prop_assert_eq!(canonical.canonical(*ORIGIN).0, polled.canonical(*ORIGIN).0);

    let newest = sim.log.iter().flat_map(|entry| &entry.actions).count();
    let different: HashSet<u64> = known.iter().map(|id| id.number()).collect();
    prop_assert_eq!(different.len(), known.len());
    prop_assert!(known.iter().all(|id| id.number() <= newest as u64));
    prop_assert_eq!(canonical.stale_answers(), 0);
    prop_assert!(canonical.poll_timeout().is_none_or(|due| due > epoch()));
    Ok(())
}

/// Two moments of one story with the same canonical form are interchangeable.
///
/// Exactly: the story, then ideal timers and no answers until a canonical form comes back. Told the same by their own names
/// and clocks, the supervisors of both moments have the same actions in [`without_informational`], and all else as in
/// [`goes_on_alike`].
fn equal_forms_are_interchangeable(script: &Script, other: &Script) -> Result<bool, TestCaseError> {
    let Some((then, now)) = a_form_that_comes_back(script) else {
        return Ok(false);
    };
    let (_, ids_then) = then.supervisor.canonical(epoch());
    let (_, ids_now) = now.supervisor.canonical(epoch());
    let (from, to, begun) = (then.clock, now.clock, then.log.len());
    let mut pair = Pair {
        original: then.supervisor.clone(),
        counterpart: now.supervisor,
        translation: Translation {
            from,
            to,
            ids: ids_then.into_iter().zip(ids_now).collect(),
            unknown_offset: UNKNOWN_OFFSET,
        },
    };
    let view = |action| without_informational(action, &script.config);
    for entry in &then.continue_with(&other.steps).log[begun..] {
        pair.deliver(entry.called_at, entry.input, &view)?;
    }
    Ok(true)
}

fn a_form_that_comes_back(script: &Script) -> Option<(Simulation, Simulation)> {
    let mut seen: HashMap<Supervisor, Simulation> = HashMap::new();
    let mut sim = Simulation::run(script);
    for _ in 0..60 {
        if let Some(then) = seen.insert(form(&sim.supervisor), sim.clone()) {
            return Some((then, sim));
        }
        if !sim.fire_timer() {
            sim.deliver_and_drain(sim.clock + Duration::from_secs(1), None);
        }
    }
    None
}

proptest! {
    #![proptest_config(config_for!("canonical", 2_000))]

    #[test]
    fn the_canonical_supervisor_goes_on_like_the_original(script in any_script(), position in any::<Index>()) {
        goes_on_alike(&script, position)?;
    }

    #[test]
    fn the_canonical_supervisor_goes_on_alike_though_it_forgets_at_every_call(script in any_script()) {
        goes_on_alike_forgetting_always(&script)?;
    }

    #[test]
    fn as_people_configure_it_the_canonical_supervisor_goes_on_alike(script in realistic_script()) {
        goes_on_alike_forgetting_always(&script)?;
    }

    #[test]
    fn the_canonical_supervisor_stands_for_itself(script in any_script()) {
        stands_for_itself(&script)?;
    }

    #[test]
    fn equal_canonical_forms_are_interchangeable(script in realistic_script(), other in realistic_script()) {
        equal_forms_are_interchangeable(&script, &other)?;
    }
}

/// The property above is about something: in most stories a form comes back.
#[test]
fn canonical_forms_come_back() {
    let stories = samples((realistic_script(), realistic_script()));
    let come_back = stories
        .filter(|(script, other)| {
            equal_forms_are_interchangeable(script, other).is_ok_and(|met| met)
        })
        .count();
    assert!(come_back > 400, "{come_back} of 1,000");
}
