//! The lines that wait to be written to a stream: bounded.

use std::collections::VecDeque;
use std::mem;

use crate::live_text::LiveText;

/// The maximum size of the lines that wait, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What a waiting line takes in memory besides its text, in bytes.
const LINE_OVERHEAD: usize = 32;

/// The lines that wait, and the newest live line.
///
/// When the queue is full, the oldest line is dropped: the last line that a reader gets is always the newest.
#[derive(Debug)]
pub(crate) struct LineQueue {
    lines: VecDeque<String>,
    /// The size of `lines`.
    bytes: usize,
    max_bytes: usize,
    /// Lines that were dropped, and not reported yet.
    dropped: u64,
    live_line: LiveLine,
}

#[derive(Debug)]
enum LiveLine {
    /// There is none, or the newest one was taken.
    Unchanged,
    Drawn(LiveText),
    Cleared,
}

/// What to write next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// A line.
    Line {
        /// The number of lines that were dropped before it, to be reported.
        dropped: u64,
        text: String,
    },
    /// The live line, in place of the previous one.
    LiveLine(LiveText),
    /// The live line is no longer shown.
    NoLiveLine,
}

impl LineQueue {
    pub(crate) const fn new() -> Self {
        Self::with_max_bytes(MAX_BYTES)
    }

    const fn with_max_bytes(max_bytes: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            max_bytes,
            dropped: 0,
            live_line: LiveLine::Unchanged,
        }
    }

    /// Adds a line. Drops the oldest ones if the queue is full.
    pub(crate) fn push(&mut self, line: String) {
        self.bytes += size(&line);
        self.lines.push_back(line);
        while self.bytes > self.max_bytes
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= size(&oldest);
            self.dropped += 1;
        }
    }

    /// Replaces the live line; `None` clears it.
    pub(crate) fn set_live_line(&mut self, line: Option<LiveText>) {
        self.live_line = line.map_or(LiveLine::Cleared, LiveLine::Drawn);
    }

    /// Takes what to write next: lines in their order, then the newest live line.
    pub(crate) fn pop(&mut self) -> Option<Output> {
        if let Some(text) = self.lines.pop_front() {
            self.bytes -= size(&text);
            let dropped = mem::take(&mut self.dropped);
            return Some(Output::Line { dropped, text });
        }
        match mem::replace(&mut self.live_line, LiveLine::Unchanged) {
            LiveLine::Drawn(line) => Some(Output::LiveLine(line)),
            LiveLine::Cleared => Some(Output::NoLiveLine),
            LiveLine::Unchanged => None,
        }
    }

    /// Counts lines that were taken and could not be written as dropped. The next line reports them.
    pub(crate) fn add_dropped(&mut self, lines: u64) {
        self.dropped += lines;
    }

    /// Returns whether there is something to write.
    pub(crate) fn has_output(&self) -> bool {
        !self.lines.is_empty() || !matches!(self.live_line, LiveLine::Unchanged)
    }

    /// Returns the number of lines that were pushed and not written, those that wait included.
    pub(crate) fn unwritten(&self) -> u64 {
        self.dropped + self.lines.len() as u64
    }

    /// Drops everything, and reports none of it.
    pub(crate) fn clear(&mut self) {
        *self = Self::with_max_bytes(self.max_bytes);
    }
}

impl Output {
    /// Returns the number of lines that are lost if it is not written.
    pub(crate) const fn lines(&self) -> u64 {
        match self {
            Self::Line { dropped, .. } => *dropped + 1,
            Self::LiveLine(_) | Self::NoLiveLine => 0,
        }
    }
}

const fn size(line: &str) -> usize {
    line.len() + LINE_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live_text::Painted;

    fn live(text: &str) -> LiveText {
        let text = text.to_owned();
        LiveText::new(Painted {
            plain: text.clone(),
            painted: text,
        })
    }

    fn line(dropped: u64, text: &str) -> Output {
        let text = text.to_owned();
        Output::Line { dropped, text }
    }

    /// A queue in which two lines of two letters fit.
    fn queue_of_two() -> LineQueue {
        LineQueue::with_max_bytes(2 * (2 + LINE_OVERHEAD))
    }

    #[test]
    fn lines_come_in_their_order_and_then_the_newest_live_line() {
        let mut queue = LineQueue::new();
        queue.set_live_line(Some(live("old")));
        queue.push("a".to_owned());
        queue.push("b".to_owned());
        queue.set_live_line(Some(live("new")));
        assert_eq!(queue.pop(), Some(line(0, "a")));
        assert_eq!(queue.pop(), Some(line(0, "b")));
        assert_eq!(queue.pop(), Some(Output::LiveLine(live("new"))));
        assert_eq!(queue.pop(), None);
        queue.set_live_line(None);
        assert_eq!(queue.pop(), Some(Output::NoLiveLine));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn a_full_queue_drops_the_oldest_lines_and_reports_their_number() {
        let mut queue = queue_of_two();
        for text in ["l1", "l2", "l3", "l4"] {
            queue.push(text.to_owned());
        }
        assert_eq!(queue.unwritten(), 4);
        assert_eq!(queue.pop(), Some(line(2, "l3")));
        assert_eq!(queue.pop(), Some(line(0, "l4")));
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn a_line_that_never_fits_is_dropped() {
        let mut queue = queue_of_two();
        queue.push("x".repeat(1_000));
        assert_eq!((queue.has_output(), queue.unwritten()), (false, 1));
        queue.push("ab".to_owned());
        assert_eq!(queue.pop(), Some(line(1, "ab")));
    }

    #[test]
    fn lines_that_could_not_be_written_are_reported_with_the_next_one() {
        let mut queue = LineQueue::new();
        for text in ["a", "b"] {
            queue.push(text.to_owned());
            let failed = queue.pop().expect("a line");
            queue.add_dropped(failed.lines());
        }
        assert!(!queue.has_output(), "the report waits for a line");
        queue.push("c".to_owned());
        assert_eq!(queue.pop(), Some(line(2, "c")));
    }
}
