//! How the lines of each state machine are written and read.

use std::io;
use std::time::Instant;

use crate::epoch::Epoch;
use crate::header::{Header, StartState};
use crate::line::{Damage, Line, object};
use crate::machine::Recorded;

/// A state machine with the lines of its recording.
pub trait Format: Recorded {
    /// Appends the first line, with its line break.
    ///
    /// # Errors
    ///
    /// None in practice.
    fn encode_header(header: &Header<Self>, into: &mut Vec<u8>) -> io::Result<()>;

    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// [`Damage`] if it is none.
    fn decode_header(object: &[u8]) -> Result<Header<Self>, Damage>;

    /// Appends a line, with its line break.
    ///
    /// # Errors
    ///
    /// None in practice.
    fn encode_line(line: &Line<Self>, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()>;

    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`Damage`] if it is none.
    fn decode_line(object: &[u8], epoch: Epoch) -> Result<Line<Self>, Damage>;

    /// Checks a line against the first one.
    ///
    /// # Errors
    ///
    /// [`Damage`] if it does not belong there.
    fn check_line(config: &Self::Config, line: &Line<Self>) -> Result<(), Damage>;
}

impl<M: Format> Header<M> {
    /// Appends the line to `into`, with its line break.
    ///
    /// # Errors
    ///
    /// None in practice: a header can always be written.
    pub fn encode(&self, into: &mut Vec<u8>) -> io::Result<()> {
        M::encode_header(self, into)
    }

    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Damage`] if it is not the first line of a recording of this version and of this state machine.
    pub fn decode(text: &[u8]) -> Result<Self, Damage> {
        M::decode_header(object(text)?)
    }

    /// Returns the state machine at the beginning of the file, and the newest instant of its inputs.
    pub(crate) fn machine(&self, epoch: Epoch) -> Result<(M, Instant), Damage> {
        match &self.start_state {
            None => Ok((M::make(&self.config, epoch.began()), epoch.began())),
            Some(StartState { ns, state }) => {
                let newest = epoch
                    .instant(*ns)
                    .ok_or_else(|| Damage::new("`ns` is more than 100 years from the start"))?;
                let machine =
                    M::with_state(&self.config, epoch.began(), state).ok_or_else(|| {
                        Damage::new(format!("`state` is not the state of a {}", M::NAME))
                    })?;
                Ok((machine, newest))
            }
        }
    }
}

impl<M: Format> Line<M> {
    /// Appends the line to `into`, with its line break. Instants are counted from `epoch`.
    ///
    /// # Errors
    ///
    /// None in practice: a line can always be written.
    pub fn encode(&self, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()> {
        M::encode_line(self, epoch, into)
    }

    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Damage`] for everything that [`encode`](Self::encode) does not write, except for spaces and the order of fields.
    pub fn decode(text: &[u8], epoch: Epoch) -> Result<Self, Damage> {
        M::decode_line(object(text)?, epoch)
    }
}
