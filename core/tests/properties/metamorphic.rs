//! Metamorphic relations: two runs with a difference whose effect is known exactly.
//!
//! No oracle says what a supervisor must do; two supervisors must agree, or differ as it is written here.
//!
//! - `time.rs`: the same run later or earlier, split waits, spurious wake-ups, clocks that go back;
//! - `copies.rs`: the same run twice, clones, seeds, polled or not;
//! - `answers.rs`: answers that are delivered again;
//! - `ids.rs`: other ids of operations;
//! - `codes.rs`: codes of a client library, which have no effect;
//! - `order.rs`: events of one instant, in either order;
//! - `detection.rs`: shorter settings never detect later, and the exception.

mod answers;
mod codes;
mod copies;
mod detection;
mod ids;
mod order;
mod time;
