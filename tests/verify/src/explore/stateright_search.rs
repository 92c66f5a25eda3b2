//! Checks safety by stateright's search over the same states, with stateright's own fingerprints of visited states.

use stateright::{Checker, Model, Property};

use super::configurations::ModelConfiguration;
use super::moves::Move;
use super::state::ModelState;

/// A model configuration as a model of stateright.
struct InStateright(ModelConfiguration);

impl Model for InStateright {
    type State = ModelState;
    type Action = Move;

    fn init_states(&self) -> Vec<ModelState> {
        vec![ModelState::first(&self.0)]
    }

    fn actions(&self, state: &ModelState, actions: &mut Vec<Move>) {
        state.moves(&self.0, actions);
    }

    fn next_state(&self, state: &ModelState, what: Move) -> Option<ModelState> {
        Some(state.after(&self.0, what).0)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no claim is broken", |_, state: &ModelState| {
                state.broken.is_none()
            }),
            Property::always(
                "each single state passes its checks",
                |model: &Self, state: &ModelState| state.check_state(&model.0).is_ok(),
            ),
        ]
    }
}

/// Returns the number of states.
///
/// # Errors
///
/// The property that does not hold, and the moves that show it.
pub fn check(configuration: &ModelConfiguration, threads: usize) -> Result<usize, String> {
    let checker = InStateright(configuration.clone())
        .checker()
        .threads(threads)
        .spawn_bfs()
        .join();
    if let Some((property, path)) = checker.discoveries().into_iter().next() {
        let moves: Vec<String> = path
            .into_actions()
            .iter()
            .map(|it| format!("{it:?}"))
            .collect();
        return Err(format!("{property}: {}", moves.join(", ")));
    }
    Ok(checker.unique_state_count())
}
