//! livebus's readiness over HTTP: one server for every async runtime, within limits.
//!
//! `livebus-readiness` decides the answers, without IO; [`http`] serves them.

pub mod http;
