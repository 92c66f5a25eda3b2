//! Checks what must happen eventually: V1 to V6 and V8, on the whole graph of a model configuration.
//!
//! A checker that follows single paths only (stateright's `eventually`) misses a cycle on which nothing happens. Here each claim is
//! that every path leaves a part of the graph in time: no cycle of that part lets time pass, and its longest path takes no more
//! ticks than the bound.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "all functions on a state and an edge take both by reference"
)]

use std::collections::BTreeMap;

use livebus_core::{OnSuspicion, Phase, Status};

use super::configurations::ModelConfiguration;
use super::explorer::{Edge, Explored, Facts};
use super::graph::{EdgeRole, Stays, can_reach, longest_path};
use super::moves::{BusState, Move, Operation};

/// The result for one model configuration.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// For each claim: the maximum time from its premise to its conclusion, in ticks, and the bound.
    pub maximum: BTreeMap<&'static str, (u32, u32)>,
    /// The claims that are false, each with a state that shows it.
    pub broken: Vec<(&'static str, u32)>,
}

/// V1.
pub const V1: &str = "V1";
/// V2.
pub const V2: &str = "V2";
/// V3.
pub const V3: &str = "V3";
/// V4.
pub const V4: &str = "V4";
/// V5.
pub const V5: &str = "V5";
/// V6.
pub const V6: &str = "V6";
/// V8.
pub const V8: &str = "V8";

/// What must happen eventually: the number and the sentence of each claim.
pub const CLAIMS: [(&str, &str); 7] = [
    (
        V1,
        "A bus that works forever leads to Running, within a bound, unless a required handler reports that it fails.",
    ),
    (
        V2,
        "A bus that is dead forever leads to NotReady, within the detection bound.",
    ),
    (V3, "While starts fail there is always another one."),
    (
        V4,
        "While nothing is proved there is always another start or liveness message.",
    ),
    (V5, "A shutdown leads to Stopped, within its bound."),
    (
        V6,
        "Running can be reached from every state but Failed and those of a shutdown.",
    ),
    (
        V8,
        "A bus that works and answers in time is never reported as NotReady, once it has proved itself.",
    ),
];

/// Checks all of them.
#[must_use]
pub fn always_leads_to(configuration: &ModelConfiguration, explored: &Explored) -> Outcome {
    let mut outcome = Outcome::default();
    let config = &configuration.config;
    let s = config.settings();
    let bound = |duration| configuration.ticks(duration);
    let serves = |facts: &Facts| !facts.ending && facts.status != Status::Failed;
    let running = |facts: &Facts| facts.status == Status::Running;

    let suspicion_decides = s.on_suspicion == OnSuspicion::NotReady;
    let good = |facts: &Facts, edge: &Edge| {
        is_good(facts, edge) && !(suspicion_decides && matches!(edge.what, Move::Suspicion(_)))
    };
    let up = |facts: &Facts| {
        serves(facts) && !running(facts) && !facts.handler_fails && facts.bus == BusState::Up
    };
    let starting = s.start_timeout + s.start_backoff.max;
    let proving = s.not_live_interval_max * (s.successes_to_ready + 1);
    let registering = if config.handlers().is_empty() {
        std::time::Duration::ZERO
    } else {
        s.registration_timeout + s.registration_backoff.max
    };
    let max = bound(starting + proving + registering);
    outcome.check_left_in_time(V1, max, longest_path(explored, up, only(good)));

    let gone = |facts: &Facts| running(facts) && facts.bus != BusState::Up;
    let max = configuration.bound(configuration.has_partial());
    outcome.check_left_in_time(V2, max, longest_path(explored, gone, only(is_bad)));

    let starts = |facts: &Facts| matches!(facts.phase, Phase::Starting | Phase::BackingOff);
    let another = until(|edge| edge.starts);
    outcome.check_left_in_time(V3, bound(starting), longest_path(explored, starts, another));

    let has_client =
        |facts: &Facts| serves(facts) && !starts(facts) && facts.phase != Phase::Failed;
    let another = until(|edge| edge.attempts || proves(edge));
    // The maximum: while there is a warning and a liveness message is in flight, traffic proves that the bus works. The timeout of
    // that message then has no effect, and the next one is sent an interval later.
    let max = bound((s.liveness_timeout + s.live_interval).max(s.not_live_interval_max));
    outcome.check_left_in_time(V4, max, longest_path(explored, has_client, another));

    let ending = |facts: &Facts| facts.ending && facts.phase != Phase::Stopped;
    if explored.states.iter().any(ending) {
        let max = bound(config.shutdown_bound());
        outcome.check_left_in_time(V5, max, longest_path(explored, ending, until(|_| false)));
    }

    let reaches = can_reach(explored, running, |_, _| true);
    let lost = (0_u32..)
        .zip(&explored.states)
        .find(|(state, facts)| serves(facts) && !reaches[*state as usize]);
    outcome.broken.extend(lost.map(|(state, _)| (V6, state)));

    outcome
        .broken
        .extend(false_alarm(explored, good).map(|state| (V8, state)));
    outcome
}

