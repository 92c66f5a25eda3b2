//! The core of livebus, and faults that can be switched on.
//!
//! `build.rs` copies the sources of the core and puts every fault of `faults/` into the copy, each behind its switch. With no
//! fault switched on it does what the core does.

pub mod fault;

include!(concat!(env!("OUT_DIR"), "/core/lib.rs"));
