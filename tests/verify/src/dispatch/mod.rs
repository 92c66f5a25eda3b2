//! The checkers behind the claims about the dispatcher of request handlers.
//!
//! | file | what it has |
//! |---|---|
//! | `claim.rs` | the claims, and the situations in which they mean something |
//! | `invariants/` | the invariant checker: it sees inputs and actions only |
//! | `environment/` | a group of members, its partitions and its coordinator, which the explorer and the simulation share |
//! | `explore/` | every state of small models, by two searches |
//! | `simulation.rs` | a group with random faults, from a seed |
//! | `reference/` | a second dispatcher, which computes everything again from a log of its inputs |
//! | `differential/` | both, compared on random scripts |

pub mod claim;
pub mod differential;
pub mod environment;
pub mod explore;
pub mod invariants;
pub mod simulation;

mod reference;
