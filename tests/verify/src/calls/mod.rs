//! The checkers behind the claims about `Calls`, the machine of requests and replies.
//!
//! | file | what it has |
//! |---|---|
//! | `claim.rs` | the claims, and the situations in which they mean something |
//! | `invariants.rs`, `actions.rs`, `postconditions.rs` | the invariant checker: it sees inputs and actions only |
//! | `environment.rs` | a client, its sends and its replies, which the explorer and the simulation share |
//! | `explore/` | every state of small models, by two searches |
//! | `simulation.rs` | a client with random faults, from a seed |
//! | `reference/` | a second `Calls`, which keeps the facts about each call and derives everything from them |
//! | `differential.rs` | both, compared on random scripts |

pub mod claim;
pub mod differential;
pub mod environment;
pub mod explore;
pub mod invariants;
pub mod settings;
pub mod simulation;

mod actions;
mod drive;
mod postconditions;
mod reference;
