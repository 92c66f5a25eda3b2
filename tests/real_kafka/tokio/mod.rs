//! livebus on tokio, on one real node.
//!
//! Asserted are the order of the changes, their causes and their warnings, and never how long one took: but for what
//! livebus promises to keep within a bound.

pub(crate) mod outages;
pub(crate) mod probes;
pub(crate) mod program;
pub(crate) mod shutdown;
pub(crate) mod topics;

mod http;
mod livebus;
mod watched;
