//! What other threads answer to the loop of a handler.

use std::sync::{Arc, Mutex};
use std::thread;

use livebus_core::Failure;
use livebus_core::dispatch::{DeadLetterId, DoneRecord, Start};
use livebus_runner::handlers::Wake;

use crate::consumer::commits::PositionResults;
use crate::consumer::context::TopicPartition;
use crate::lock::lock;

/// An answer of another thread.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The commit in flight is over.
    Committed(PositionResults),
    /// Where the partitions of an assignment begin.
    Starts(Result<Vec<StartPosition>, Failure>),
    /// Which offsets there are, after one was out of range.
    Ranges(Result<Vec<PartitionRange>, Failure>),
    /// Where partitions end: those of which it is known.
    Ends(Result<Vec<(TopicPartition, i64)>, Failure>),
    /// The partitions of the topics of a broadcast.
    Partitions(Result<Vec<TopicPartition>, Failure>),
    DeadLetter(DeadLetterId, Result<(), Failure>),
}

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartPosition {
    pub(crate) of: TopicPartition,
    pub(crate) start: Start,
    pub(crate) done: Vec<DoneRecord>,
}

/// The offsets of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionRange {
    pub(crate) of: TopicPartition,
    /// The earliest record that is there.
    pub(crate) low: i64,
    /// The offset after the latest one.
    pub(crate) high: i64,
}

/// The answers that the loop has not taken yet. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    queue: Arc<Mutex<Vec<Answer>>>,
    wake: Wake,
}

impl Answers {
    pub(crate) fn new(wake: Wake) -> Self {
        Self {
            queue: Arc::default(),
            wake,
        }
    }

    pub(crate) fn send(&self, answer: Answer) {
        lock(&self.queue).push(answer);
        self.wake.wake();
    }

    /// Lets the loop look again.
    pub(crate) fn wake(&self) {
        self.wake.wake();
    }

    pub(crate) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut *lock(&self.queue))
    }
}

/// A thread for calls that wait for a broker, one after the other. It ends after the one in progress when this is dropped.
#[derive(Debug)]
pub(crate) struct CallThread<J> {
    jobs: std::sync::mpsc::Sender<J>,
    thread: thread::JoinHandle<()>,
}

impl<J: Send + 'static> CallThread<J> {
    pub(crate) fn start(
        name: &str,
        answers: Answers,
        mut work: impl FnMut(J) -> Answer + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = std::sync::mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                for job in queue {
                    answers.send(work(job));
                }
            })?;
        Ok(Self { jobs, thread })
    }

    pub(crate) fn send(&self, job: J) {
        // It ends only after the sender is dropped, or by a panic: then no answer comes, and the loop has a deadline for each.
        let _ = self.jobs.send(job);
    }

    /// Waits until the call in progress is over.
    pub(crate) fn join(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}
