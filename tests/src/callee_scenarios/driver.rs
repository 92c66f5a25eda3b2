//! Drives `Callee` through a script, and writes what it answers as words.

use std::time::{Duration, Instant};

use livebus_core::calls::{Callee, CalleeCounters, Decision, RequestId};

use super::script::{Input, PARTITION, Script};
use crate::scenario_files::Line;
use crate::scenario_files::words::millis;

/// What `Callee` did in a script.
pub(super) struct Run {
    pub(super) lines: Vec<Line>,
    pub(super) decisions: Vec<Decision>,
    /// The kinds of the inputs.
    pub(super) inputs: Vec<&'static str>,
}

/// Runs the script from its beginning to its end.
pub(super) fn drive(script: &Script) -> Run {
    let began = Instant::now();
    let mut callee = Callee::new(script.config.clone());
    let mut run = Run {
        lines: Vec::new(),
        decisions: Vec::new(),
        inputs: Vec::new(),
    };
    for (now, occurrence) in &script.occurrences {
        let stale = callee.counters().stale;
        let answer = give(
            &mut callee,
            &mut run.decisions,
            began,
            *now,
            occurrence.input,
        );
        if let Some(kind) = occurrence.input.kind() {
            run.inputs.push(kind);
            let is_stale = callee.counters().stale > stale;
            let after = if is_stale { " (stale)" } else { "" };
            run.lines
                .push((*now, format!("input: {}{after}", occurrence.text)));
        }
        run.lines
            .extend(answer.map(|text| (*now, format!("  {text}"))));
    }
    run.lines.push((script.until, counted(callee.counters())));
    run
}

/// Gives an input, and returns what it is answered with.
fn give(
    callee: &mut Callee,
    decisions: &mut Vec<Decision>,
    began: Instant,
    now: Duration,
    input: Input,
) -> Option<String> {
    match input {
        Input::Assigned(generation) => callee.assigned(PARTITION, generation),
        Input::Ended(generation) => callee.ended(PARTITION, generation),
        Input::Fetched(id, arrival) => callee.fetched(began + now, id, arrival),
        Input::Committed(generation, position) => {
            callee.committed(PARTITION, generation, position);
        }
        Input::Cancel(generation, call) => {
            let id = RequestId {
                partition: PARTITION,
                generation,
                offset: 0,
            };
            let running = callee.cancel_fetched(id, call);
            return running.map(|id| format!("runs: {}", id.offset));
        }
        Input::Begin(id) => {
            let decision = callee.begin(began + now, id);
            decisions.push(decision);
            return Some(text(decision, began));
        }
        Input::Ran { id, is_replied } => {
            let dropped = callee.ran(id, is_replied);
            return dropped.map(|id| format!("no reply is kept of {}", id.offset));
        }
        Input::ReadHeld => return Some(format!("held: {}", callee.requests_held())),
    }
    None
}

fn text(decision: Decision, began: Instant) -> String {
    let known = |never_began| {
        if never_began {
            "no run began"
        } else {
            "a run may have begun"
        }
    };
    match decision {
        Decision::Run {
            deadline,
            never_began,
        } => {
            let until = millis(deadline.saturating_duration_since(began));
            format!("run until {until}; before, {}", known(never_began))
        }
        Decision::CommitFirst => "commit first".to_owned(),
        Decision::TooLate { age, never_began } => {
            format!("too late, {} old; {}", millis(age), known(never_began))
        }
        Decision::Cancelled => "cancelled".to_owned(),
        Decision::Running => "another attempt runs".to_owned(),
        Decision::Replay(of) => format!("replay {}", of.offset),
        Decision::Stale => "stale".to_owned(),
    }
}

fn counted(counters: &CalleeCounters) -> String {
    let all = [
        ("runs", counters.runs),
        ("too late", counters.too_late),
        ("cancelled", counters.cancelled),
        ("late cancels", counters.late_cancels),
        ("repeated", counters.repeated),
        ("stale", counters.stale),
    ];
    let counted = all.iter().filter(|(_, count)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let oldest = match counters.max_age {
        Duration::ZERO => String::new(),
        age => format!("; oldest {}", millis(age)),
    };
    format!("counted: {}{oldest}", counted.join(", "))
}
