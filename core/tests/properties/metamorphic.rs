//! Metamorphic relations: one story, told twice with a difference whose effect is known exactly.
//!
//! No oracle says what a supervisor should have done; two of them must agree, or differ as it is written here.
//!
//! - `time.rs`: the same later or earlier, waits that are split, wake-ups for nothing, clocks that go back;
//! - `copies.rs`: the same twice, clones, seeds, polled or not;
//! - `answers.rs`: answers that are told again;
//! - `ids.rs`: operations that are called something else;
//! - `codes.rs`: numbers of a client library that decide nothing;
//! - `order.rs`: what happens at one instant, in either order;
//! - `detection.rs`: shorter settings never detect later, and when they do after all.

mod answers;
mod codes;
mod copies;
mod detection;
mod ids;
mod order;
mod time;
