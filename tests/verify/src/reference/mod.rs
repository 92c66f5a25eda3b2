//! A second supervisor, written from `docs/rules.md`, to compare the first one with.
//!
//! The rules come from the design and from the public documentation of `livebus-core`, not from its code. Where those are
//! silent, a rule was guessed, compared, and corrected by what the core was seen to do. So the model knows nothing of how
//! the core does it; and a rule that was learnt from the core alone says what is so, not that it is right.
//!
//! It shares no code with the core: of `livebus-core` it uses the types of what goes in and comes out, and nothing else;
//! durations, jitter, bounds and the tables of failures are its own. It is built in another way too, so that the two are unlikely to be wrong alike:
//!
//! - time is a number of nanoseconds (`time.rs`);
//! - what is known is one flat record with a row of timers (`record.rs`), where the core nests states in states;
//! - what is decided is a table of rows, each a phase, a cue, guards and effects (`table.rs`, `rows.rs`), which an
//!   interpreter walks (`interpreter.rs`), where the core matches;
//! - every row names the rule of `docs/rules.md` that it carries out.

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
