//! Our own breadth-first search. It identifies states by all their bytes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::models::Model;
use super::moves::State;
use crate::callee::claim::{Claim, Coverage};
use crate::callee::environment::Step;

/// What a search found.
#[derive(Debug, Default)]
pub struct Explored {
    /// How many states there are.
    pub states: usize,
    /// How many moves lead from one to another.
    pub steps: usize,
    /// Which situations were reached.
    pub coverage: Coverage,
    /// The first claim that was broken, with the moves to it.
    pub broken: Option<(Claim, Vec<Step>)>,
}

/// Explores until there are no new states, a claim is broken, or there are more than `max` states.
///
/// # Errors
///
/// Returns `max` when there are more states.
pub fn explore(model: &Model, max: usize) -> Result<Explored, usize> {
    let mut explored = Explored::default();
    let mut seen: HashSet<Arc<State>> = HashSet::new();
    let mut from: Vec<(usize, Option<Step>)> = vec![(0, None)];
    let mut queue: VecDeque<(usize, Arc<State>)> = VecDeque::new();
    let first = Arc::new(State::first(model));
    seen.insert(first.clone());
    queue.push_back((0, first));
    let mut moves = Vec::new();
    while let Some((number, state)) = queue.pop_front() {
        moves.clear();
        state.moves(model, &mut moves);
        for &what in &moves {
            explored.steps += 1;
            let next = match state.after(what, &mut explored.coverage) {
                Ok(next) => Arc::new(next),
                Err(claim) => {
                    explored.broken = Some((claim, path_to(&from, number, what)));
                    explored.states = from.len();
                    return Ok(explored);
                }
            };
            if seen.insert(next.clone()) {
                queue.push_back((from.len(), next));
                from.push((number, Some(what)));
            }
        }
        if from.len() > max {
            return Err(max);
        }
    }
    explored.states = from.len();
    Ok(explored)
}

fn path_to(from: &[(usize, Option<Step>)], number: usize, last: Step) -> Vec<Step> {
    let mut path = vec![last];
    let mut at = number;
    while let (before, Some(what)) = from[at] {
        path.push(what);
        at = before;
    }
    path.reverse();
    path
}
