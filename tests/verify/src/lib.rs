//! The machines behind the claims about the core of livebus: each fails when a claim is false.
//!
//! `docs/verification.md` lists the claims, the machines, their last figures and their commands.

pub mod differential;
pub mod explore;
pub mod figures;
#[cfg(feature = "recordings")]
pub mod fuzzing;
pub mod rng;
pub mod simulation;
pub mod voltha;
pub mod watch;

mod leave_out;
mod operation;
mod reference;
