//! The canonical supervisor, which represents all supervisors that behave alike from here on: it behaves as they do, and
//! omits what its documentation says.
//!
//! A model checker explores canonical supervisors. One that omits too much hides states from the checker, and one that omits
//! too little gives it infinitely many; so everything omitted has an example in `omitted.rs` that fails when it is kept.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use livebus_core::{Action, Backoff, Config, OpId, Report, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::coverage::samples;
use crate::replay::{Pair, Translation, deliver, poll_all, renumbered};
use crate::script::{Script, any_script, realistic_script};
use crate::simulation::{ORIGIN, Simulation};

mod omitted;

/// Returns an instant at which no run begins.
fn epoch() -> Instant {
    *ORIGIN + Duration::from_nanos(1)
}

fn form(supervisor: &Supervisor) -> Supervisor {
    supervisor.canonical(epoch()).0
}

/// Pairs a supervisor with its canonical form. `now` is the newest instant that the supervisor was given.
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

/// A canonical supervisor omits the ids of operations that are over. Their numbers are translated to unused ones.
const UNKNOWN_OFFSET: u64 = 1 << 50;

/// Returns an action without what only informs: `since`, `evidence` and `attempt` of a report, and how far the attempt of an
/// operation is beyond the first one whose failure is followed by the maximum delay.
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

/// Returns the number of the first failure after which the delay has its maximum.
fn first_max_delay(backoff: Backoff) -> u32 {
    let mut failures = 1;
    while backoff.doubled(failures) < backoff.doubled(u32::MAX) {
        failures += 1;
    }
    failures
}

/// The canonical supervisor behaves like the original.
///
/// Exactly: after a part of any script, with everything polled, both get the rest of it with their own ids and clocks. They
/// have the same actions in [`without_informational`], the same `poll_timeout`, `phase`, `wants_evidence` and `is_stopped`,
/// and the same growth of `stale_answers`. After each call their canonical forms are equal: what was omitted has no effect.
fn behaves_alike(script: &Script, position: Index) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let position = position.index(log.len());
    let view = |action| without_informational(action, &script.config);
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    poll_all(&mut original);
    for entry in &log[1..=position] {
        deliver(&mut original, entry.called_at, entry.input);
        poll_all(&mut original);
    }
    let mut pair = with_canonical(original, log[position].clock);
    pair.poll_and_compare(&view)?;
    for entry in &log[position + 1..] {
        pair.deliver(entry.called_at, entry.input, &view)?;
        prop_assert_eq!(form(&pair.original), form(&pair.counterpart));
    }
    Ok(())
}

/// It behaves like the original, even if it is made canonical again after each call.
fn behaves_alike_made_canonical_always(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let view = |action| without_informational(action, &script.config);
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    poll_all(&mut original);
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

/// The canonical form of a canonical supervisor is itself.
///
/// Exactly: they are equal, at any epoch equal to the form of the original; its operations have the ids 1 to n; the returned
/// ids are of different operations that have begun; nothing is queued, and nothing is due.
fn is_canonical(script: &Script) -> Result<(), TestCaseError> {
    let mut result = Ok(());
    Simulation::run_observed(script, |_, sim| {
        result = is_canonical_now(sim);
        result.clone()
    })?;
    result
}

fn is_canonical_now(sim: &Simulation) -> Result<(), TestCaseError> {
    let mut polled = sim.supervisor.clone();
    poll_all(&mut polled);
    let (canonical, known) = sim.supervisor.canonical(epoch());
    prop_assert_eq!(&canonical, &form(&polled), "queued actions are omitted");
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

/// Two supervisors of one run with the same canonical form are interchangeable.
///
/// Exactly: the script runs, then ideal timers fire without answers until a canonical form recurs. With the same inputs, by
/// their own ids and clocks, the supervisors of both instants have the same actions in [`without_informational`], and all
/// else is as in [`behaves_alike`]. Returns whether a form recurred.
fn equal_forms_are_interchangeable(script: &Script, other: &Script) -> Result<bool, TestCaseError> {
    let Some((then, now)) = run_until_a_form_recurs(script) else {
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

fn run_until_a_form_recurs(script: &Script) -> Option<(Simulation, Simulation)> {
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
    fn canonical_supervisor_behaves_like_the_original(script in any_script(), position in any::<Index>()) {
        behaves_alike(&script, position)?;
    }

    #[test]
    fn canonical_form_taken_after_every_call_behaves_like_the_original(script in any_script()) {
        behaves_alike_made_canonical_always(&script)?;
    }

    #[test]
    fn canonical_form_taken_after_every_call_behaves_alike_with_realistic_settings(script in realistic_script()) {
        behaves_alike_made_canonical_always(&script)?;
    }

    #[test]
    fn canonical_form_of_a_canonical_supervisor_is_itself(script in any_script()) {
        is_canonical(&script)?;
    }

    #[test]
    fn supervisors_with_equal_canonical_forms_are_interchangeable(script in realistic_script(), other in realistic_script()) {
        equal_forms_are_interchangeable(&script, &other)?;
    }
}

/// The property above applies often enough: in this many scripts a form recurs.
#[test]
fn canonical_forms_recur_in_enough_scripts() {
    let scripts = samples((realistic_script(), realistic_script()));
    let recurring = scripts
        .filter(|(script, other)| {
            equal_forms_are_interchangeable(script, other).is_ok_and(|applies| applies)
        })
        .count();
    assert!(recurring > 400, "{recurring} of 1,000");
}
