//! What was found in a universe, in words and as a row of a table.

use std::fmt::{self, Write as _};

use super::always_leads_to::{Outcome, V1, V2, V3, V4, V5, always_leads_to};
use super::explorer::{Explored, explore};
use super::universes::Universe;
use super::world::World;

/// What was found in one universe.
#[derive(Debug)]
pub struct Found {
    /// The universe.
    pub universe: Universe,
    /// Its graph.
    pub explored: Explored,
    /// What happens in the end.
    pub outcome: Outcome,
}

/// A claim that is false in a universe.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Broken {
    /// The universe.
    pub universe: &'static str,
    /// The claim.
    pub claim: String,
    /// The shortest way to the state that shows it, a move a line.
    pub way: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "in universe {:?}: {}\n{}again: cargo run --release -p livebus-verify -- explore --universe {:?}",
            self.universe, self.claim, self.way, self.universe
        )
    }
}

/// More states than anybody waits for.
const MOST_STATES: usize = 100_000_000;

/// Explores a universe and checks every claim in it.
///
/// # Errors
///
/// The first claim that is false, with the way that shows it.
pub fn find(universe: Universe) -> Result<Found, Broken> {
    let broken = |claim: String, way: String| Broken {
        universe: universe.name,
        claim,
        way,
    };
    let explored = explore(&universe, MOST_STATES)
        .map_err(|most| broken(format!("it ends: more than {most} states"), String::new()))?;
    if let Some((state, claim)) = explored.broken {
        let way = tell_way(&universe, &explored, state);
        return Err(broken(claim.to_string(), way));
    }
    let outcome = always_leads_to(&universe, &explored);
    if let Some((claim, state)) = outcome.broken.first() {
        let way = tell_way(&universe, &explored, *state);
        return Err(broken((*claim).to_owned(), way));
    }
    Ok(Found {
        universe,
        explored,
        outcome,
    })
}

fn tell_way(universe: &Universe, explored: &Explored, state: u32) -> String {
    let mut text = String::new();
    let mut world = World::first(universe);
    for pair in explored.way_to(state).windows(2) {
        let edges = explored.edges_of(pair[0]);
        let Some(edge) = edges.iter().find(|edge| edge.to == pair[1]) else {
            break;
        };
        let (next, step) = world.after(universe, edge.what);
        let _infallible = writeln!(text, "  {:?} -> {:?}", edge.what, step.actions);
        world = next;
    }
    text
}

/// The head of the table that [`Found::row`] makes.
pub const HEAD: &str = "\
| universe | states | steps | Running, at the longest, without a bus that can be used (bound) | V1 | V2 | V3 | V4 | V5 |
|---|---|---|---|---|---|---|---|---|
";

impl Found {
    /// What was found, as a row. Times are in ticks, each with its bound.
    #[must_use]
    pub fn row(&self) -> String {
        let Self {
            universe,
            explored,
            outcome,
        } = self;
        let leaderless = universe.has_leaderless();
        let bound = universe.bound(leaderless);
        let detected = explored
            .detected_after
            .map_or_else(|| "-".to_owned(), |ticks| format!("{ticks} ({bound})"));
        let mut row = format!(
            "| {} | {} | {} | {detected} |",
            universe.name,
            thousands(explored.states.len()),
            thousands(explored.edges.len())
        );
        for claim in [V1, V2, V3, V4, V5] {
            let cell = outcome.longest.get(claim).map_or_else(
                || "-".to_owned(),
                |(most, bound)| format!("{most} ({bound})"),
            );
            let _infallible = write!(row, " {cell} |");
        }
        row.push('\n');
        row
    }
}

/// A number as people read it.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
