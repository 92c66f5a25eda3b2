//! Finds cycles and longest paths in a part of the graph, by Tarjan's strongly connected components.
//!
//! A part is some of the states, and some of the edges that begin in them. An edge that ends outside of the part is an exit, and
//! so is an edge that does what the claim waits for.

use super::explorer::{Edge, Explored, Facts};
use super::moves::Move;

/// Why a part of the graph is not left in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stays {
    /// From this state time can pass forever without leaving it.
    Forever(u32),
    /// From this state nothing leads on.
    Stuck(u32),
}

/// The role of an edge in a part of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EdgeRole {
    /// It does not belong to the part: the claim assumes that it does not happen.
    Excluded,
    /// It belongs to the part, and is an exit only if it ends outside.
    Inside,
    /// It is an exit, wherever it ends.
    Exit,
}

const NEW: u32 = u32::MAX;

/// Returns the maximum number of ticks between entering a part and leaving it, over all paths, and the state in which that path
/// begins; or why the part is not always left.
pub(super) fn longest_path(
    explored: &Explored,
    inside: impl Fn(&Facts) -> bool,
    role: impl Fn(&Facts, &Edge) -> EdgeRole,
) -> Result<(u32, u32), Stays> {
    let count = explored.states.len();
    let facts = |state: u32| &explored.states[state as usize];
    let mut search = Search {
        order: vec![NEW; count],
        low: vec![NEW; count],
        max_ticks: vec![0; count],
        path: Vec::new(),
        stack: Vec::new(),
        next: 0,
    };
    let mut max = (0, 0);
    for root in 0..u32::try_from(count).expect("fewer states than 2^32") {
        if search.order[root as usize] != NEW || !inside(facts(root)) {
            continue;
        }
        search.enter(root);
        while let Some((state, edge)) = search.path.last_mut() {
            let state = *state;
            let edges = explored.edges_of(state);
            let Some(next) = edges.get(*edge) else {
                search.leave(explored, state, &inside, &role)?;
                max = max.max((search.max_ticks[state as usize], state));
                continue;
            };
            *edge += 1;
            if role(facts(state), next) != EdgeRole::Inside || !inside(facts(next.to)) {
                continue;
            }
            if search.order[next.to as usize] == NEW {
                search.enter(next.to);
            } else if search.is_open(next.to) {
                let low = search.order[next.to as usize].min(search.low[state as usize]);
                search.low[state as usize] = low;
            }
        }
    }
    Ok(max)
}

struct Search {
    /// When each state was entered.
    order: Vec<u32>,
    /// The earliest open state that can be reached; once its component is closed, `CLOSED`.
    low: Vec<u32>,
    /// The maximum number of ticks from here to an exit.
    max_ticks: Vec<u32>,
    path: Vec<(u32, usize)>,
    stack: Vec<u32>,
    next: u32,
}

const CLOSED: u32 = u32::MAX;

impl Search {
    fn enter(&mut self, state: u32) {
        self.order[state as usize] = self.next;
        self.low[state as usize] = self.next;
        self.next += 1;
        self.stack.push(state);
        self.path.push((state, 0));
    }

    fn is_open(&self, state: u32) -> bool {
        self.low[state as usize] != CLOSED
    }

    fn leave(
        &mut self,
        explored: &Explored,
        state: u32,
        inside: &impl Fn(&Facts) -> bool,
        role: &impl Fn(&Facts, &Edge) -> EdgeRole,
    ) -> Result<(), Stays> {
        self.path.pop();
        if let Some((parent, _)) = self.path.last() {
            let low = self.low[state as usize].min(self.low[*parent as usize]);
            self.low[*parent as usize] = low;
        }
        if self.low[state as usize] != self.order[state as usize] {
            return Ok(());
        }
        // Components are closed in the order of their exits: what this one leads to is known already.
        let index = self.stack.iter().rposition(|open| *open == state);
        let component = self.stack.split_off(index.expect("it was entered"));
        let mut max_ticks = 0;
        let mut has_next = false;
        for &member in &component {
            let from = &explored.states[member as usize];
            for edge in explored.edges_of(member) {
                let ticks = u32::from(edge.what == Move::Tick);
                let to = edge.to;
                let stays = match role(from, edge) {
                    EdgeRole::Excluded => continue,
                    EdgeRole::Inside => inside(&explored.states[to as usize]),
                    EdgeRole::Exit => false,
                };
                if !stays {
                    has_next = true;
                    max_ticks = max_ticks.max(ticks);
                } else if self.is_open(to) {
                    if ticks > 0 {
                        return Err(Stays::Forever(member));
                    }
                } else {
                    has_next = true;
                    max_ticks = max_ticks.max(ticks + self.max_ticks[to as usize]);
                }
            }
        }
        if !has_next {
            return Err(Stays::Stuck(state));
        }
        for member in component {
            self.low[member as usize] = CLOSED;
            self.max_ticks[member as usize] = max_ticks;
        }
        Ok(())
    }
}

/// Returns, for each state, whether a goal can be reached from it by allowed edges.
pub(super) fn can_reach(
    explored: &Explored,
    goal: impl Fn(&Facts) -> bool,
    allowed: impl Fn(&Facts, &Edge) -> bool,
) -> Vec<bool> {
    let count = explored.states.len();
    let numbers = || 0..u32::try_from(count).expect("fewer states than 2^32");
    let edges_of = |state: u32| {
        let from = &explored.states[state as usize];
        explored
            .edges_of(state)
            .iter()
            .filter(|edge| allowed(from, edge))
    };
    // The edges backwards: where those of each state begin, then the edges.
    let mut begins = vec![0_usize; count + 1];
    for edge in numbers().flat_map(edges_of) {
        begins[edge.to as usize + 1] += 1;
    }
    for state in 0..count {
        begins[state + 1] += begins[state];
    }
    let mut filled = begins.clone();
    let mut backwards = vec![0_u32; begins[count]];
    for state in numbers() {
        for edge in edges_of(state) {
            let index = &mut filled[edge.to as usize];
            backwards[*index] = state;
            *index += 1;
        }
    }
    let mut reaches: Vec<bool> = explored.states.iter().map(goal).collect();
    let mut rest: Vec<u32> = numbers().filter(|state| reaches[*state as usize]).collect();
    while let Some(state) = rest.pop() {
        let state = state as usize;
        for &from in &backwards[begins[state]..begins[state + 1]] {
            if !reaches[from as usize] {
                reaches[from as usize] = true;
                rest.push(from);
            }
        }
    }
    reaches
}

#[cfg(test)]
mod tests;
