//! The reader: reads a recording line by line.

use std::io::{self, BufRead, Read};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::header::{Header, Kind, VERSION};
use crate::line::{Content, Damage, Line};

/// The bytes with which every recording begins.
pub(crate) const FIRST_BYTES: &[u8] = br#"{"livebus":"#;

/// Returns whether the first field of a recording after its version has this name. Takes nothing from the source.
pub(crate) fn begins_with_field(source: &mut impl BufRead, name: &str) -> io::Result<bool> {
    let rest = source.fill_buf()?.strip_prefix(FIRST_BYTES);
    let version = |byte: &u8| byte.is_ascii_digit();
    let after = rest.map(|rest| &rest[rest.iter().take_while(|it| version(it)).count()..]);
    let field = format!(",\"{name}\":");
    Ok(after.is_some_and(|after| after.starts_with(field.as_bytes())))
}

/// Reads a recording: the header at once, then each line with its number. Holds one line at a time.
///
/// A last line that is incomplete, as a crash leaves it, is not returned; [`was_cut`](Self::was_cut) is true then. After an error there are no more
/// lines.
#[derive(Debug)]
pub struct Reader<R, M: Format> {
    source: R,
    text: Vec<u8>,
    number: u64,
    header: Header<M>,
    epoch: Epoch,
    was_cut: bool,
    /// The last line was returned, or an error.
    is_done: bool,
    /// The line with the reason of the end was returned.
    has_ended: bool,
}

/// The error when a recording cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is empty.
    #[error("it is empty")]
    Empty,
    /// The file is no recording.
    #[error("it is not a livebus recording")]
    NotARecording,
    /// This crate does not read this version of the format.
    #[error("it is of version {0} of the format; this program reads version {VERSION}")]
    OtherVersion(u64),
    /// It is the recording of another state machine than the one that is to be read.
    #[error("it is the recording of a {0}")]
    OtherMachine(&'static str),
    /// A crash cut the first line.
    #[error("its first line is incomplete, so there is nothing to replay")]
    HeaderCut,
    /// A line is damaged.
    #[error("line {line}{}: {}", column(.damage.column), .damage.what)]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// The damage.
        damage: Damage,
    },
    /// A line is not text.
    #[error("line {line}: it is not UTF-8")]
    NotUtf8 {
        /// The line, from 1.
        line: u64,
    },
    /// A line is longer than the maximum.
    #[error("line {line}: it is longer than {max} bytes")]
    TooLong {
        /// The line, from 1.
        line: u64,
        /// The maximum, in bytes.
        max: usize,
    },
    /// Reading failed.
    #[error("line {line}: {source}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// The error of the source.
        source: io::Error,
    },
}

impl<R: BufRead, M: Format> Reader<R, M> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`]: the source must be a recording of this version.
    pub fn new(mut source: R) -> Result<Self, ReadError> {
        let mut text = Vec::new();
        let whole =
            read_line(&mut source, M::MAX_LINE_BYTES, 1, &mut text)?.ok_or(ReadError::Empty)?;
        Ok(Self {
            header: header(&text, whole)?,
            source,
            text,
            number: 1,
            epoch: Epoch::for_reading(),
            was_cut: false,
            is_done: false,
            has_ended: false,
        })
    }

    fn read(&mut self) -> Result<Option<(u64, Line<M>)>, ReadError> {
        let number = self.number + 1;
        let Some(whole) = read_line(&mut self.source, M::MAX_LINE_BYTES, number, &mut self.text)?
        else {
            return Ok(None);
        };
        self.number = number;
        let line = match Line::decode(&self.text, self.epoch) {
            Ok(line) => line,
            Err(_) if !whole => {
                self.was_cut = true;
                return Ok(None);
            }
            Err(damage) => return Err(damaged(&self.text, number, damage)),
        };
        let damage = |what| ReadError::Damaged {
            line: number,
            damage: Damage::new(what),
        };
        if self.has_ended {
            return Err(damage("it comes after the `end` line"));
        }
        M::check_line(&self.header.config, &line).map_err(|damage| ReadError::Damaged {
            line: number,
            damage,
        })?;
        self.has_ended = matches!(line.content, Content::End(_));
        Ok(Some((number, line)))
    }
}

impl<R, M: Format> Reader<R, M> {
    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> &Header<M> {
        &self.header
    }

    /// Returns the epoch of the lines' instants.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns whether the last line is incomplete, as a crash leaves it, once all lines were read.
    #[must_use]
    pub const fn was_cut(&self) -> bool {
        self.was_cut
    }
}

impl<R: BufRead, M: Format> Iterator for Reader<R, M> {
    type Item = Result<(u64, Line<M>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let item = self.read().transpose();
        self.is_done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Reads one line into `text`, and returns whether it has its line break; `None` at the end.
fn read_line(
    source: &mut impl BufRead,
    max: usize,
    line: u64,
    text: &mut Vec<u8>,
) -> Result<Option<bool>, ReadError> {
    text.clear();
    source
        .take(max as u64 + 1)
        .read_until(b'\n', text)
        .map_err(|source| ReadError::Io { line, source })?;
    let whole = text.last() == Some(&b'\n');
    if text.len() > max {
        return Err(ReadError::TooLong { line, max });
    }
    Ok((!text.is_empty()).then_some(whole))
}

fn header<M: Format>(text: &[u8], whole: bool) -> Result<Header<M>, ReadError> {
    match Kind::of(text) {
        Some(kind) if kind.livebus != VERSION => Err(ReadError::OtherVersion(kind.livebus)),
        Some(kind) if kind.machine() != M::NAME => Err(ReadError::OtherMachine(kind.machine())),
        Some(_) => Header::decode(text).map_err(|damage| damaged(text, 1, damage)),
        None if whole && text.starts_with(FIRST_BYTES) => {
            let damage = Damage::new("it is not JSON");
            Err(damaged(
                text,
                1,
                Header::<M>::decode(text).err().unwrap_or(damage),
            ))
        }
        None if !whole && (text.starts_with(FIRST_BYTES) || FIRST_BYTES.starts_with(text)) => {
            Err(ReadError::HeaderCut)
        }
        None => Err(ReadError::NotARecording),
    }
}

fn damaged(text: &[u8], line: u64, damage: Damage) -> ReadError {
    if std::str::from_utf8(text).is_err() {
        ReadError::NotUtf8 { line }
    } else {
        ReadError::Damaged { line, damage }
    }
}

fn column(column: Option<usize>) -> String {
    column.map_or_else(String::new, |column| format!(", column {column}"))
}
