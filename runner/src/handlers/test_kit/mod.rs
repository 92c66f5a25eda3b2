//! Drives a request handler without a bus, in the tests of a service.
//!
//! The test assigns partitions, delivers records, takes partitions away, lets the process crash, and turns the clock. Functions run on the
//! thread of the test, when it calls a method: a test of tokio calls them inside its runtime.
//!
//! ```
//! use livebus_runner::handlers::RequestHandler;
//! use livebus_runner::handlers::test_kit::{TestGroup, TestRecord};
//!
//! let handler = || {
//!     RequestHandler::new("orders")
//!         .topics(["orders"])
//!         .group("billing")
//!         .run(|_record, _cx| async { Ok(()) })
//! };
//! let mut group = TestGroup::new();
//! let mut member = group.join(handler())?;
//! member.assign("orders", 0);
//! member.deliver("orders", 0, [TestRecord::new("one"), TestRecord::new("two")]);
//! member.revoke("orders", 0);
//! assert_eq!(group.committed("orders", 0), Some(2));
//! # Ok::<(), livebus_runner::handlers::HandlerError>(())
//! ```

mod consumer;
mod record;
mod tasks;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::Cause;
use livebus_core::dispatch::{Counters, Health, Pace, Start};

use crate::handlers::batch::{Batch, Header};
use crate::handlers::consumer::Input;
use crate::handlers::dispatch_loop::HandlerLoop;
use crate::handlers::environment::Environment;
use crate::handlers::mailbox::{LoopMessage, Mailbox};
use crate::handlers::numbers::{Numbered, PartitionNumbers};
use crate::handlers::request_handler::RunnableHandler;
use crate::handlers::subscription::HandlerError;
use crate::lock::lock;
use crate::loops::Clock;
use crate::loops::Registration;
use crate::loops::{Command, Loop as _, Turn, Wake};
use consumer::{Positions, Shared, TestConsumer};
pub use record::TestRecord;
use tasks::Tasks;

/// A group without brokers: the positions that its members have committed. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct TestGroup(Positions);

/// A member of a group: a handler, with everything that happens to it in the hand of the test.
///
/// Dropping it is a crash: nothing is committed.
pub struct TestMember {
    handler: HandlerLoop,
    group: TestGroup,
    shared: Arc<Mutex<Shared>>,
    tasks: Arc<Tasks>,
    mailbox: Arc<Mailbox>,
    numbers: PartitionNumbers,
    assigned: HashMap<(String, i32), Assignment>,
    now: Instant,
    has_ended: bool,
}

/// A partition of a member.
struct Assignment {
    numbered: Numbered,
    next_offset: i64,
}

impl TestGroup {
    /// Returns a group that has committed nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the committed position of a partition.
    #[must_use]
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        let all = lock(&self.0);
        let committed = all.get(&(topic.to_owned(), partition));
        committed.map(|committed| committed.position)
    }

    /// Lets a handler join. The bus can be used, and no partition is assigned.
    ///
    /// # Errors
    ///
    /// [`HandlerError`] when the handler is invalid.
    pub fn join(&mut self, handler: RunnableHandler) -> Result<TestMember, HandlerError> {
        let (shared, tasks) = (Arc::<Mutex<Shared>>::default(), Arc::<Tasks>::default());
        let mailbox = Arc::new(Mailbox::new(Wake::new(|| {})));
        let (of_open, positions) = (Arc::clone(&shared), Arc::clone(&self.0));
        let now = Instant::now();
        let handler = HandlerLoop::new(
            handler.check()?,
            Box::new(move || {
                Ok(Box::new(TestConsumer {
                    shared: Arc::clone(&of_open),
                    positions: Arc::clone(&positions),
                }))
            }),
            Environment {
                spawn: Arc::<Tasks>::clone(&tasks),
                clock: Clock::Real,
                began: now,
            },
            Arc::clone(&mailbox),
            Arc::<Registration>::default(),
            PartitionNumbers::default(),
            Vec::new(),
        );
        let mut member = TestMember {
            handler,
            group: self.clone(),
            shared,
            tasks,
            mailbox,
            numbers: PartitionNumbers::default(),
            assigned: HashMap::new(),
            now,
            has_ended: false,
        };
        member
            .mailbox
            .send(LoopMessage::Command(Command::Bus(Ok(()))));
        member.mailbox.send(LoopMessage::Command(Command::Open));
        member.turn();
        Ok(member)
    }
}

// What happens to it.
impl TestMember {
    /// Assigns a partition. Its records begin at the position that the group has committed, or at 0.
    ///
    /// # Panics
    ///
    /// When this member has it already.
    pub fn assign(&mut self, topic: &str, partition: i32) {
        let of = (topic.to_owned(), partition);
        assert!(!self.assigned.contains_key(&of), "{of:?} is assigned");
        let committed = lock(&self.group.0).get(&of).cloned();
        let start = committed
            .as_ref()
            .map_or(Start::Resolved(0), |it| Start::Committed(it.position));
        let committed = committed.unwrap_or_default();
        let numbered = self.numbers.assign(topic, partition);
        lock(&self.shared)
            .names
            .insert(numbered.partition, numbered.clone());
        let assignment = Assignment {
            numbered: numbered.clone(),
            next_offset: committed.position,
        };
        self.assigned.insert(of, assignment);
        self.input(Input::Assigned {
            assigned: numbered,
            start,
            done: committed.done,
        });
        self.input(Input::Joined);
    }

