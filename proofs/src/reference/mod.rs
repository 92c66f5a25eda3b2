//! A second supervisor, written from `docs/rules.md` alone, to compare the first one with.
//!
//! It shares no code with the core: of `livebus-core` it uses the types of what goes in and comes out, and the kind of each
//! failure class, and nothing else. It is built in another way too, so that the two are unlikely to be wrong alike:
//!
//! - time is a number of nanoseconds (`time.rs`);
//! - what is known is one flat record with a row of timers (`record.rs`), where the core nests states in states;
//! - what is decided is a table of rows, each a phase, a cue, guards and effects (`table.rs`, `rows/`), which an
//!   interpreter walks (`interpreter.rs`), where the core matches;
//! - every row names the rule of `docs/rules.md` that it carries out.

mod boundary;
mod effects;
mod guards;
mod interpreter;
mod known;
mod record;
mod rows;
mod table;
mod time;
mod verdict;

pub(crate) use boundary::Reference;
pub(crate) use rows::ROWS;
