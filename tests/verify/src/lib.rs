//! The checkers behind the claims about the core of livebus: each fails when a claim is false.
//!
//! `tests/verify/README.md` explains how they fit together. `docs/verification.md` lists the claims, the checkers, their latest
//! results and their commands.

pub mod callee;
pub mod calls;
pub mod differential;
pub mod dispatch;
pub mod explore;
pub mod figures;
#[cfg(feature = "recordings")]
pub mod fuzzing;
pub mod invariants;
pub mod rng;
pub mod simulation;
pub mod voltha;

mod claims;
mod leave_out;
mod operation;
mod reference;
