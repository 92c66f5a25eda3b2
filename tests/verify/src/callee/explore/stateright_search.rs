//! The same states by stateright's search, with its own fingerprints of visited states.

use stateright::{Checker, Model as _, Property};

use super::models::Model;
use super::moves::State;
use crate::callee::claim::{Claim, Coverage};
use crate::callee::environment::Step;

struct InStateright(Model);

/// A state, or the claim that the last move broke.
type Checked = Result<State, Claim>;

impl stateright::Model for InStateright {
    type State = Checked;
    type Action = Step;

    fn init_states(&self) -> Vec<Checked> {
        vec![Ok(State::first(&self.0))]
    }

    fn actions(&self, state: &Checked, actions: &mut Vec<Step>) {
        if let Ok(state) = state {
            state.moves(&self.0, actions);
        }
    }

    fn next_state(&self, state: &Checked, what: Step) -> Option<Checked> {
        let state = state.as_ref().ok()?;
        Some(state.after(what, &mut Coverage::default()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(
            "no claim is broken",
            |_, state: &Checked| state.is_ok(),
        )]
    }
}

/// Returns the number of states.
///
/// # Errors
///
/// The moves to a state in which a claim is broken.
pub fn check(model: &Model, threads: usize) -> Result<usize, String> {
    let checker = InStateright(model.clone())
        .checker()
        .threads(threads)
        .spawn_bfs()
        .join();
    match checker.discoveries().into_iter().next() {
        Some((_, path)) => Err(format!("{:?}", path.into_actions())),
        None => Ok(checker.unique_state_count()),
    }
}
