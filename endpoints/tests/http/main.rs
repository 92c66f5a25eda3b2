//! The HTTP server of the probes in a fake environment: a manual clock, and connections in memory.

mod answers;
mod deadlines;
mod environment;
mod eviction;
mod fairness;
#[cfg(feature = "http2")]
mod http2;
mod pipe;