    /// Delivers records of a partition, and calls the function as far as the order and the limits allow.
    ///
    /// # Panics
    ///
    /// When the partition is not assigned.
    pub fn deliver(
        &mut self,
        topic: &str,
        partition: i32,
        records: impl IntoIterator<Item = TestRecord>,
    ) {
        let assignment = self.assignment(topic, partition);
        let mut batch = Batch::new(Arc::clone(&assignment.numbered.topic), partition);
        for record in records {
            let offset = record.offset.unwrap_or(assignment.next_offset);
            assignment.next_offset = offset + 1;
            let headers = record.headers.iter().map(|(name, value)| Header {
                name,
                value: Some(value),
            });
            batch.push(
                offset,
                Some(offset),
                record.key.as_deref(),
                record.payload.as_deref(),
                headers,
            );
        }
        let Numbered {
            partition,
            generation,
            ..
        } = assignment.numbered;
        self.input(Input::Fetched {
            partition,
            generation,
            batch,
        });
    }

    /// Begins to take a partition away. It is let go when its functions have ended and the group has its position: [`has`](Self::has).
    ///
    /// # Panics
    ///
    /// When the partition is not assigned.
    pub fn revoke(&mut self, topic: &str, partition: i32) {
        let Numbered {
            partition,
            generation,
            ..
        } = self.assignment(topic, partition).numbered;
        self.input(Input::Revoked {
            partition,
            generation,
        });
    }

    /// Takes a partition away at once, as after a session that expired.
    ///
    /// # Panics
    ///
    /// When the partition is not assigned.
    pub fn lose(&mut self, topic: &str, partition: i32) {
        let Numbered {
            partition: id,
            generation,
            ..
        } = self.assignment(topic, partition).numbered;
        self.assigned.remove(&(topic.to_owned(), partition));
        self.input(Input::Lost {
            partition: id,
            generation,
        });
    }

    /// Lets time pass: back-offs, deadlines and drains end.
    pub fn advance(&mut self, time: Duration) {
        // In steps, so that what follows from one timer can lead to the next.
        let end = self.now + time;
        while self.now < end && !self.has_ended {
            self.now = (self.now + Duration::from_millis(10)).min(end);
            self.turn();
        }
    }

    /// Polls the functions that wait, after the test did what they wait for.
    pub fn poll_functions(&mut self) {
        self.turn();
    }

    /// Sets whether the bus can be used. No function is called while it cannot.
    pub fn set_bus_usable(&mut self, is_usable: bool) {
        self.mailbox
            .send(LoopMessage::Command(Command::Bus(if is_usable {
                Ok(())
            } else {
                Err(Cause::Starved)
            })));
        self.turn();
    }

    /// Lets commits fail, or succeed again.
    pub fn fail_commits(&mut self, fails: bool) {
        lock(&self.shared).fails_commits = fails;
    }

    /// Lets the positions of one partition fail when they are committed, or succeed again.
    pub fn fail_commits_of(&mut self, topic: &str, partition: i32, fails: bool) {
        let of = (topic.to_owned(), partition);
        let failing = &mut lock(&self.shared).failing_positions;
        if fails {
            failing.insert(of);
        } else {
            failing.remove(&of);
        }
    }

    /// Lets dead letters fail, or succeed again.
    pub fn fail_dead_letters(&mut self, fails: bool) {
        lock(&self.shared).fails_dead_letters = fails;
    }

    /// Begins the shutdown: [`has_ended`](Self::has_ended) when it is over.
    pub fn shut_down(&mut self) {
        self.mailbox.send(LoopMessage::Command(Command::Shutdown));
        self.turn();
    }
}

// What it has done.
impl TestMember {
    /// Returns whether it has a partition, or has not let it go yet.
    #[must_use]
    pub fn has(&self, topic: &str, partition: i32) -> bool {
        self.assigned.contains_key(&(topic.to_owned(), partition))
    }

    /// Returns the payloads of its dead letters, with their topics.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<(String, Vec<u8>)> {
        lock(&self.shared).dead_letters.clone()
    }

    /// Returns how fast the handler wants records: less than at full pace once it holds as many as its limits allow.
    ///
    /// [`deliver`](Self::deliver) does not look at it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        lock(&self.shared).pace
    }

    /// Returns whether the handler does its work.
    #[must_use]
    pub fn health(&self) -> Health {
        self.handler.health()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.handler.counters()
    }

    /// Returns how many functions are waiting.
    #[must_use]
    pub fn waiting_functions(&self) -> usize {
        self.tasks.count()
    }

    /// Returns whether the handler has stopped.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl TestMember {
    /// How often it goes on at one instant at most.
    const MAX_TURNS: usize = 10_000;

    fn assignment(&mut self, topic: &str, partition: i32) -> &mut Assignment {
        let assignment = self.assigned.get_mut(&(topic.to_owned(), partition));
        assignment.expect("the partition is assigned")
    }

    fn input(&mut self, input: Input) {
        lock(&self.shared).inputs.push(input);
        self.turn();
    }

    /// Goes on until nothing happens any more at this instant.
    fn turn(&mut self) {
        for _ in 0..Self::MAX_TURNS {
            if self.has_ended {
                return;
            }
            let turn = self.handler.turn(self.now);
            self.has_ended = turn == Turn::Ended;
            let has_run = self.tasks.poll();
            let released = std::mem::take(&mut lock(&self.shared).released);
            for id in released {
                self.assigned.retain(|_, it| it.numbered.partition != id);
            }
            let has_inputs = !lock(&self.shared).inputs.is_empty();
            if turn == Turn::Again || has_run || has_inputs || !self.mailbox.is_empty() {
                continue;
            }
            return;
        }
    }
}

impl fmt::Debug for TestMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestMember")
            .field("assigned", &self.assigned.keys())
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