/// These edges are inside, all others are excluded.
fn only(allowed: impl Fn(&Facts, &Edge) -> bool) -> impl Fn(&Facts, &Edge) -> EdgeRole {
    move |facts, edge| {
        if allowed(facts, edge) {
            EdgeRole::Inside
        } else {
            EdgeRole::Excluded
        }
    }
}

/// Everything is inside, with timers on time, until the awaited edge.
fn until(awaited: impl Fn(&Edge) -> bool) -> impl Fn(&Facts, &Edge) -> EdgeRole {
    move |_, edge| match edge.what {
        Move::Sleep(_) => EdgeRole::Excluded,
        Move::Tick
        | Move::Bus(_)
        | Move::Answer(..)
        | Move::Traffic(_)
        | Move::Suspicion(_)
        | Move::Health(..)
        | Move::Lost
        | Move::Shutdown => {
            if awaited(edge) {
                EdgeRole::Exit
            } else {
                EdgeRole::Inside
            }
        }
    }
}

/// The bus works and every operation succeeds in time; there may be suspicions.
fn is_good(facts: &Facts, edge: &Edge) -> bool {
    match edge.what {
        Move::Tick => !facts.deadline_in_a_tick,
        Move::Answer(_, None) | Move::Traffic(_) | Move::Suspicion(_) | Move::Health(_, None) => {
            true
        }
        Move::Answer(_, Some(_))
        | Move::Health(_, Some(_))
        | Move::Sleep(_)
        | Move::Bus(_)
        | Move::Lost
        | Move::Shutdown => false,
    }
}

/// Nothing proves that the bus works, and the bus does not come back.
fn is_bad(_: &Facts, edge: &Edge) -> bool {
    !proves(edge) && !matches!(edge.what, Move::Bus(BusState::Up) | Move::Sleep(_))
}

fn proves(edge: &Edge) -> bool {
    match edge.what {
        Move::Traffic(_) | Move::Answer(Operation::Liveness, None) => true,
        Move::Answer(Operation::Liveness, Some(class)) => {
            class.kind() == livebus_core::FailureKind::Rejected
        }
        Move::Answer(..)
        | Move::Tick
        | Move::Sleep(_)
        | Move::Bus(_)
        | Move::Suspicion(_)
        | Move::Health(..)
        | Move::Lost
        | Move::Shutdown => false,
    }
}

/// Returns a state that is not Running, though the bus was good since a liveness message was answered while Running.
fn false_alarm(explored: &Explored, good: impl Fn(&Facts, &Edge) -> bool) -> Option<u32> {
    let mut seen = vec![false; explored.states.len()];
    let mut rest = Vec::new();
    for state in 0..u32::try_from(explored.states.len()).expect("fewer states than 2^32") {
        for edge in explored.edges_of(state) {
            let to = &explored.states[edge.to as usize];
            let proved = edge.what == Move::Answer(Operation::Liveness, None);
            if proved && to.status == Status::Running && to.bus == BusState::Up {
                rest.push(edge.to);
            }
        }
    }
    while let Some(state) = rest.pop() {
        if std::mem::replace(&mut seen[state as usize], true) {
            continue;
        }
        let facts = &explored.states[state as usize];
        if facts.status != Status::Running {
            return Some(state);
        }
        let edges = explored.edges_of(state).iter();
        rest.extend(edges.filter(|edge| good(facts, edge)).map(|edge| edge.to));
    }
    None
}

impl Outcome {
    fn check_left_in_time(
        &mut self,
        claim: &'static str,
        bound: u32,
        found: Result<(u32, u32), Stays>,
    ) {
        match found {
            Ok((longest, from)) => {
                self.maximum.insert(claim, (longest, bound));
                if longest > bound {
                    self.broken.push((claim, from));
                }
            }
            Err(Stays::Forever(state) | Stays::Stuck(state)) => self.broken.push((claim, state)),
        }
    }
}
