//! Every state that a supervisor and its surroundings can be in, in small universes: no story is missed.
//!
//! A [`Universe`] is a configuration in ticks and what its surroundings may do. A [`World`] is one state of it: the
//! [canonical](livebus_core::Supervisor::canonical) supervisor, the [`Watch`](crate::watch::Watch) over it, and the bus. Two
//! searches share worlds and nothing else: stateright's ([`checker`]), which knows safety, and our own ([`explorer`]), which
//! keeps the whole graph, so that it can look for cycles and longest ways ([`always_leads_to`]).

pub mod always_leads_to;
pub mod checker;
pub mod command;
pub mod diagram;
pub mod explorer;
pub mod report;
pub mod universes;

mod graph;
mod moves;
mod sound;
mod world;

pub use command::{Args, run};
pub use moves::{BusState, Move, Operation};
pub use report::{Broken, Found, find};
pub use universes::{Universe, everything, large, universes};
pub use world::World;
