//! livebus's readiness over HTTP: one server for every async runtime, within limits.
//!
//! What is answered is decided in `livebus-readiness`, without IO; [`http`] serves it.

pub mod http;
