//! The core of livebus, and faults that can be switched on.
//!
//! `build.rs` copies the sources of the core and inserts every fault of `faults/` into the copy, each behind a switch. With all
//! switches off, the copy behaves like the core.

pub mod fault;

include!(concat!(env!("OUT_DIR"), "/core/lib.rs"));
