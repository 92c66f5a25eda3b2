//! Runs the commands of the documentation exactly as they are written: see `CONTRIBUTING.md`, "Pages that instruct".
//!
//! [`Checker`] takes the pages of a fresh clone of the working commit. Every fenced block of a page is one of these:
//!
//! - `console`: each line that begins with `$ ` is a command for bash, run in the clone (a `cd` lasts until the block ends). It
//!   must succeed. The lines below it are expected: each must appear in its output, in this order. `...` in an expected line
//!   stands for any text, alone on a line for any lines. A command that ends with ` &` runs in the background: the next command
//!   runs when the expected lines have appeared, so there must be one; and what still runs at the end of the block receives
//!   SIGTERM. What cargo prints before the program of `cargo run` begins is not its output.
//! - `toml`: a `Cargo.toml`, whole or from `[dependencies]` on. Each `rust` block below it, up to the next `toml` block, is a
//!   package with that manifest and this one source file. It is beside the clone, in a folder with the package's name, and must
//!   build without a warning.
//! - any block with a comment directly before it: `<!-- not run: REASON -->`; `<!-- run by .ci/run -->`, if that script has
//!   exactly these commands; `<!-- needs kafka -->`, for commands that need a Kafka at `localhost:9092`, which is started.
//!
//! A block that is none of these is a failure.

mod check;
mod checkout;
mod console;
mod page;
mod project;
mod session;

pub use check::{Checker, Outcome, Report};
pub use checkout::Checkout;
pub use page::{Block, Marker, Page, PageError};

/// The pages that report. Their commands produced the figures on the page and take minutes or more, or other tests compare their
/// contents. Every other page of the repository instructs, and is checked.
pub const REPORTS: [&str; 7] = [
    "docs/differences.md",
    "docs/dispatch-rules.md",
    "docs/measurements.md",
    "docs/rules.md",
    "docs/runners.md",
    "docs/states.md",
    "docs/verification.md",
];
