//! The snapshot of `Calls`: its whole state as numbers, with which a recording can begin in the middle.

use std::sync::Arc;
use std::time::Instant;

use crate::backoff::Jitter;
use crate::calls::config::Config;
use crate::calls::machine::{Calls, Phase};
use crate::calls::remembered::Remembered;
use crate::inspect::words::{Reader, Word, Words, checksum, variants};
use crate::status::Cause;

/// The version of the snapshot, its first word. It is raised when the meaning of a word changes.
const VERSION: u64 = 1;

impl Calls {
    /// Returns the whole state beside the configuration as numbers, queued actions included, so that a recording can begin in the
    /// middle. Instants are counted from `epoch`; one that is further from it than 292 years counts as that.
    ///
    /// The meaning of a word is private to this version of the crate: only [`restore`](Self::restore) reads them. There are some for each
    /// call in flight, and one for each call that is remembered.
    #[must_use]
    pub fn snapshot(&self, epoch: Instant) -> Vec<u64> {
        let Self {
            config: _,
            identity,
            phase,
            bus,
            replies,
            table,
            newest,
            remembered,
            health,
            actions,
            now,
            jitter: Jitter(jitter),
            counters,
        } = self;
        let mut to = Words {
            epoch,
            words: vec![VERSION],
        };
        identity.put(&mut to);
        phase.put(&mut to);
        bus.err().put(&mut to);
        replies.put(&mut to);
        table.put(&mut to);
        newest.put(&mut to);
        remembered.put(&mut to);
        health.put(&mut to);
        actions.put(&mut to);
        now.put(&mut to);
        jitter.put(&mut to);
        counters.put(&mut to);
        to.words.push(checksum(&to.words));
        to.words
    }

    /// Returns the `Calls` of which `words` are the [snapshot](Self::snapshot): equal to it, if `config` and `epoch` are.
    ///
    /// `None` for words that are not the snapshot of any `Calls` with this configuration, for those that were changed by accident, which a
    /// checksum shows, and for instants that the clock cannot express. Wrong words that are not recognized as such give a `Calls` that
    /// does not panic.
    #[must_use]
    pub fn restore(config: Config, epoch: Instant, words: &[u64]) -> Option<Self> {
        let (sum, words) = words.split_last()?;
        if checksum(words) != *sum {
            return None;
        }
        let mut from = Reader {
            epoch,
            // A cause may name any handler of the service.
            handlers: usize::from(u16::MAX) + 1,
            words: words.iter(),
        };
        if from.next()? != VERSION {
            return None;
        }
        let calls = Self {
            identity: Word::take(&mut from)?,
            phase: Word::take(&mut from)?,
            bus: <Option<Cause> as Word>::take(&mut from)?.map_or(Ok(()), Err),
            replies: Word::take(&mut from)?,
            table: Word::take(&mut from)?,
            newest: Word::take(&mut from)?,
            remembered: Remembered::take(config.settings().limits.remembered, &mut from)?,
            health: Word::take(&mut from)?,
            actions: Word::take(&mut from)?,
            now: Word::take(&mut from)?,
            jitter: Jitter(from.next()?),
            counters: Word::take(&mut from)?,
            config: Arc::new(config),
        };
        let is_whole = from.words.as_slice().is_empty();
        (is_whole && calls.is_sound()).then_some(calls)
    }
}

variants!(Phase {
    1 => Working,
    2 => Draining { deadline },
    3 => Stopped,
});
