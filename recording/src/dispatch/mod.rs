//! Recordings of the dispatchers of request handlers.
//!
//! [`Recorder`](crate::Recorder) writes one beside that of the supervisor, for each request handler. They are as those of a supervisor, with
//! other lines. The first one has the name of the handler and every field of [`Settings`](livebus_core::dispatch::Settings), and, in a
//! file that continues another, the names of the partitions:
//!
//! ```json
//! {"livebus":1,"handler":"orders","service":"message-bus","began_unix_ms":1760000000000,"settings":{"order":"Key", ...}}
//! ```
//!
//! A partition has a number, and with each assignment its name as well. Fetched records are columns, in which what repeats itself is written
//! once: `[7,3]` are the offsets 7, 8 and 9; in another column it is three times the value 7. A key is there as its hash, a payload never.
//!
//! ```json
//! {"ns":0,"event":"BusUsable","usable":true}
//! {"ns":5,"event":"Assigned","partition":0,"topic":"orders","number":3,"generation":1,"committed":7}
//! {"ns":9,"event":"Fetched","partition":0,"generation":1,"offsets":[[7,3],12],"bytes":[[140,4]],"fingerprints":[[99,4]],"keys":[[5,2],6,null]}
//! {"ns":9,"action":"Run","run":1,"partition":0,"generation":1,"offset":7,"records":1,"attempt":1}
//! {"ns":20,"event":"RunEnded","run":1,"outcome":"Failed","done":0,"class":"Transient"}
//! {"ns":99,"action":"Commit","id":1,"positions":[{"partition":0,"generation":1,"offset":8,"offsets":[9],"fingerprints":[99]}],"deadline":5000}
//! ```

mod columns;
mod decode;
mod encode;
mod header;
mod names;
mod owned_event;
pub mod policy;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use std::io::{self, BufRead};
use std::time::Instant;

use livebus_core::dispatch::{Action, Config, Dispatcher, Event};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::line::Damage;
use crate::machine::{OwnedEntry, Recorded};
use crate::reader::begins_with_field;
use livebus_runner::Entry;
pub use owned_event::{OwnedEvent, PartitionName};
use wire::Wire;

/// The first line of the recording of a dispatcher.
pub type Header = crate::header::Header<Dispatcher>;

/// One line of the recording of a dispatcher, after the first.
pub type Line = crate::line::Line<Dispatcher>;

/// The content of a line of the recording of a dispatcher.
pub type Content = crate::line::Content<Dispatcher>;

/// Reads the recording of a dispatcher: the header at once, then each line with its number.
pub type Reader<R> = crate::reader::Reader<R, Dispatcher>;

/// Gives the inputs of a recording to a new dispatcher, and compares its actions with those of the recording.
pub type Replay<R> = crate::replay::Replay<R, Dispatcher>;

/// The configuration of the dispatcher of a handler, and the name of the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerConfig {
    /// The name of the handler. Decides nothing.
    pub handler: String,
    /// The configuration of its dispatcher.
    pub config: Config,
    /// The partitions that were assigned before the file begins. Decides nothing.
    pub partitions: Vec<PartitionName>,
}

/// Returns whether a source begins as the recording of a dispatcher. Takes nothing from it.
///
/// # Errors
///
/// When the source cannot be read.
pub fn is_recording(source: &mut impl BufRead) -> io::Result<bool> {
    begins_with_field(source, "handler")
}

impl HandlerConfig {
    /// Returns the configuration of a handler that was assigned nothing.
    #[must_use]
    pub fn new(handler: impl Into<String>, config: Config) -> Self {
        Self {
            handler: handler.into(),
            config,
            partitions: Vec::new(),
        }
    }
}

impl Recorded for Dispatcher {
    type Config = HandlerConfig;
    type OwnedEvent = OwnedEvent;

    const NAME: &'static str = "dispatcher";
    // A fetch has a number or two for each of its records, and a state some for each record that is held.
    const MAX_LINE_BYTES: usize = 16 << 20;

    fn make(config: &HandlerConfig, began: Instant) -> Self {
        Self::new(config.config.clone(), began)
    }

    fn state(&self, epoch: Instant) -> Vec<u64> {
        self.snapshot(epoch)
    }

    fn with_state(config: &HandlerConfig, epoch: Instant, state: &[u64]) -> Option<Self> {
        Self::restore(config.config.clone(), epoch, state)
    }

    fn event(owned: &OwnedEvent) -> Event<'_> {
        owned.event()
    }

    fn is_last(action: &Action) -> bool {
        matches!(action, Action::Stopped { .. })
    }

    fn records_in(entry: &OwnedEntry<Self>) -> usize {
        match entry {
            Entry::Event(event) => event.records(),
            Entry::Action(Action::Commit { positions, .. }) => {
                positions.iter().map(|position| position.done.len()).sum()
            }
            Entry::Timeout | Entry::Action(_) => 0,
        }
    }

    fn remember(config: &mut HandlerConfig, event: &OwnedEvent) {
        let Some(name) = event.name() else { return };
        let all = &mut config.partitions;
        if !all.iter().any(|known| known.partition == name.partition) {
            all.push(name.clone());
        }
    }

    fn max_first_line(length: usize, _: &HandlerConfig) -> usize {
        // The state grows with the records that are held: that it fits is seen when it is written.
        length
    }
}

impl Format for Dispatcher {
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

    fn check_line(_: &HandlerConfig, _: &Line) -> Result<(), Damage> {
        Ok(())
    }
}
