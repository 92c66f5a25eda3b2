//! Explores every state of the small model configurations: two searches, every claim, the bounds, and the diagram.

use std::sync::LazyLock;
use std::thread;

use livebus_core::Phase;
use livebus_verify::explore::always_leads_to::{V2, V5};
use livebus_verify::explore::diagram::{EVENTS, diagram, table};
use livebus_verify::explore::explorer::ACTIONS;
use livebus_verify::explore::report::{Found, HEAD, find};
use livebus_verify::explore::{
    ModelConfiguration, everything, small_configurations, stateright_search,
};
use livebus_verify::figures::compare_or_write;

fn found(configuration: ModelConfiguration) -> Found {
    find(configuration).unwrap_or_else(|broken| panic!("{broken}"))
}

static SMALL: LazyLock<Vec<Found>> =
    LazyLock::new(|| small_configurations().into_iter().map(found).collect());

fn named(name: &str) -> &'static Found {
    SMALL
        .iter()
        .find(|it| it.configuration.name == name)
        .expect("there is a configuration of this name")
}

fn assert_states_as_pinned_and_in_stateright(found: &Found) {
    let (name, states) = (found.configuration.name, found.explored.states.len());
    let other = stateright_search::check(&found.configuration, 1);
    assert_eq!(other, Ok(states), "configuration {name:?}, in stateright");
    assert_eq!(
        found.configuration.states, states,
        "configuration {name:?}: if this is intended, pin the new number in configurations.rs"
    );
}

#[test]
fn no_claim_is_false_in_small_configurations_and_both_searches_agree() {
    for found in SMALL.iter() {
        assert_states_as_pinned_and_in_stateright(found);
    }
}

/// More than a million states. stateright's search and our own run in parallel.
#[test]
fn no_claim_is_false_when_everything_may_happen_and_both_searches_agree() {
    let other = thread::spawn(|| stateright_search::check(&everything(), 1));
    let found = found(everything());
    let states = found.explored.states.len();
    assert!(states >= 1_000_000, "only {states}");
    assert_eq!(found.configuration.states, states);
    assert_eq!(other.join().expect("it returns"), Ok(states));
    compare_or_write(
        "verification.md",
        "everything",
        &format!("{HEAD}{}", found.row()),
    )
    .unwrap_or_else(|error| panic!("{error:#}"));
}

/// From the first tick with an unusable bus to the end of Running.
#[test]
fn maximum_detection_time_is_the_detection_bound() {
    for found in SMALL.iter() {
        let configuration = &found.configuration;
        let bound = configuration.bound(configuration.has_partial());
        let maximum = found
            .explored
            .detected_after
            .expect("Running ends in some path");
        if configuration.has_partial() {
            // The latest answer comes a tick before its deadline; the bound allows for one that comes just before it.
            assert_eq!(maximum, bound - 1, "configuration {:?}", configuration.name);
        } else {
            assert_eq!(maximum, bound, "configuration {:?}", configuration.name);
        }
    }
    let (maximum, bound) = named("traffic").outcome.maximum[V2];
    assert_eq!((maximum, bound), (8, 8), "V2 says the same");
}

/// Shows that the measured detection time is not the bound by accident: an answer in flight makes it longer.
#[test]
fn answer_in_flight_when_the_bus_fails_delays_detection_by_its_flight() {
    let flight = named("flight");
    let bound = flight.configuration.config.detection_bound();
    let maximum = flight.explored.detected_after;
    assert_eq!(maximum, Some(flight.configuration.ticks(bound) + 1));
}

#[test]
fn maximum_shutdown_time_is_the_shutdown_bound() {
    let mut seen = 0;
    for found in SMALL.iter() {
        if let Some((maximum, bound)) = found.outcome.maximum.get(V5) {
            assert_eq!(
                maximum, bound,
                "configuration {:?}",
                found.configuration.name
            );
            seen += 1;
        }
    }
    assert!(seen >= 5, "only {seen} configurations have a shutdown");
}

/// V7. Stale answers, and the loss of a client that does not exist, are also inputs in every state.
#[test]
fn every_event_comes_in_every_phase_and_every_action_is_returned() {
    for phase in Phase::ALL {
        for event in EVENTS {
            // No handler is registered without a client, and the model configuration with handlers has no suspicions.
            let registered = [
                Phase::NotLive,
                Phase::Idle,
                Phase::InFlight,
                Phase::RetryPending,
            ];
            let stale = event.contains("answered")
                || event == "client lost"
                || event.starts_with("handler") && !registered.contains(&phase);
            // Nothing is due in Stopped.
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
        assert!(comes, "{name} is never returned");
    }
}

#[test]
fn documentation_contains_the_results() {
    let rows: String = SMALL.iter().map(Found::row).collect();
    compare_or_write(
        "verification.md",
        "small configurations",
        &format!("{HEAD}{rows}"),
    )
    .unwrap_or_else(|error| panic!("{error:#}"));
    let explored = || SMALL.iter().map(|found| &found.explored);
    let mermaid = format!("```mermaid\n{}```\n", diagram(explored()));
    compare_or_write("states.md", "diagram", &mermaid).unwrap_or_else(|error| panic!("{error:#}"));
    compare_or_write("states.md", "table", &table(explored()))
        .unwrap_or_else(|error| panic!("{error:#}"));
}
