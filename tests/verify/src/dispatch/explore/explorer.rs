//! Our own breadth-first search. It identifies states by all their bytes.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::models::Model;
use super::moves::{Move, State};
use crate::dispatch::claim::{Claim, Coverage};
use crate::dispatch::environment::Trace;

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
    pub broken: Option<(Claim, Vec<Move>)>,
}

/// Explores until there are no new states, a claim is broken, or there are more than `max` states.
///
/// # Errors
///
/// Returns `max` when there are more states.
pub fn explore(model: &Model, max: usize) -> Result<Explored, usize> {
    let mut explored = Explored::default();
    let mut numbers: HashSet<Arc<State>, BuildHasherDefault<Quick>> = HashSet::default();
    let mut from: Vec<(usize, Option<Move>)> = vec![(0, None)];
    let mut queue: VecDeque<(usize, Arc<State>)> = VecDeque::new();
    let first = Arc::new(State::first(model));
    numbers.insert(first.clone());
    queue.push_back((0, first));
    let mut moves = Vec::new();
    while let Some((number, state)) = queue.pop_front() {
        moves.clear();
        state.moves(model, &mut moves);
        for &what in &moves {
            explored.steps += 1;
            let mut trace = Trace::default();
            let next = match state.after(model, what, &mut trace) {
                Ok(next) => next,
                Err(claim) => {
                    let path = path_to(&from, number, what);
                    explored.broken = Some((claim, path));
                    explored.states = from.len();
                    return Ok(explored);
                }
            };
            explored.coverage.merge(trace.coverage);
            let next = Arc::new(next);
            if numbers.insert(next.clone()) {
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

fn path_to(from: &[(usize, Option<Move>)], number: usize, last: Move) -> Vec<Move> {
    let mut path = vec![last];
    let mut at = number;
    while let (before, Some(what)) = from[at] {
        path.push(what);
        at = before;
    }
    path.reverse();
    path
}

/// A hasher that is quick rather than safe from attacks: states with the same hash are compared.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}
