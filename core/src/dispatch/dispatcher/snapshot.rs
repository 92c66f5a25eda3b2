//! The snapshot of a dispatcher: its whole state as numbers, with which a recording can begin in the middle.

use std::sync::Arc;
use std::time::Instant;

use crate::backoff::Jitter;
use crate::dispatch::config::Config;
use crate::dispatch::dispatcher::{DeadLetters, Dispatcher, Phase};
use crate::inspect::words::{Reader, Word, Words, checksum, fields, variants};

/// The version of the snapshot, its first word. It is raised when the meaning of a word changes.
const VERSION: u64 = 1;

impl Dispatcher {
    /// Returns the whole state beside the configuration as numbers, queued actions included, so that a recording can begin in the
    /// middle. Instants are counted from `epoch`; one that is further from it than 292 years counts as that.
    ///
    /// The meaning of a word is private to this version of the crate: only [`restore`](Self::restore) reads them. There are some for each
    /// record that is held.
    #[must_use]
    pub fn snapshot(&self, epoch: Instant) -> Vec<u64> {
        let Self {
            config: _,
            phase,
            usable_since,
            partitions,
            generations,
            turns,
            runs,
            dead_letters,
            commits,
            run_records,
            pace,
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
        phase.put(&mut to);
        usable_since.put(&mut to);
        partitions.put(&mut to);
        generations.put(&mut to);
        turns.put(&mut to);
        runs.put(&mut to);
        dead_letters.put(&mut to);
        commits.put(&mut to);
        run_records.put(&mut to);
        pace.put(&mut to);
        health.put(&mut to);
        actions.put(&mut to);
        now.put(&mut to);
        jitter.put(&mut to);
        counters.put(&mut to);
        to.words.push(checksum(&to.words));
        to.words
    }

    /// Returns the dispatcher of which `words` are the [snapshot](Self::snapshot): equal to it, if `config` and `epoch` are.
    ///
    /// `None` for words that are not the snapshot of any dispatcher with this configuration, for those that were changed by accident, which a
    /// checksum shows, and for instants that the clock cannot express. Wrong words that are not recognized as such give a dispatcher that
    /// does not panic.
    #[must_use]
    pub fn restore(config: Config, epoch: Instant, words: &[u64]) -> Option<Self> {
        let (sum, words) = words.split_last()?;
        if checksum(words) != *sum {
            return None;
        }
        let mut from = Reader {
            epoch,
            handlers: 0,
            words: words.iter(),
        };
        if from.next()? != VERSION {
            return None;
        }
        let dispatcher = Self {
            config: Arc::new(config),
            phase: Word::take(&mut from)?,
            usable_since: Word::take(&mut from)?,
            partitions: Word::take(&mut from)?,
            generations: Word::take(&mut from)?,
            turns: Word::take(&mut from)?,
            runs: Word::take(&mut from)?,
            dead_letters: Word::take(&mut from)?,
            commits: Word::take(&mut from)?,
            run_records: Word::take(&mut from)?,
            pace: Word::take(&mut from)?,
            health: Word::take(&mut from)?,
            actions: Word::take(&mut from)?,
            now: Word::take(&mut from)?,
            jitter: Jitter(from.next()?),
            counters: Word::take(&mut from)?,
        };
        let is_whole = from.words.as_slice().is_empty();
        (is_whole && dispatcher.is_sound()).then_some(dispatcher)
    }
}

variants!(Phase {
    1 => Working,
    2 => Stopping { deadline, duplicates },
    3 => Stopped,
});

fields!(DeadLetters { in_flight, count });
