//! Every state of the small universes, on every change: two searches, every claim, the bounds, and the picture.

use std::sync::LazyLock;
use std::thread;

use livebus_core::Phase;
use livebus_verify::explore::always_leads_to::{V2, V5};
use livebus_verify::explore::diagram::{EVENTS, diagram, table};
use livebus_verify::explore::explorer::ACTIONS;
use livebus_verify::explore::report::{Found, HEAD, find};
use livebus_verify::explore::{Universe, checker, everything, universes};
use livebus_verify::figures::compare_or_write;

fn found(universe: Universe) -> Found {
    find(universe).unwrap_or_else(|broken| panic!("{broken}"))
}

static SMALL: LazyLock<Vec<Found>> = LazyLock::new(|| universes().into_iter().map(found).collect());

fn named(name: &str) -> &'static Found {
    SMALL
        .iter()
        .find(|it| it.universe.name == name)
        .expect("it is one of them")
}

fn has_as_many_states_as_pinned_and_in_stateright(found: &Found) {
    let (name, states) = (found.universe.name, found.explored.states.len());
    let other = checker::check(&found.universe, 1);
    assert_eq!(other, Ok(states), "universe {name:?}, in stateright");
    assert_eq!(
        found.universe.states, states,
        "universe {name:?}: where this is meant, pin the new number in universes.rs"
    );
}

#[test]
fn no_claim_is_false_in_any_small_universe_and_the_searches_agree() {
    for found in SMALL.iter() {
        has_as_many_states_as_pinned_and_in_stateright(found);
    }
}

/// More than a million states. stateright's search and our own run side by side.
#[test]
fn no_claim_is_false_where_everything_happens_and_the_searches_agree() {
    let other = thread::spawn(|| checker::check(&everything(), 1));
    let found = found(everything());
    let states = found.explored.states.len();
    assert!(states >= 1_000_000, "only {states}");
    assert_eq!(found.universe.states, states);
    assert_eq!(other.join().expect("it returns"), Ok(states));
    compare_or_write(
        "verification.md",
        "everything",
        &format!("{HEAD}{}", found.row()),
    )
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// The bus cannot be used from one tick on, and Running ends so many ticks later.
#[test]
fn the_longest_detection_is_the_detection_bound() {
    for found in SMALL.iter() {
        let universe = &found.universe;
        let bound = universe.bound(universe.has_leaderless());
        let longest = found.explored.detected_after.expect("it happens");
        if universe.has_leaderless() {
            // An answer comes a tick before its deadline at the latest; the bound is for one that comes just before.
            assert_eq!(longest, bound - 1, "universe {:?}", universe.name);
        } else {
            assert_eq!(longest, bound, "universe {:?}", universe.name);
        }
    }
    let (longest, bound) = named("traffic").outcome.longest[V2];
    assert_eq!((longest, bound), (8, 8), "V2 says the same");
}

/// A bound that is found everywhere would prove little if answers that are under way did not make it longer.
#[test]
fn an_answer_that_is_under_way_when_the_bus_goes_delays_the_detection_by_as_long() {
    let flight = named("flight");
    let bound = flight.universe.config.detection_bound();
    let longest = flight.explored.detected_after;
    assert_eq!(longest, Some(flight.universe.ticks(bound) + 1));
}

#[test]
fn the_longest_shutdown_is_the_shutdown_bound() {
    let mut seen = 0;
    for found in SMALL.iter() {
        if let Some((longest, bound)) = found.outcome.longest.get(V5) {
            assert_eq!(longest, bound, "universe {:?}", found.universe.name);
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} universes have a shutdown");
}

/// V7. Answers to nothing and the loss of a client that is not there are told in every state besides.
#[test]
fn every_event_comes_in_every_phase_and_every_action_comes_out() {
    for phase in Phase::ALL {
        for event in EVENTS {
            let stale = event.contains("answered") || event == "client lost";
            // Nothing is due at the end.
            let cannot_be = phase == Phase::Stopped && event == "time passes";
            let comes = SMALL
                .iter()
                .any(|found| found.explored.pairs.contains_key(&(phase, event)));
            assert!(
                comes || stale || cannot_be,
                "{event} never comes in {phase}"
            );
        }
    }
    for name in ACTIONS {
        let comes = SMALL
            .iter()
            .any(|found| found.explored.actions.contains_key(name));
        assert!(comes, "{name} never comes out");
    }
}

#[test]
fn what_was_found_stands_in_the_documentation() {
    let rows: String = SMALL.iter().map(Found::row).collect();
    compare_or_write("verification.md", "universes", &format!("{HEAD}{rows}"))
        .unwrap_or_else(|error| panic!("{error:#}"));
    let explored = || SMALL.iter().map(|found| &found.explored);
    let picture = format!("```mermaid\n{}```\n", diagram(explored()));
    compare_or_write("states.md", "diagram", &picture).unwrap_or_else(|error| panic!("{error:#}"));
    compare_or_write("states.md", "table", &table(explored()))
        .unwrap_or_else(|error| panic!("{error:#}"));
}
