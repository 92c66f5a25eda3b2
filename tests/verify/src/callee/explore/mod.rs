//! Every state of small models: breadth first, until no state is left, by our own search and by stateright.

mod explorer;
mod models;
mod moves;
mod stateright_search;

pub use explorer::{Explored, explore};
pub use models::{Budget, Model, Planned, models};
pub use stateright_search::check;
