//! What a supervisor was told and what it did: written down while it runs, and replayed later.
//!
//! - [`RecordedSupervisor`] is a supervisor with somebody who looks on: the same four calls, and each input and each action
//!   goes to a [`Record`] as well.

mod recorded;

pub use recorded::{Entry, Record, RecordedSupervisor};
