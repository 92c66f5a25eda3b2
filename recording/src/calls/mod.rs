//! Recordings of the calls of callers.
//!
//! [`Recorder`](crate::Recorder) writes one beside that of the supervisor, for each caller. They are as those of a supervisor, with other
//! lines. The first one has the name of the caller, its instance and epoch, and every field of [`Settings`](livebus_core::calls::Settings):
//!
//! ```json
//! {"livebus":1,"caller":"billing","service":"message-bus","began_unix_ms":1760000000000,"instance":7,"epoch":3,"settings":{"limits":{...}, ...}}
//! ```
//!
//! A call is there with its number, its deadline and the bytes of its request. A payload and a key never are.
//!
//! ```json
//! {"ns":0,"event":"BusReady"}
//! {"ns":0,"action":"AssignReplies","id":1,"attempt":1,"deadline":5000000000}
//! {"ns":7,"event":"Called","call":1,"deadline":2000000007,"bytes":120,"idempotent":true}
//! {"ns":9,"event":"RepliesAssigned","id":1}
//! {"ns":9,"action":"SetHealth","health":"Working"}
//! {"ns":9,"action":"Send","instance":7,"epoch":3,"call":1,"attempt":1,"deadline":2000000007}
//! {"ns":20,"event":"SendAnswered","call":1,"attempt":1,"sent":"Acknowledged"}
//! {"ns":30,"event":"ReplyFetched","instance":7,"epoch":3,"call":1,"reply":"Refused","refusal":"Overloaded","never_began":true}
//! {"ns":30,"action":"End","call":1,"outcome":"Refused","refusal":"Overloaded"}
//! ```

mod decode;
mod encode;
mod header;
mod names;
pub mod policy;
mod settings;
#[cfg(test)]
mod tests;

mod wire;

use std::io::{self, BufRead};
use std::time::Instant;

use livebus_core::calls::{Action, Calls, Config, Event, Identity};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::line::Damage;
use crate::machine::{OwnedEntry, Recorded};
use crate::reader::begins_with_field;
use wire::Wire;

/// The first line of the recording of calls.
pub type Header = crate::header::Header<Calls>;

/// One line of the recording of calls, after the first.
pub type Line = crate::line::Line<Calls>;

/// The content of a line of the recording of calls.
pub type Content = crate::line::Content<Calls>;

/// Reads the recording of calls: the header at once, then each line with its number.
pub type Reader<R> = crate::reader::Reader<R, Calls>;

/// Gives the inputs of a recording to a new `Calls`, and compares its actions with those of the recording.
pub type Replay<R> = crate::replay::Replay<R, Calls>;

/// The configuration of the calls of a caller, and who that is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallerConfig {
    /// The name of the caller. Decides nothing.
    pub caller: String,
    /// Its instance and epoch.
    pub identity: Identity,
    /// The configuration of its calls.
    pub config: Config,
}

impl CallerConfig {
    /// Returns the configuration of a caller.
    #[must_use]
    pub fn new(caller: impl Into<String>, identity: Identity, config: Config) -> Self {
        Self {
            caller: caller.into(),
            identity,
            config,
        }
    }
}

/// Returns whether a source begins as the recording of calls. Takes nothing from it.
///
/// # Errors
///
/// When the source cannot be read.
pub fn is_recording(source: &mut impl BufRead) -> io::Result<bool> {
    begins_with_field(source, "caller")
}

impl Recorded for Calls {
    type Config = CallerConfig;
    type OwnedEvent = Event;

    const NAME: &'static str = "caller";
    // A state has some numbers for each call in flight.
    const MAX_LINE_BYTES: usize = 16 << 20;

    fn make(config: &CallerConfig, began: Instant) -> Self {
        Self::new(config.config.clone(), config.identity, began)
    }

    fn state(&self, epoch: Instant) -> Vec<u64> {
        self.snapshot(epoch)
    }

    fn with_state(config: &CallerConfig, epoch: Instant, state: &[u64]) -> Option<Self> {
        let calls = Self::restore(config.config.clone(), epoch, state);
        calls.filter(|calls| calls.identity() == config.identity)
    }

    fn event(owned: &Event) -> Event {
        *owned
    }

    fn is_last(action: &Action) -> bool {
        matches!(action, Action::Stopped)
    }

    fn records_in(_: &OwnedEntry<Self>) -> usize {
        0
    }

    fn remember(_: &mut CallerConfig, _: &Event) {}

    fn max_first_line(length: usize, _: &CallerConfig) -> usize {
        // The state grows with the calls in flight: that it fits is seen when it is written.
        length
    }
}

impl Format for Calls {
    fn encode_header(header: &Header, into: &mut Vec<u8>) -> io::Result<()> {
        header::encode(header, into)
    }

    fn decode_header(object: &[u8]) -> Result<Header, Damage> {
        header::decode(object)
    }

    fn encode_line(line: &Line, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *into, &Wire::from_line(line, epoch))?;
        into.push(b'\n');
        Ok(())
    }

    fn decode_line(object: &[u8], epoch: Epoch) -> Result<Line, Damage> {
        serde_json::from_slice::<Wire<'_>>(object)?.into_line(epoch)
    }

    fn check_line(_: &CallerConfig, _: &Line) -> Result<(), Damage> {
        Ok(())
    }
}
