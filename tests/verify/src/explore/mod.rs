//! Explores every state that a supervisor and its environment can reach, for small model configurations.
//!
//! A [`ModelConfiguration`] is a configuration in ticks, with what the environment may do. A [`ModelState`] is one state of it: the
//! [canonical](livebus_core::Supervisor::canonical) supervisor, its [`InvariantChecker`](crate::invariants::InvariantChecker), and
//! the bus. Two searches share these states and nothing else: stateright's ([`stateright_search`]), which checks safety, and our own
//! ([`explorer`]), which keeps the whole graph, so that it can look for cycles and longest paths ([`always_leads_to`]).

pub mod always_leads_to;
pub mod command;
pub mod configurations;
pub mod diagram;
pub mod explorer;
pub mod report;
pub mod stateright_search;

mod graph;
mod moves;
mod possible_moves;
mod state;
mod state_checks;

pub use command::{Args, run};
pub use configurations::{ModelConfiguration, everything, large, small_configurations};
pub use moves::{BusState, Move, Operation};
pub use report::{FalseClaim, Found, find};
pub use state::ModelState;
