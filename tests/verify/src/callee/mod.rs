//! The checkers behind the claims about `Callee`, the memory of the side that is called.
//!
//! | file | what it has |
//! |---|---|
//! | `claim.rs` | the claims, and the situations in which they mean something |
//! | `checker.rs` | the invariant checker: it knows what every owner was given, and sees the decisions only |
//! | `environment.rs` | a partition with requests and its owners: rebalances, crashes, owners that do not know yet that they are none |
//! | `explore/` | every state of small models, by two searches |
//! | `simulation.rs` | the same with random settings and faults, from a seed |
//! | `reference.rs` | a second `Callee`, which keeps what happened and derives each decision from it |
//! | `differential.rs` | both, compared on random scripts |

pub mod claim;
pub mod differential;
pub mod environment;
pub mod explore;
pub mod simulation;

mod checker;
mod reference;
mod settings;
