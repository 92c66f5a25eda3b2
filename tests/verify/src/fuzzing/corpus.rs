//! The inputs of each fuzz target, packed into one file of text: `tests/fuzz/corpus/TARGET.pack`.
//!
//! libFuzzer works on a folder with one file for each input. [`unpack()`] makes that folder from a pack, and [`pack()`] makes the pack
//! from the folder. [`Pack`] documents the format.

mod command;
mod files;
mod pack;
mod target;

pub use command::{Args, run};
pub use files::{pack, read, unpack};
pub use pack::{Damage, Fault, Pack};
pub use target::Target;
