//! What a supervisor was told and what it did: written down while it runs, and replayed later.
//!
//! - [`Recorder`] is the [`Observer`](livebus_runner::Observer) that writes a file, without ever keeping the loop waiting;
//!   [`Recording`] knows how that ended.
//! - [`Replay`] tells a recording to a supervisor again and says whether it did the same; [`Reader`] gives the lines.
//!
//! # The format
//!
//! A line is a JSON object. Every time is in nanoseconds; an instant is counted from when the supervisor was made, and may
//! be a little before that. A field that a kind of line does not have is an error, and so is one that is missing.
//!
//! The first line has the version of the format, the service's name, when the supervisor was made by the wall clock, and
//! every field of [`Settings`](livebus_core::Settings) under its name. Where an earlier file is continued, it has the newest
//! instant that was told (`ns`) and the supervisor's [snapshot](livebus_core::Supervisor::snapshot) (`state`) too: each
//! file can be replayed alone.
//!
//! ```json
//! {"livebus":1,"service":"message-bus","began_unix_ms":1760000000000,"settings":{"start_timeout":10000000000, ...}}
//! ```
//!
//! Then come inputs (`event`) and actions (`action`), in the order of the calls:
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
//! The last one says why there are no more (`end`): "stopped", "forced stop" (the supervisor was dropped), "continued" (in the
//! next file, with so many actions `queued`), "too slow" (the disk), "failed: " and why. A recording without it was ended
//! by a crash.

mod epoch;
mod file;
mod header;
mod line;
mod options;
mod reader;
mod recorder;
mod replay;
mod settings;
mod writer;

pub use epoch::Epoch;
pub use header::{Header, Standing, VERSION};
pub use line::{Content, Damage, End, Line};
pub use options::{RecordError, RecordOptions};
pub use reader::{LONGEST_LINE, ReadError, Reader};
pub use recorder::{Recorder, Recording};
pub use replay::{Difference, Outcome, Replay, Summary};
