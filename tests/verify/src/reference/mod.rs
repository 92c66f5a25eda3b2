//! A second supervisor, written from `docs/rules.md`, to compare with the core.
//!
//! The rules come from the design and from the public documentation of `livebus-core`, not from its code. Where those say
//! nothing, a rule was guessed, compared, and corrected to what the core was observed to do. So the model does not depend on how
//! the core does it; and a rule that comes from the core alone says what the core does, not that this is right.
//!
//! It shares no code with the core: it uses only the types of inputs and outputs of `livebus-core`; durations, jitter, bounds and
//! the tables of failures are its own. Its structure is different too, so that the two are unlikely to have the same fault:
//!
//! - an instant is a number of nanoseconds (`time.rs`);
//! - its state is one flat record with an array of timers (`record.rs`); the core has nested states;
//! - its decisions are a table of rows, each with phases, a stimulus, guards and effects (`table.rs`, `rows.rs`), which an
//!   interpreter (`interpreter.rs`) searches; the core uses `match`;
//! - every row names the rule of `docs/rules.md` that it implements.

mod boundary;
mod effects;
mod failures;
mod guards;
mod interpreter;
mod record;
mod rows;
mod table;
mod time;
mod verdict;

pub(crate) use boundary::Reference;
pub(crate) use rows::ROWS;
