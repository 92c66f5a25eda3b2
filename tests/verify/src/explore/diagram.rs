//! The diagram of the phases and the table of their inputs, made from what was explored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use livebus_core::Phase;

use super::explorer::Explored;

type Arrows = BTreeMap<(Phase, Phase), BTreeSet<&'static str>>;

/// Phases that the diagram draws as one group.
const GROUPS: [(&str, &[Phase]); 2] = [
    (
        "Live",
        &[
            Phase::Idle,
            Phase::Suspected,
            Phase::InFlight,
            Phase::RetryPending,
        ],
    ),
    ("Starts", &[Phase::Starting, Phase::BackingOff]),
];

/// Returns every transition from one phase to another as a Mermaid state diagram.
#[must_use]
pub fn diagram<'a>(explored: impl IntoIterator<Item = &'a Explored>) -> String {
    let mut arrows = Arrows::new();
    for (from, to, event) in explored.into_iter().flat_map(|it| it.arrows.keys()) {
        arrows.entry((*from, *to)).or_default().insert(event);
    }
    let mut text = String::from("stateDiagram-v2\n    [*] --> Starting\n");
    for (name, members) in GROUPS {
        let _infallible = writeln!(text, "    state {name} {{");
        for member in members {
            let _infallible = writeln!(text, "        {member}");
        }
        text.push_str("    }\n");
    }
    for (name, members) in GROUPS {
        for to in Phase::ALL.iter().filter(|to| !members.contains(to)) {
            for event in shared(&mut arrows, members, *to) {
                let _infallible = writeln!(text, "    {name} --> {to}: {event}");
            }
        }
    }
    for ((from, to), events) in arrows {
        if !events.is_empty() {
            let events: Vec<_> = events.into_iter().collect();
            let _infallible = writeln!(text, "    {from} --> {to}: {}", events.join(", "));
        }
    }
    text.push_str("    Stopped --> [*]\n");
    text
}

/// Removes from the arrows the events that lead from each of `members` to `to`, and returns them.
fn shared(arrows: &mut Arrows, members: &[Phase], to: Phase) -> Vec<&'static str> {
    let of = |member: &Phase| arrows.get(&(*member, to)).cloned().unwrap_or_default();
    let mut all = members.iter().map(of);
    let first = all.next().unwrap_or_default();
    let shared = all.fold(first, |shared, more| &shared & &more);
    for member in members {
        if let Some(events) = arrows.get_mut(&(*member, to)) {
            *events = &*events - &shared;
        }
    }
    shared.into_iter().collect()
}

/// The inputs of a supervisor, and time alone.
pub const EVENTS: [&str; 15] = [
    "time passes",
    "start answered: ok",
    "start answered: failed",
    "liveness answered: ok",
    "liveness answered: failed",
    "registration answered: ok",
    "registration answered: failed",
    "stop answered: ok",
    "stop answered: failed",
    "evidence",
    "suspicion",
    "client lost",
    "handler works",
    "handler fails",
    "shutdown",
];

/// Returns a table of how often each event came in each phase. It says "stale" where the event came only as an answer to no
/// operation, which is tried in every state.
#[must_use]
pub fn table<'a>(explored: impl IntoIterator<Item = &'a Explored>) -> String {
    let mut counts: BTreeMap<(Phase, &str), u64> = BTreeMap::new();
    for (pair, count) in explored.into_iter().flat_map(|it| &it.pairs) {
        *counts.entry(*pair).or_default() += count;
    }
    let mut text = String::from("| |");
    for phase in Phase::ALL {
        let _infallible = write!(text, " {phase} |");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(Phase::ALL.len()));
    text.push('\n');
    for event in EVENTS {
        let _infallible = write!(text, "| {event} |");
        for phase in Phase::ALL {
            let answers = event.contains("answered")
                || event == "client lost"
                || event.starts_with("handler");
            let cell = match counts.get(&(phase, event)) {
                Some(count) => count.to_string(),
                None if answers => "stale".to_owned(),
                None => String::new(),
            };
            let _infallible = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}
