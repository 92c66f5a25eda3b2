//! Records the inputs and the actions of a supervisor while it runs, and replays them later.
//!
//! - [`Recorder`] is the [`Observer`](livebus_runner::Observer) that writes a file and never blocks the loop; [`Recording`]
//!   returns how that ended.
//! - [`Replay`] gives the inputs of a recording to a new supervisor and compares its actions; [`Reader`] returns the lines.
//!
//! # The format
//!
//! A line is a JSON object. Every time is in nanoseconds; an instant is counted from the instant at which the supervisor was
//! made, and may be a little before it. An unknown field is an error, and so is a missing one.
//!
//! The first line has the version of the format, the service's name, the wall-clock time at which the supervisor was made,
//! every field of [`Settings`](livebus_core::Settings) under its name, and the handlers. A file that continues
//! another also has the newest instant of an input (`ns`) and the supervisor's
//! [snapshot](livebus_core::Supervisor::snapshot) (`state`): each file can be replayed alone.
//!
//! ```json
//! {"livebus":1,"service":"message-bus","began_unix_ms":1760000000000,"settings":{"start_timeout":10000000000, ...},
//! "handlers":[{"name":"orders","required":true}]}
//! ```
//!
//! Inputs (`event`) and actions (`action`) follow, in the order of the calls:
//!
//! ```json
//! {"ns":0,"action":"Start","id":1,"attempt":1,"deadline":10000000000}
//! {"ns":2113904,"event":"StartAnswered","id":1}
//! {"ns":2113904,"action":"SendLiveness","id":2,"deadline":1002113904}
//! {"ns":1002214010,"event":"Timeout"}
//! {"ns":3500000000,"event":"Live","at":3499000000}
//! {"ns":3600000000,"event":"Suspicion","failure":"Unreachable","code":-195}
//! ```
//!
//! The last line has the reason of the end (`end`): "stopped", "forced stop" (the supervisor was dropped), "continued" (in the
//! next file, which begins with `queued` actions), "too slow" (the disk), or "failed: " and the error. A recording without it was
//! ended by a crash. On a full disk it replaces the newest lines.

pub mod calls;
pub mod dispatch;
mod epoch;
mod fields;
mod file;
mod format;
mod header;
mod line;
mod machine;
mod options;
mod reader;
mod recorder;
mod replay;
mod sink;
mod supervisor;
mod writer;

use livebus_core::Supervisor;

pub use epoch::Epoch;
pub use format::Format;
pub use header::{StartState, VERSION};
pub use line::{Damage, End};
pub use machine::{OwnedEntry, Recorded};
pub use options::{RecordError, RecordOptions};
pub use reader::ReadError;
pub use recorder::{CallerRecording, HandlerRecording, Recorder, Recording};
pub use replay::{Difference, Outcome, Summary};

/// The first line of the recording of a supervisor.
pub type Header = header::Header<Supervisor>;

/// One line of the recording of a supervisor, after the first.
pub type Line = line::Line<Supervisor>;

/// The content of a line of the recording of a supervisor.
pub type Content = line::Content<Supervisor>;

/// Reads the recording of a supervisor: the header at once, then each line with its number.
pub type Reader<R> = reader::Reader<R, Supervisor>;

/// Gives the inputs of a recording to a new supervisor, and compares its actions with those of the recording.
pub type Replay<R> = replay::Replay<R, Supervisor>;

/// The maximum length of a line of the recording of a supervisor, in bytes.
pub const MAX_LINE_BYTES: usize = <Supervisor as Recorded>::MAX_LINE_BYTES;
