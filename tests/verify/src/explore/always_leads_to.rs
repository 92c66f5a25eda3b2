//! What must happen in the end: V1 to V6, on the whole graph of a universe.
//!
//! A checker that looks along ways only (stateright's `eventually`) misses a cycle on which nothing happens. Here each claim
//! is that a part of the graph is left in time whatever way is taken: no cycle of it lets time pass, and its longest way
//! takes no more ticks than the bound.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "what looks at a state and an edge looks at both where they stand"
)]

use std::collections::BTreeMap;

use livebus_core::{OnSuspicion, Phase, Status};

use super::explorer::{Edge, Explored, Facts};
use super::graph::{Leads, Stays, can_reach, longest_way};
use super::moves::{BusState, Move, Operation};
use super::universes::Universe;

/// What was found about one universe.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The longest time that each claim's premise lasted without its conclusion, in ticks, and the bound.
    pub longest: BTreeMap<&'static str, (u32, u32)>,
    /// The claims that are false, and the state that shows it.
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

/// What must happen in the end, each with its number.
pub const CLAIMS: [(&str, &str); 7] = [
    (
        V1,
        "A bus that works forever leads to Running, within a bound.",
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
        "A bus that works and answers in time is never called NotReady, once it has proved itself.",
    ),
];

/// Looks at all of them.
#[must_use]
pub fn always_leads_to(universe: &Universe, explored: &Explored) -> Outcome {
    let mut outcome = Outcome::default();
    let config = &universe.config;
    let s = config.settings();
    let bound = |duration| universe.ticks(duration);
    let serves = |facts: &Facts| !facts.ending && facts.status != Status::Failed;
    let running = |facts: &Facts| facts.status == Status::Running;

    let believed = s.on_suspicion == OnSuspicion::NotReady;
    let good =
        |facts: &Facts, edge: &Edge| is_good(facts, edge) && !(believed && edge.what == Move::Hint);
    let up = |facts: &Facts| serves(facts) && !running(facts) && facts.bus == BusState::Up;
    let starting = s.start_timeout + s.start_backoff.max;
    let proving = s.not_live_interval_max * (s.successes_to_ready + 1);
    let registering = if s.handlers.is_empty() {
        std::time::Duration::ZERO
    } else {
        s.registration_timeout + s.registration_backoff.max
    };
    let most = bound(starting + proving + registering);
    outcome.leaves(V1, most, longest_way(explored, up, only(good)));

    let gone = |facts: &Facts| running(facts) && facts.bus != BusState::Up;
    let most = universe.bound(universe.has_leaderless());
    outcome.leaves(V2, most, longest_way(explored, gone, only(is_bad)));

    let starts = |facts: &Facts| matches!(facts.phase, Phase::Starting | Phase::BackingOff);
    let another = until(|edge| edge.starts);
    outcome.leaves(V3, bound(starting), longest_way(explored, starts, another));

    let has_client =
        |facts: &Facts| serves(facts) && !starts(facts) && facts.phase != Phase::Failed;
    let another = until(|edge| edge.tries || proves(edge));
    // The longest: a warned bus proves itself by traffic while a liveness message is under way, whose timeout is harmless
    // then; the next one goes out an interval later.
    let most = bound((s.liveness_timeout + s.live_interval).max(s.not_live_interval_max));
    outcome.leaves(V4, most, longest_way(explored, has_client, another));

    let ending = |facts: &Facts| facts.ending && facts.phase != Phase::Stopped;
    if explored.states.iter().any(ending) {
        let most = bound(config.shutdown_bound());
        outcome.leaves(V5, most, longest_way(explored, ending, until(|_| false)));
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

/// Only these edges.
fn only(allowed: impl Fn(&Facts, &Edge) -> bool) -> impl Fn(&Facts, &Edge) -> Leads {
    move |facts, edge| {
        if allowed(facts, edge) {
            Leads::On
        } else {
            Leads::Nowhere
        }
    }
}

/// Whatever happens, with timers on time, until it is what is waited for.
fn until(waited_for: impl Fn(&Edge) -> bool) -> impl Fn(&Facts, &Edge) -> Leads {
    move |_, edge| match edge.what {
        Move::Sleep(_) => Leads::Nowhere,
        Move::Tick
        | Move::Bus(_)
        | Move::Answer(..)
        | Move::Traffic(_)
        | Move::Hint
        | Move::Lost
        | Move::Shutdown => {
            if waited_for(edge) {
                Leads::Out
            } else {
                Leads::On
            }
        }
    }
}

/// The bus works, every operation is answered well and in time, whatever the hints say.
fn is_good(facts: &Facts, edge: &Edge) -> bool {
    match edge.what {
        Move::Tick => !facts.pressing,
        Move::Answer(_, None) | Move::Traffic(_) | Move::Hint => true,
        Move::Answer(_, Some(_)) | Move::Sleep(_) | Move::Bus(_) | Move::Lost | Move::Shutdown => {
            false
        }
    }
}

/// Nothing proves that the bus works, and nothing else helps.
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
        | Move::Hint
        | Move::Lost
        | Move::Shutdown => false,
    }
}

/// A state that is not Running, and to which only a good bus led since a liveness message was answered while Running.
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
    fn leaves(&mut self, claim: &'static str, bound: u32, found: Result<(u32, u32), Stays>) {
        match found {
            Ok((longest, from)) => {
                self.longest.insert(claim, (longest, bound));
                if longest > bound {
                    self.broken.push((claim, from));
                }
            }
            Err(Stays::ForEver(state) | Stays::Stuck(state)) => self.broken.push((claim, state)),
        }
    }
}
