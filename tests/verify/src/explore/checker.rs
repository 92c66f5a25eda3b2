//! stateright's search over the same worlds: safety, with its own fingerprints and its own idea of what was seen.

use stateright::{Checker, Model, Property};

use super::moves::Move;
use super::universes::Universe;
use super::world::World;

/// A universe as stateright sees it.
struct InStateright(Universe);

impl Model for InStateright {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World::first(&self.0)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Move>) {
        world.moves(&self.0, actions);
    }

    fn next_state(&self, world: &World, what: Move) -> Option<World> {
        Some(world.after(&self.0, what).0)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no claim is broken", |_, world: &World| {
                world.broken.is_none()
            }),
            Property::always(
                "what comes to nothing does, and what comes to the same",
                |model: &Self, world: &World| world.is_sound(&model.0).is_ok(),
            ),
        ]
    }
}

/// How many states there are.
///
/// # Errors
///
/// The property that does not hold, and the moves that show it.
pub fn check(universe: &Universe, threads: usize) -> Result<usize, String> {
    let checker = InStateright(universe.clone())
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
