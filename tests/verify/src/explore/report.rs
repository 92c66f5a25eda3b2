//! The result for one model configuration, as text and as a row of a table.

use std::fmt::{self, Write as _};

use super::always_leads_to::{Outcome, V1, V2, V3, V4, V5, always_leads_to};
use super::configurations::ModelConfiguration;
use super::explorer::{Explored, explore};
use super::state::ModelState;

/// The result for one model configuration.
#[derive(Debug)]
pub struct Found {
    /// The model configuration.
    pub configuration: ModelConfiguration,
    /// Its graph.
    pub explored: Explored,
    /// The results of the claims that something happens eventually.
    pub outcome: Outcome,
}

/// A claim that is false in a model configuration.
#[derive(Debug, Clone, thiserror::Error)]
pub struct FalseClaim {
    /// The model configuration.
    pub configuration: &'static str,
    /// The claim.
    pub claim: String,
    /// The shortest path to the state that shows it, one move per line.
    pub path: String,
}

impl fmt::Display for FalseClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "in configuration {:?}: {}\n{}to repeat: cargo run --release -p livebus-verify -- explore --configuration {:?}",
            self.configuration, self.claim, self.path, self.configuration
        )
    }
}

/// More states than any search can finish in reasonable time.
const MAX_STATES: usize = 100_000_000;

/// Explores a model configuration and checks every claim in it.
///
/// # Errors
///
/// The first claim that is false, with the path that shows it.
pub fn find(configuration: ModelConfiguration) -> Result<Found, FalseClaim> {
    let broken = |claim: String, path: String| FalseClaim {
        configuration: configuration.name,
        claim,
        path,
    };
    let explored = explore(&configuration, MAX_STATES).map_err(|max| {
        broken(
            format!("the search did not end: more than {max} states"),
            String::new(),
        )
    })?;
    if let Some((state, claim)) = explored.broken {
        let path = format_path(&configuration, &explored, state);
        return Err(broken(claim.to_string(), path));
    }
    let outcome = always_leads_to(&configuration, &explored);
    if let Some((claim, state)) = outcome.broken.first() {
        let path = format_path(&configuration, &explored, *state);
        return Err(broken((*claim).to_owned(), path));
    }
    Ok(Found {
        configuration,
        explored,
        outcome,
    })
}

fn format_path(configuration: &ModelConfiguration, explored: &Explored, state: u32) -> String {
    let mut text = String::new();
    let mut current = ModelState::first(configuration);
    for pair in explored.path_to(state).windows(2) {
        let edges = explored.edges_of(pair[0]);
        let Some(edge) = edges.iter().find(|edge| edge.to == pair[1]) else {
            break;
        };
        let (next, step) = current.after(configuration, edge.what);
        let _infallible = writeln!(text, "  {:?} -> {:?}", edge.what, step.actions);
        current = next;
    }
    text
}

/// The head of the table that [`Found::row`] makes.
pub const HEAD: &str = "\
| configuration | states | steps | maximum time Running with an unusable bus (bound) | V1 | V2 | V3 | V4 | V5 |
|---|---|---|---|---|---|---|---|---|
";

impl Found {
    /// Returns the result as a row of the table. Times are in ticks, each with its bound.
    #[must_use]
    pub fn row(&self) -> String {
        let Self {
            configuration,
            explored,
            outcome,
        } = self;
        let partial = configuration.has_partial();
        let bound = configuration.bound(partial);
        let detected = explored
            .detected_after
            .map_or_else(|| "-".to_owned(), |ticks| format!("{ticks} ({bound})"));
        let mut row = format!(
            "| {} | {} | {} | {detected} |",
            configuration.name,
            thousands(explored.states.len()),
            thousands(explored.edges.len())
        );
        for claim in [V1, V2, V3, V4, V5] {
            let cell = outcome
                .maximum
                .get(claim)
                .map_or_else(|| "-".to_owned(), |(max, bound)| format!("{max} ({bound})"));
            let _infallible = write!(row, " {cell} |");
        }
        row.push('\n');
        row
    }
}

/// Formats a number with thousands separators.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
