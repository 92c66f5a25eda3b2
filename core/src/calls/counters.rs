//! What `Calls` counts.

use crate::calls::outcome::Outcome;

/// No count of a `Calls` comes near it, however long it goes on. The sum of all of them does not overflow.
pub(super) const MAX_COUNT: u64 = 1 << 59;

/// What was counted since a `Calls` began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Counters {
    /// Calls that were made: as many ended, or are in flight.
    pub called: u64,
    /// Calls that ended with [`Outcome::Replied`].
    pub replied: u64,
    /// Calls that ended with [`Outcome::Refused`].
    pub refused: u64,
    /// Calls that ended with [`Outcome::NotSent`].
    pub not_sent: u64,
    /// Calls that ended with [`Outcome::SentUnknown`].
    pub sent_unknown: u64,
    /// Calls that ended with [`Outcome::Expired`].
    pub expired: u64,
    /// Calls that ended with [`Outcome::Cancelled`].
    pub cancelled: u64,
    /// Calls that ended with [`Outcome::ShuttingDown`].
    pub shutting_down: u64,
    /// Requests that were sent, each attempt.
    pub sends: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Cancel records.
    pub cancels: u64,
    /// Replies to another instance, to a later epoch, or to a call that was not made or not sent.
    pub foreign_replies: u64,
    /// Replies to an earlier epoch of this instance.
    pub former_replies: u64,
    /// Replies to calls that had ended without one, or so long ago that it is not known.
    pub late_replies: u64,
    /// Replies to calls that had ended with one.
    pub duplicate_replies: u64,
    /// Events that were ignored because what they name is over, or never was.
    pub stale: u64,
}

impl Counters {
    pub(crate) const fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Replied => self.replied += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::NotSent(_) => self.not_sent += 1,
            Outcome::SentUnknown(_) => self.sent_unknown += 1,
            Outcome::Expired => self.expired += 1,
            Outcome::Cancelled => self.cancelled += 1,
            Outcome::ShuttingDown => self.shutting_down += 1,
        }
    }

    /// Returns whether none of them can overflow.
    pub(super) fn fit(&self) -> bool {
        let Self {
            called,
            replied,
            refused,
            not_sent,
            sent_unknown,
            expired,
            cancelled,
            shutting_down,
            sends,
            retries,
            cancels,
            foreign_replies,
            former_replies,
            late_replies,
            duplicate_replies,
            stale,
        } = *self;
        let all = [
            called,
            replied,
            refused,
            not_sent,
            sent_unknown,
            expired,
            cancelled,
            shutting_down,
            sends,
            retries,
            cancels,
            foreign_replies,
            former_replies,
            late_replies,
            duplicate_replies,
            stale,
        ];
        all.into_iter().all(|count| count <= MAX_COUNT)
    }

    /// Returns how many calls ended.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.replied
            + self.refused
            + self.not_sent
            + self.sent_unknown
            + self.expired
            + self.cancelled
            + self.shutting_down
    }
}
