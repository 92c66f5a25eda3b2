//! The HTTP server of the probes, in a fake environment: a clock that a test turns, and connections in memory.

mod answers;
mod deadlines;
mod environment;
mod pipe;
mod room;
mod turns;
