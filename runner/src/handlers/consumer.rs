//! The interface between the loop of a handler and the client library that fetches its records.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_core::dispatch::{
    CommitId, DeadLetterId, DoneRecord, Generation, Pace, PartitionId, Position, RecordFailure,
    Room, Start,
};
use livebus_readiness::Explanation;

use crate::bus::Bus;
use crate::handlers::batch::Batch;
use crate::handlers::numbers::{Numbered, PartitionNumbers};
use crate::handlers::record::Record;
use crate::handlers::subscription::Subscription;
use crate::loops::Wake;

/// A bus whose request handlers livebus can drive: see [`RequestHandler`](crate::handlers::RequestHandler).
pub trait ConsumerBus: Bus {
    /// Checks what only this bus knows: the names of topics and groups, the properties.
    ///
    /// # Errors
    ///
    /// What is wrong, with its value and the remedy.
    fn check_subscriptions(&self, subscriptions: &[&Subscription]) -> Result<(), String>;

    /// Makes a consumer, which takes the numbers of its partitions from `numbers`. Does not wait for the bus: what comes later is reported by [`Consumer::poll`], after a call of `wake`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when none can be made. It is tried again after a back-off.
    fn open_consumer(
        &self,
        subscription: &Subscription,
        numbers: &PartitionNumbers,
        wake: Wake,
    ) -> Result<Box<dyn Consumer>, Failure>;

    /// As [`Bus::explain`], for a failure of a handler: where a right is missing, say, it is another one. The default is the same.
    fn explain_handler(&self, failure: Failure) -> Explanation {
        self.explain(failure)
    }
}

/// A consumer, as the loop of a handler uses it. No call waits for the bus.
pub trait Consumer: Send {
    /// Adds what has happened to `inputs`, in its order. Records come only while there is `room` for them, at the pace that was set.
    ///
    /// Called again and again, whatever the room: a client library must be polled, or it counts as dead.
    fn poll(&mut self, room: Room, now: Instant, inputs: &mut Vec<Input>) -> Polled;

    /// Commits positions, with the records above them that are done. To be answered by the deadline with [`Input::CommitAnswered`]: each
    /// position for itself. One that the group may have, but was not seen to have, has failed.
    fn commit(&mut self, id: CommitId, positions: Vec<Position>, deadline: Instant);

    /// Writes a dead letter. To be answered with [`Input::DeadLetterAnswered`].
    fn write_dead_letter(&mut self, letter: DeadLetter);

    /// Sets how fast records are fetched.
    fn set_pace(&mut self, pace: Pace);

    /// Continues a partition at another offset.
    fn seek(&mut self, partition: PartitionId, generation: Generation, offset: i64);

    /// Lets a partition go that was revoked.
    fn release(&mut self, partition: PartitionId, generation: Generation);

    /// Leaves the group and closes the client. Waits for that at most until the deadline; the rest happens in the background.
    fn close(self: Box<Self>, deadline: Instant);
}

/// What is left after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// More is there already.
    More,
    /// Nothing, until this instant or a wake-up. `None`: until a wake-up.
    Idle(Option<Instant>),
}

/// Something that happened to a consumer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Input {
    /// It is a member of its group, and has all partitions that it was given; they may be none.
    Joined,
    /// A partition was assigned.
    Assigned {
        /// The partition, and the generation of its assignment: from [`PartitionNumbers::assign`].
        assigned: Numbered,
        /// Where its records begin.
        start: Start,
        /// The records at or above the position that are done already; offsets ascend.
        done: Vec<DoneRecord>,
    },
    /// Records were fetched, in the order of their offsets.
    Fetched {
        /// Which partition.
        partition: PartitionId,
        /// Its generation.
        generation: Generation,
        /// The records.
        batch: Batch,
    },
    /// Where a partition ends, as a broker has answered. Shown as the lag of the handler, and decides nothing.
    End {
        /// Which partition.
        partition: PartitionId,
        /// Its generation.
        generation: Generation,
        /// The offset after the last record that can be fetched.
        offset: i64,
    },
    /// The broker removed records before they were fetched.
    Removed {
        /// Which partition.
        partition: PartitionId,
        /// Its generation.
        generation: Generation,
        /// The first offset that was not fetched.
        from: i64,
        /// The first offset that can be fetched.
        to: i64,
    },
    /// The group takes a partition away: to be answered by [`Consumer::release`].
    Revoked {
        /// Which partition.
        partition: PartitionId,
        /// The generation that ends.
        generation: Generation,
    },
    /// A partition is gone already.
    Lost {
        /// Which partition.
        partition: PartitionId,
        /// The generation that ended.
        generation: Generation,
    },
    /// Answers [`Consumer::commit`].
    CommitAnswered {
        /// The id of the commit.
        id: CommitId,
        /// For each partition of the commit, whether the group has its position now. One that is missing failed.
        results: Vec<(PartitionId, Result<(), Failure>)>,
    },
    /// Answers [`Consumer::write_dead_letter`].
    DeadLetterAnswered {
        /// The id of the dead letter.
        id: DeadLetterId,
        /// Whether it was acknowledged.
        result: Result<(), Failure>,
    },
    /// Something failed that may pass. Shown until the consumer has joined.
    Failed(Failure),
    /// A broker refuses to give records of a partition that is assigned. Shown until [`FetchesWork`](Self::FetchesWork).
    FetchRefused(Failure),
    /// Records of all assigned partitions can be fetched again.
    FetchesWork,
    /// The consumer is beyond repair: another one is made after a back-off.
    ClientLost(Failure),
}

/// A record that is to be written to the dead-letter topic.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// To be answered with.
    pub id: DeadLetterId,
    /// Where it is written.
    pub topic: Arc<str>,
    /// The record.
    pub record: Record,
    /// How often the function was called with it.
    pub attempts: u32,
    /// How it failed the last time.
    pub class: RecordFailure,
    /// Why it failed the last time.
    pub reason: String,
}

impl DeadLetter {
    /// Returns the headers that say where the record comes from, and what happened to it. Those of the record come before them.
    #[must_use]
    pub fn headers(&self) -> [(&'static str, String); 6] {
        [
            ("livebus.origin.topic", self.record.topic().to_owned()),
            (
                "livebus.origin.partition",
                self.record.partition().to_string(),
            ),
            ("livebus.origin.offset", self.record.offset().to_string()),
            ("livebus.attempts", self.attempts.to_string()),
            ("livebus.class", self.class.name().to_owned()),
            ("livebus.error", self.reason.clone()),
        ]
    }
}

/// The name of a class of failure.
trait ClassName {
    fn name(self) -> &'static str;
}

impl ClassName for RecordFailure {
    fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Permanent => "permanent",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
        }
    }
}
