//! What all scenario files have in common: the lines of a script, the expected results, and the error of an invalid file.
//!
//! Scenarios of the supervisor are in [`conformance`](crate::conformance), those of the dispatcher in
//! [`dispatch_scenarios`](crate::dispatch_scenarios), those of calls in [`call_scenarios`](crate::call_scenarios) and
//! [`callee_scenarios`](crate::callee_scenarios).

mod diff;
mod error;
mod file;
pub(crate) mod reader;
mod repeated;
pub(crate) mod words;

pub use error::{ParseError, Problem};
pub use file::REWRITE;
pub(crate) use file::{ScenarioFile, parse_error, read_all, read_one, root};
pub(crate) use repeated::{Line, in_runs};
