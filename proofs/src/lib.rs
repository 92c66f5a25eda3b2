//! The machines behind the claims about the core of livebus: each fails when a claim is false.
//!
//! `docs/verification.md` lists the claims, the machines, their last figures and their commands.

pub mod watch;

pub mod explore;

pub mod simulation;
